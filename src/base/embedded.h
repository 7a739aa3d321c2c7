#pragma once

#include <span>
#include <string_view>

namespace syncopate::base {

/// A data file compiled into the binary by `syncopate_embed` (cmake/Folders.cmake).
struct EmbeddedFile {
  std::string_view name;      ///< File name without folders, e.g. "ddr4-2400.yaml".
  std::string_view contents;  ///< The file's bytes.
};

}  // namespace syncopate::base
