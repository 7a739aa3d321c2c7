#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace syncopate {

/// Random cases of a test that takes long: `cases`, or a fifth of them where sanitizers make each
/// several times as long (SYNCOPATE_TEST_SCALE=sanitized, set by scripts/test.sh). The build
/// without sanitizers runs them all.
inline std::int64_t scaled(std::int64_t cases) {
  const char* scale = std::getenv("SYNCOPATE_TEST_SCALE");
  const bool sanitized = scale != nullptr && std::string_view(scale) == "sanitized";
  return sanitized ? std::max<std::int64_t>(1, cases / 5) : cases;
}

}  // namespace syncopate
