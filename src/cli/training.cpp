#include "cli/training.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include "base/error.h"

namespace syncopate::cli {

void hand_over(int argc, const char* const* argv) {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::string program = (self.parent_path() / "syncopate-train").string();
  if (::access(program.c_str(), X_OK) != 0) {
    fail(
        "this build has no training: install libtorch-dev and libopenblas0-pthread, then `make "
        "train` (there is no '{}')",
        program);
  }
  std::vector<char*> words;
  for (int i = 0; i < argc; ++i) words.push_back(const_cast<char*>(argv[i]));
  words.push_back(nullptr);
  ::execv(program.c_str(), words.data());
  fail("cannot start '{}': {}", program, std::strerror(errno));
}

}  // namespace syncopate::cli
