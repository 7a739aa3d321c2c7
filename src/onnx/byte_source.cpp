#include "onnx/byte_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace syncopate::onnx {
namespace {

/// pread instead of a mapping: a file that shrinks while it is read gives an error, not a signal.
class FileSource : public ByteSource {
 public:
  FileSource(std::string path, int file, std::uint64_t size)
      : path_(std::move(path)), file_(file), size_(size) {}
  ~FileSource() override { ::close(file_); }
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;

  std::uint64_t size() const override { return size_; }

  void read(std::uint64_t offset, std::span<std::byte> to) const override {
    while (!to.empty()) {
      // Linux reads at most about 2 GB at a time.
      const std::size_t want = std::min<std::size_t>(to.size(), std::size_t{1} << 30);
      const ssize_t got = ::pread(file_, to.data(), want, static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) fail("{}: cannot read: {}", path_, std::strerror(errno));
      if (got == 0) fail("{}: the file became shorter while it was read", path_);
      offset += static_cast<std::uint64_t>(got);
      to = to.subspan(static_cast<std::size_t>(got));
    }
  }

 private:
  std::string path_;
  int file_;
  std::uint64_t size_;
};

}  // namespace

std::unique_ptr<ByteSource> open_file(const std::string& path) {
  // Without O_NONBLOCK, opening a named pipe would wait for a writer.
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) fail("{}: cannot open: {}", path, std::strerror(errno));
  struct stat info{};
  if (::fstat(file, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(file);
    fail("{}: not a regular file", path);
  }
  return std::make_unique<FileSource>(path, file, static_cast<std::uint64_t>(info.st_size));
}

void MemorySource::read(std::uint64_t offset, std::span<std::byte> to) const {
  if (offset > bytes_.size() || to.size() > bytes_.size() - offset) {
    broken("{} bytes at {} of {}", to.size(), offset, bytes_.size());
  }
  if (!to.empty()) std::memcpy(to.data(), bytes_.data() + offset, to.size());
}

}  // namespace syncopate::onnx
