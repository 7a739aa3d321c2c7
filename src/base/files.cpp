#include "base/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include "base/error.h"

namespace syncopate::base {
namespace {

std::string reason(int error) { return std::generic_category().message(error); }

/// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  /// Closes now and returns the error number, 0 when it went well.
  int close() {
    const int result = ::close(fd_) == 0 ? 0 : errno;
    fd_ = -1;
    return result;
  }

 private:
  int fd_;
};

/// A name beside `path` that no other writer uses.
std::string temporary_name(const std::string& path) {
  static std::atomic<unsigned> counter{0};
  return fmt::format("{}.{}-{}.part", path, ::getpid(), counter.fetch_add(1));
}

}  // namespace

std::vector<std::byte> read_file(const std::string& path, std::size_t limit) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) fail("cannot read '{}': {}", path, reason(errno));
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) fail("cannot read '{}': {}", path, reason(errno));
  if (S_ISDIR(info.st_mode)) fail("cannot read '{}': it is a folder, expected a file", path);
  std::vector<std::byte> contents;
  // Pipes and the like have no size: those are read in growing pieces.
  std::size_t expected = S_ISREG(info.st_mode) ? static_cast<std::size_t>(info.st_size) : 0;
  std::size_t used = 0;
  while (true) {
    if (expected > limit || used > limit) fail("cannot read '{}': over {} bytes", path, limit);
    contents.resize(std::max(expected, used) + 1);
    const ssize_t got = ::read(file.get(), contents.data() + used, contents.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("cannot read '{}': {}", path, reason(errno));
    if (got == 0) break;
    used += static_cast<std::size_t>(got);
    if (used == contents.size()) expected = used * 2;
  }
  contents.resize(used);
  return contents;
}

void write_file_atomically(const std::string& path, std::span<const std::byte> contents) {
  write_parts_atomically(path, std::span(&contents, 1));
}

AtomicFile::AtomicFile(std::string path)
    : path_(std::move(path)), temporary_(temporary_name(path_)) {
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail("cannot write '{}': {}", path_, reason(errno));
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("cannot write '{}': {}", path_, reason(errno));
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void AtomicFile::commit() {
  // Some file systems cannot flush (EINVAL); the rename is still atomic there.
  int error = ::fsync(descriptor_) != 0 && errno != EINVAL ? errno : 0;
  if (::close(descriptor_) != 0 && error == 0) error = errno;
  descriptor_ = -1;
  if (error == 0 && ::rename(temporary_.c_str(), path_.c_str()) != 0) error = errno;
  if (error != 0) fail("cannot write '{}': {}", path_, reason(error));
  temporary_.clear();
}

void write_parts_atomically(const std::string& path,
                            std::span<const std::span<const std::byte>> parts) {
  AtomicFile file(path);
  for (const std::span<const std::byte> part : parts) file.write(part);
  file.commit();
}

void write_file_atomically(const std::string& path, std::string_view contents) {
  write_file_atomically(path, std::as_bytes(std::span(contents)));
}

}  // namespace syncopate::base
