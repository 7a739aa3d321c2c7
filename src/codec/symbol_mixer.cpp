#include "codec/symbol_mixer.h"

#include <algorithm>

namespace syncopate::codec {

LearningTable::LearningTable() {
  const auto trust = [](float seen) { return (seen + 0.3F) / (seen + 8.0F); };
  const auto rate = [](float seen) { return 1.0F / (seen + 1.25F); };
  for (int s = 0; s < kMixSymbols; ++s) {
    fresh.below[s / 8][s % 8] = static_cast<float>(s) / static_cast<float>(kMixSymbols);
  }
  const auto after_times = [&](std::uint32_t n) {
    return Experience{1, trust(static_cast<float>(n)), rate(static_cast<float>(n)), n};
  };
  fresh.experience = after_times(0);
  for (std::uint32_t n = 0; n <= kMostSeen; ++n) after[n] = after_times(std::min(n + 1, kMostSeen));
  // What never occurs fades towards a number that is next to nothing, but not so small that
  // processors take long for it.
  constexpr float kNever = 1e-20F;
  for (int symbol = 0; symbol < kMixSymbols; ++symbol) {
    std::array<Floats, 2>& of = target[static_cast<std::size_t>(symbol)];
    for (int s = 0; s < kMixSymbols; ++s) {
      of[static_cast<std::size_t>(s / 8)][s % 8] = s > symbol ? 1.0F : s == 0 ? 0.0F : kNever;
    }
  }
}

const LearningTable& learning_table() {
  static const LearningTable table;
  return table;
}

}  // namespace syncopate::codec
