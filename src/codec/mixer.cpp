#include "codec/mixer.h"

#include <algorithm>

namespace syncopate::codec {

Squash::Squash() {
  for (int i = 0; i <= kSteps; ++i) {
    const double x = (i - kSteps / 2) / 128.0;
    const double p = 65536.0 / (1.0 + std::exp(-x));
    table_[static_cast<std::size_t>(i)] =
        static_cast<std::uint16_t>(std::clamp(std::floor(p + 0.5), 1.0, 65535.0));
  }
}

const Squash& squash_table() {
  static const Squash table;
  return table;
}

}  // namespace syncopate::codec
