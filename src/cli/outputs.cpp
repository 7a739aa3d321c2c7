#include "cli/outputs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "base/files.h"

namespace syncopate::cli {
namespace {

namespace fs = std::filesystem;

/// Devices and pipes: to be written to, never replaced.
bool names_special(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

/// Why `path` could not be written, or "".
std::string obstacle(const std::string& path) {
  if (names_special(path)) {
    return ::access(path.c_str(), W_OK) == 0 ? "" : std::strerror(errno);
  }
  std::error_code error;
  if (fs::is_directory(path, error)) return "it is a folder";
  if (fs::exists(path, error) && ::access(path.c_str(), W_OK) != 0) return std::strerror(errno);
  const fs::path folder = fs::path(path).has_parent_path() ? fs::path(path).parent_path() : ".";
  if (!fs::is_directory(folder, error)) {
    return fmt::format("there is no folder '{}'", folder.string());
  }
  // Creating a file is the only test that read-only file systems and quotas cannot fool.
  std::string probe = (folder / ".syncopate-XXXXXX").string();
  const int descriptor = ::mkstemp(probe.data());
  if (descriptor < 0) return std::strerror(errno);
  ::close(descriptor);
  ::unlink(probe.c_str());
  return "";
}

void write_special(const std::string& path, std::string_view contents) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (descriptor < 0) fail("cannot write '{}': {}", path, std::strerror(errno));
  while (!contents.empty()) {
    const ssize_t written = ::write(descriptor, contents.data(), contents.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int error = errno;
      ::close(descriptor);
      fail("cannot write '{}': {}", path, std::strerror(error));
    }
    contents.remove_prefix(static_cast<std::size_t>(written));
  }
  ::close(descriptor);
}

}  // namespace

Output::Output(std::string option, std::string path)
    : option_(std::move(option)), path_(std::move(path)) {
  if (!wanted() || is_stdout()) return;
  const std::string why = obstacle(path_);
  if (!why.empty()) fail("{}: cannot write '{}': {}", option_, path_, why);
}

bool Output::is_special() const { return is_stdout() || names_special(path_); }

void Output::write(std::string_view contents, Console& console) const {
  if (is_stdout()) {
    console.print(contents);
  } else if (names_special(path_)) {
    write_special(path_, contents);
  } else {
    base::write_file_atomically(path_, contents);
  }
}

}  // namespace syncopate::cli
