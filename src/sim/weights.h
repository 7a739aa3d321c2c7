#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "gconv/chain.h"
#include "map/loops.h"
#include "sim/bit_plane.h"

namespace syncopate::sim {

/// The constant operand of a conv or window GCONV as array machines see it,
/// [groups][outs][kt][kh][kw][ins], read in place: nothing is copied until it is asked for. Masks
/// are built on first use. Thread-safe.
class Weights {
 public:
  /// The constant is i8 or i16; InternalError otherwise.
  Weights(Tensor constant, const map::KernelStrides& strides, const map::Loops& loops);

  const map::Loops& loops() const { return loops_; }
  /// Values at inputs [in0, in0 + values.size()) of one output (of all groups: group*outs + out) at
  /// one kernel position ((kt*KH + kh)*KW + kw).
  void read(std::int64_t out, std::int64_t position, std::int64_t in0,
            std::span<std::int16_t> values) const;
  /// Non-zero mask: row out*kernel_size + position, one bit per input channel.
  const BitPlane& bits() const;
  /// Where any of `lanes` successive outputs of a group has a weight: row (group*lane groups + lane
  /// group)*kernel_size + position. Built on first use for every number of lanes.
  const BitPlane& any_bits(std::int64_t lanes) const;
  /// Something else made of these weights, once for all who ask with the same key: `make` returns
  /// it. A key always stands for the same T.
  template <class T, class Make>
  std::shared_ptr<const T> derived(const std::string& key, const Make& make) const {
    return std::static_pointer_cast<const T>(derive(
        key, [&make]() -> std::shared_ptr<const void> { return std::make_shared<T>(make()); }));
  }
  /// The distinct non-zero values in ascending order; empty when there are more than 256.
  std::span<const std::int16_t> distinct() const;

 private:
  std::shared_ptr<const void> derive(
      const std::string& key, const std::function<std::shared_ptr<const void>()>& make) const;

  Tensor constant_;
  map::KernelStrides strides_;
  map::Loops loops_;
  mutable BitPlane bits_;
  mutable std::map<std::int64_t, BitPlane> any_bits_;
  mutable std::mutex any_mutex_, derived_mutex_;
  mutable std::map<std::string, std::shared_ptr<const void>> derived_;
  mutable std::vector<std::int16_t> distinct_;
  mutable std::once_flag bits_once_, distinct_once_;
};

/// The weights of a GCONV, shared: while anyone holds them, everyone who asks for the same constant
/// under the same view gets the same object, so that masks are built once for all machines.
std::shared_ptr<const Weights> weights_of(const gconv::Chain& chain, const gconv::GConv& gconv,
                                          const map::Loops& loops);

}  // namespace syncopate::sim
