#pragma once

#include <string>
#include <string_view>

#include "cli/console.h"

namespace syncopate::cli {

/// A file that will be written at the end of a long command. Declared at the start, so that a
/// folder that does not exist or cannot be written is an error before the work, not after it.
class Output {
 public:
  /// `option` stands in messages, e.g. "--json". An empty path means nothing was asked for; "-" is
  /// standard output. InputError when the path cannot be written.
  Output(std::string option, std::string path);

  bool wanted() const { return !path_.empty(); }
  bool is_stdout() const { return path_ == "-"; }
  /// Standard output, a device or a pipe: cannot be replaced in one step.
  bool is_special() const;
  const std::string& path() const { return path_; }
  /// Replaces the file in one step; nothing is left behind when it fails. Devices and pipes, which
  /// cannot be replaced, are written straight.
  void write(std::string_view contents, Console& console) const;

 private:
  std::string option_, path_;
};

}  // namespace syncopate::cli
