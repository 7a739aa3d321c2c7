#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "codec/arithmetic.h"
#include "codec/lanes.h"

// Mixing of adaptive distributions over sixteen symbols, the inner loop of the "max" mode. Several
// contexts each keep a distribution; their average, weighed by how well each did before, codes the
// next symbol. Arithmetic as in mixer.h: the same bits on every machine. [public: online mixtures
// of experts, weights moved along the gradient of the code length]

namespace syncopate::codec {

/// What depends on how often a context was asked. Copied whole.
struct alignas(16) Experience {
  float all = 1;           ///< Bound behind the last symbol.
  float trust = 0;         ///< Factor on the context's weight.
  float rate = 0;          ///< How far its distribution moves towards what is seen next.
  std::uint32_t seen = 0;  ///< Times asked, up to LearningTable::kMostSeen.
};

/// What one context knows: the chance that a symbol is below s, 0 for the first.
struct alignas(32) Distribution {
  Floats below[2];
  Experience experience;
};

/// Constants of learning, by times seen and by symbol. [assumed: chosen on the networks of
/// experiments/codec]
class LearningTable {
 public:
  static constexpr std::uint32_t kMostSeen = 500;
  LearningTable();

  Distribution fresh;  ///< One that has seen nothing.
  /// By times seen: what asking once more makes of it.
  std::array<Experience, kMostSeen + 1> after;
  /// What is learned from a symbol.
  alignas(32) std::array<std::array<Floats, 2>, kMixSymbols> target;
};
// Bounds are read as seventeen floats in a row.
static_assert(offsetof(Distribution, experience) == kMixSymbols * sizeof(float) &&
              offsetof(Experience, all) == 0);

/// The one table.
const LearningTable& learning_table();

/// The sum of `kCount` terms, in pairs: none waits for all before it.
template <int kCount, class T>
[[gnu::always_inline]] inline void add_up(const T* terms, T& sum) {
  if constexpr (kCount == 1) {
    sum = terms[0];
  } else {
    T first, second;
    add_up<kCount / 2>(terms, first);
    add_up<kCount - kCount / 2>(terms + kCount / 2, second);
    sum = first + second;
  }
}

/// Distributions of `N` sets of contexts, up to kLanes, and the weights of the sets in each of
/// `kSituations`: sets are not as good guides everywhere.
template <int N, std::size_t kSituations = 1>
class SymbolMixer {
  static_assert(N <= kLanes);

 public:
  /// A set of `contexts[i]` contexts each.
  explicit SymbolMixer(const std::array<std::size_t, N>& contexts) : table_(learning_table()) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < N; ++i) {
      first_[i] = count;
      count += contexts[i];
    }
    distributions_.assign(count, table_.fresh);
    Floats even{};
    for (int i = 0; i < N; ++i) even[i] = 1.0F / N;
    weights_.fill(even);
  }

  /// One symbol: what is known before it is coded.
  struct Question {
    Distribution* at[N];
    float part[N];  ///< Of the average, not yet divided by their sum.
    float whole;    ///< One over that sum.
    Floats* weight;
    Words lower, upper;  ///< The bounds as vectors.
    Bounds bounds;
  };

  /// Asks one context of each set.
  [[gnu::always_inline]] inline void ask(const std::array<std::size_t, N>& contexts,
                                         std::size_t situation, Question& q) {
    q.weight = &weights_[situation];
    const Floats weight = *q.weight;
    for (std::size_t i = 0; i < N; ++i) q.at[i] = distributions_.data() + first_[i] + contexts[i];
    Floats sum_low = q.at[0]->below[0], sum_high = q.at[0]->below[1];
    q.whole = 1;
    if constexpr (N > 1) {
      Floats low[N], high[N];
      for (std::size_t i = 0; i < N; ++i) {
        q.part[i] = q.at[i]->experience.trust * weight[static_cast<int>(i)];
        low[i] = q.at[i]->below[0] * q.part[i];
        high[i] = q.at[i]->below[1] * q.part[i];
      }
      add_up<N>(low, sum_low);
      add_up<N>(high, sum_high);
      add_up<N>(q.part, q.whole);
      q.whole = 1.0F / q.whole;
    }
    // Two are added per symbol: one that makes every symbol possible, one in case rounding put
    // neighbors in the wrong order.
    constexpr Words kFirst = {0, 2, 4, 6, 8, 10, 12, 14};
    constexpr auto kRest = static_cast<float>(kSymbolScale - 2 * kMixSymbols);
    const float scale = q.whole * kRest;
    q.lower = __builtin_convertvector(sum_low * scale, Words) + kFirst;
    q.upper = __builtin_convertvector(sum_high * scale, Words) + (kFirst + kMixSymbols);
    __builtin_memcpy(q.bounds.bound.data(), &q.lower, sizeof(q.lower));
    __builtin_memcpy(q.bounds.bound.data() + 8, &q.upper, sizeof(q.upper));
    q.bounds.bound[kMixSymbols] = kSymbolScale;
  }

  /// Learns what the symbol was.
  [[gnu::always_inline]] inline void learn(const Question& q, int symbol) {
    const LearningTable& table = table_;
    const auto s = static_cast<std::size_t>(symbol);
    if constexpr (N > 1) {
      // Weights follow the gradient of the code length.
      Floats chance{}, share{};
      for (std::size_t i = 0; i < N; ++i) {
        const auto* below = reinterpret_cast<const float*>(q.at[i]);
        chance[static_cast<int>(i)] = below[s + 1] - below[s];
        share[static_cast<int>(i)] = q.part[i];
      }
      const auto width = static_cast<float>(q.bounds.bound[s + 1] - q.bounds.bound[s]);
      const float over = static_cast<float>(kSymbolScale) / width;
      Floats weight = *q.weight;
      weight += share * ((chance * over - 1.0F) * (q.whole * kMixRate));
      *q.weight = weight < kLeastWeight ? Floats{} + kLeastWeight : weight;
    }
    const Floats first = table.target[s][0], second = table.target[s][1];
    for (std::size_t i = 0; i < N; ++i) {
      Distribution& known = *q.at[i];
      known.below[0] += (first - known.below[0]) * known.experience.rate;
      known.below[1] += (second - known.below[1]) * known.experience.rate;
      known.experience = table.after[known.experience.seen];
    }
  }

 private:
  static constexpr float kMixRate = 0.05F, kLeastWeight = 0.002F;

  const LearningTable& table_;
  std::array<std::size_t, N> first_;  ///< Of each set, in distributions_.
  std::vector<Distribution> distributions_;
  alignas(32) std::array<Floats, kSituations> weights_;
};

}  // namespace syncopate::codec
