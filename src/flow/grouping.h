#pragma once

#include <cstdint>
#include <vector>

namespace syncopate::flow {

/// Channels as one convolution takes them: `vector` successive ones to a row of an array, `rows`
/// rows to a pass, which lasts as long as its slowest row.
struct Taker {
  std::int64_t offset = 0;  ///< Of the first channel among all that it takes.
  std::int64_t rows = 1, vector = 1;
  double weight = 1;         ///< Of its time beside that of others.
  std::int64_t samples = 0;  ///< Pieces of maps.
  /// [channel][sample], in any unit. Sums over channels and samples stay below 2^31.
  std::vector<std::int32_t> work;
};

/// The time that channels in this order take: the sum over takers, samples and passes of what the
/// slowest row has to do.
double time_of(const std::vector<Taker>& takers, const std::vector<std::int32_t>& order);

/// An order of the channels that takes little time: the best of `starts`, improved by exchanging
/// two channels as long as that helps. Repeatable.
std::vector<std::int32_t> best_order(const std::vector<Taker>& takers,
                                     const std::vector<std::vector<std::int32_t>>& starts);

/// Channels dealt to rows of `vector` channels, in the order given and back again, so that rows get
/// alike sums.
std::vector<std::int32_t> deal(const std::vector<std::int32_t>& order, std::int64_t vector);

}  // namespace syncopate::flow
