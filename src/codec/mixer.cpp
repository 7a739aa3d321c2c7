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

constinit const LearningConstants kLearning = {
    .seen = Words{} + 1023,
    .most_seen = Words{} + 1000,
    .three_quarters = Words{} + 0x3f400000,
    .exponent = Words{} - 0x00800000,
    .target = {Floats{} + 1.0F / 4096.0F, Floats{} + 4095.0F / 4096.0F},
    .unit = Floats{} + 1.0F / 4194304.0F,
    .ones = Floats{} + 1.0F,
    .to_probability = Floats{} + 4194304.0F,
    .counted = Floats{} + 1.8F,
    .discounted = Floats{} + 3.6F,
    .two = Floats{} + 2.0F,
    .log_2 = Floats{} + 0.69314718F,
    .low = {Floats{} + 0.99999874F, Floats{} + 0.49987518F},
    .middle = {Floats{} + 0.33344693F, Floats{} + 0.25608131F},
    .high = {Floats{} + 0.20630913F, Floats{} + 0.10829511F},
};

const Squash& squash_table() {
  static const Squash table;
  return table;
}

}  // namespace syncopate::codec
