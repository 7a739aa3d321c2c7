#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "gconv/bounds.h"
#include "gconv/chain.h"
#include "gconv/quantize.h"

// The parts of quantization: which tensors are narrow and at what step, weights, posts.

namespace syncopate::gconv::quantizing {

/// Who writes and reads each tensor, as indices into Chain::gconvs.
struct Uses {
  std::map<std::string, std::vector<std::size_t>> writers;
  std::map<std::string, std::vector<std::size_t>> input_readers, kernel_readers;

  explicit Uses(const Chain& chain);
  const std::vector<std::size_t>& writers_of(const std::string& tensor) const;
  /// The only GCONV that reads the tensor, when it reads it as input; else null.
  const GConv* only_reader(const Chain& chain, const std::string& tensor) const;
};

/// Whether the integers of input and output may share a step: nothing but moves, maxima and a
/// rectifier happens in between.
bool keeps_values(const GConv& gconv);

/// Steps and types of all activations, should they be narrow.
struct Narrow {
  double scale = 0;
  DType dtype = DType::i16;
  /// Largest magnitude used.
  std::int64_t largest() const { return dtype == DType::i8 ? 127 : 32767; }
};
std::map<std::string, Narrow> choose_scales(const Chain& chain, const Uses& uses,
                                            const Ranges& ranges, const QuantizeOptions& options);

/// Integer weights of one constant.
struct Weights {
  Tensor values;
  double scale = 0;                   ///< Per tensor, unless:
  std::vector<double> channel_scale;  ///< one per block of elements / channels.
  std::vector<double> sums;           ///< Sum of |integer| per block; empty without blocks.
};
/// Quantizes `tensor` to `bits` in `channels` equal blocks (1: no blocks). Steps that a QDQ
/// model came with (`info`) are kept where the values fit them. InputError naming `name` for values
/// that are not finite.
Weights quantize_weights(const std::string& name, const TensorInfo& info, int bits,
                         std::int64_t channels);

/// A real post in canonical form: y = f(clamp(scale[c]*x + bias[c], low, high)).
struct RealPost {
  std::vector<double> scale{1}, bias{0};
  double low, high;
  const PostOp* function = nullptr;

  /// InternalError when the operations have no such form (see has_one_form).
  explicit RealPost(const GConv& gconv);
};

/// Real interval.
struct Interval {
  double low = 0, high = 0;
};

/// The integer post for sums of `unit[c]` each, bounded by `bound[c]`, into `output`. `reachable`
/// is where arguments of a function can lie; `largest_result` the calibrated range of its results.
FixedPost make_post(const RealPost& post, const std::vector<double>& unit, const Bound& bound,
                    const Narrow& output, const Interval& reachable, double largest_result,
                    std::int64_t table_entries);

/// An exact post (no rounding) and the units of its results.
struct WidePost {
  FixedPost post;
  std::vector<double> unit;
};
/// Multiplies by powers of two so that results count in steps of at most `resolution`; nullopt when
/// that takes them beyond `limit`.
std::optional<WidePost> make_wide_post(const RealPost& post, const std::vector<double>& unit,
                                       const Bound& bound, double resolution, double limit);

/// The function of a post in double precision.
double evaluate(const PostOp& op, double x);

}  // namespace syncopate::gconv::quantizing
