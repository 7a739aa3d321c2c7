#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "flow/grouping.h"
#include "gconv/rearrange.h"
#include "map/loops.h"
#include "ref/fixed_net.h"
#include "sim/accelerator.h"

namespace syncopate::flow {

/// How an array takes the channels of a gconv, in each of the ways it may choose.
using Passes = std::vector<sim::ChannelPasses>;

/// What the channels of a chain give an array to do, from some inferences: for each convolution
/// that takes them in passes the non-zeros of every channel in some pieces of its input.
class ChannelSamples {
 public:
  /// `passes` are those of every gconv, `inputs` inferences are to follow.
  ChannelSamples(const gconv::Chain& chain, std::span<const Passes> passes, std::size_t inputs);
  /// A gconv whose inputs have just been computed, of inference number `input`.
  void add(std::size_t index, std::size_t input, const ref::FixedNet::Reader& read);
  /// The convolutions that take channels of a class.
  std::vector<Taker> takers(const gconv::ChannelClass& channels) const;

 private:
  struct Convolution {
    gconv::ChannelPart part;
    map::Loops loops;
    Passes passes;
    double pieces = 0;                               ///< Of its input.
    std::vector<std::int32_t> weights;               ///< [channel]: of its kernels, see decisive().
    std::vector<std::vector<std::int32_t>> samples;  ///< [sample][channel]: non-zeros.
  };
  template <class T>
  void count(std::span<const T> values, std::size_t input, Convolution& convolution) const;
  void add_takers(const Convolution& convolution, const gconv::ChannelPart& part,
                  std::vector<Taker>& takers) const;

  std::int64_t pieces_;                              ///< Looked at in each input.
  std::map<std::size_t, Convolution> convolutions_;  ///< By gconv.
};

}  // namespace syncopate::flow
