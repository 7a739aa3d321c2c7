#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/tensor.h"

// The waist of the framework: every layer is a short list of general convolutions. With all indices
// vectors over the dimensions:
//
//   O[g, op, opc] = post( reduce over ks of main( pre( I[g, opc*stride + ks*dilation - pad] ),
//                                                 K[g, op, ks] ) )
//
// Source: GCONV Chain (arXiv 2104.05541), reconstructed; two-sided padding, dilation and strided
// views are extensions of this project (docs/rationale/gconv.md).

namespace syncopate::gconv {

/// The numbers of one dimension. Linear indices in this dimension:
///   input  g*nips + (opc*stride + ks*dilation - pad), of which the part in brackets outside [0,
///   nips)
///          contributes the identity of the reduction (so padding at the end is implied);
///   kernel (g*nop + op)*nks + ks;      output (g*nop + op)*nopc + opc.
struct Dim {
  std::string name;       ///< "B", "C", "T", "H", "W" or another short name, unique within a GConv.
  std::int64_t ng = 1;    ///< Groups.
  std::int64_t nop = 1;   ///< Kernels per group.
  std::int64_t nopc = 1;  ///< Outputs per kernel.
  std::int64_t nks = 1;   ///< Kernel size.
  std::int64_t stride = 1;
  std::int64_t dilation = 1;
  std::int64_t pad = 0;   ///< Before the first element; negative skips leading elements.
  std::int64_t nips = 1;  ///< Input extent per group.

  std::int64_t inputs() const { return ng * nips; }
  std::int64_t kernels() const { return ng * nop * nks; }
  std::int64_t outputs() const { return ng * nop * nopc; }
};

/// Where an operand lives: element address = base + sum over dimensions of stride * linear index.
/// Stride 0 broadcasts. Strides follow the order of GConv::dims.
struct View {
  std::string tensor;  ///< Name in Chain::tensors.
  std::int64_t base = 0;
  std::vector<std::int64_t> strides;
};

enum class Pre : std::uint8_t { none, square, relu, negative_part };  ///< negative_part: min(x, 0).
enum class Main : std::uint8_t { none, mul, add, sub };
enum class Reduce : std::uint8_t { none, add, max };

/// Scalar functions a post can apply, in float. Their fixed-point form is a table.
enum class Function : std::uint8_t {
  leaky_relu,  ///< x < 0 ? alpha*x : x
  sigmoid,
  tanh,
  exp,
  reciprocal,
  sqrt,
  hard_sigmoid,  ///< max(0, min(1, alpha*x + beta))
  hard_swish,    ///< x * hard_sigmoid(x; 1/6, 1/2)
  power          ///< (gamma + alpha*x)^-beta: the divisor of LRN
};

/// One float post operation, applied in list order.
struct PostOp {
  enum class Kind : std::uint8_t {
    affine,   ///< y = scale[c]*x + bias[c]; c is the output's linear index in dimension `channel`.
    clamp,    ///< y = min(max(x, low), high)
    function  ///< y = f(x)
  };
  Kind kind = Kind::affine;
  std::vector<double> scale;  ///< One per channel, or a single one.
  std::vector<double> bias;   ///< Likewise.
  double low = 0, high = 0;
  Function function = Function::sigmoid;
  double alpha = 0, beta = 0, gamma = 0;
};

/// The integer form of a post, valid in a quantized chain (DESIGN section 4). For an exact sum
/// `acc`:
///   y = round_half_even((acc*multiplier[c] + bias[c]) / 2^shift[c]), clamped to [low, high],
///   then, if there is a table, y = table[y - low].
/// Every vector has one entry per channel or a single one. acc*multiplier + bias fits 63 bits: the
/// verifier holds that. Absent (std::nullopt in GConv::fixed) the result is the exact sum, in i64.
struct FixedPost {
  std::vector<std::int64_t> multiplier;
  std::vector<std::int64_t> bias;
  std::vector<int> shift;
  std::int64_t low = 0, high = 0;
  std::shared_ptr<const std::vector<std::int16_t>> table;  ///< high-low+1 entries.
};

/// One general convolution.
struct GConv {
  std::string name;   ///< Unique in the chain, e.g. "conv1" or "softmax/exp".
  std::string layer;  ///< The network layer (IR node) it was lowered from; shared by its parts.
  std::vector<Dim> dims;
  std::string channel;  ///< Name of the dimension along which post operands vary; may be empty.
  Pre pre = Pre::none;
  Main main = Main::none;
  Reduce reduce = Reduce::none;
  View input;
  std::optional<View>
      kernel;  ///< Weights (a constant) or a second activation; absent iff main is none.
  View output;
  std::vector<PostOp> post;        ///< Float form. Kept after quantization for reference.
  std::optional<FixedPost> fixed;  ///< Integer form of the whole post; see FixedPost.
  /// Quantized add/sub/max of operands with different scales: acc = input_factor*I main
  /// kernel_factor*K. Both 1 elsewhere.
  std::int64_t input_factor = 1, kernel_factor = 1;

  /// Index of the dimension with that name, or -1.
  int dim_index(std::string_view dim_name) const;
  /// Operations of main and reduce: the product over dims of ng*nop*nopc*nks.
  std::int64_t work() const;
};

/// A named array. Addresses in views count its elements.
struct TensorInfo {
  std::int64_t elements = 0;  ///< Storage size.
  DType dtype = DType::f32;   ///< f32 before quantization; then i8, i16, or i64 (an exact sum).
  /// Real value of one integer step, per tensor. Before quantization 0, or the step that the model
  /// itself prescribes (QDQ networks) and that quantization keeps where the integers fit.
  double scale = 0;
  /// Weights and exact sums (i64) only: one step per output channel; else empty.
  std::vector<double> channel_scale;
  std::optional<Tensor> constant;  ///< Weights.
  Shape shape;         ///< Logical shape (IR order) for people and reports; may be empty.
  std::string layout;  ///< Storage order of `shape`, e.g. "NHWC"; empty means row-major.
};

/// A network as GCONVs in execution order over named tensors.
struct Chain {
  std::string name;
  bool quantized = false;
  bool synthetic = false;
  int weight_bits = 0, activation_bits = 0;  ///< 8 or 16 once quantized.
  std::map<std::string, TensorInfo> tensors;
  std::vector<GConv> gconvs;
  std::vector<std::string> inputs, outputs;

  const TensorInfo& tensor(const std::string& tensor_name) const;
  TensorInfo& tensor(const std::string& tensor_name);
};

/// Strides, in elements, of the dimensions of `shape` in the tensor's storage order: row-major, or
/// channels-last (dimension 1 innermost) when `layout` is not empty.
std::vector<std::int64_t> storage_strides(const TensorInfo& tensor);
/// The layout string of tensors of that rank: "NWC", "NHWC", "NTHWC"; "" for other ranks.
std::string channels_last(std::size_t rank);
/// Smallest and largest address a view touches, given the extent of each dimension.
struct AddressRange {
  std::int64_t low = 0, high = 0;
};
AddressRange address_range(const View& view, const std::vector<std::int64_t>& extents);
/// Extents of the input, kernel or output in each dimension.
std::vector<std::int64_t> input_extents(const GConv& gconv);
std::vector<std::int64_t> kernel_extents(const GConv& gconv);
std::vector<std::int64_t> output_extents(const GConv& gconv);

/// Names used in texts and messages, e.g. "negative_part", "mul", "add", "hard_swish".
std::string_view name_of(Pre pre);
std::string_view name_of(Main main);
std::string_view name_of(Reduce reduce);
std::string_view name_of(Function function);

/// Throws InternalError naming the gconv when a view leaves its tensor, an operand is missing,
/// names clash, a tensor is read before it is written, or (quantized) an exact sum could overflow
/// 63 bits.
void verify(const Chain& chain);

/// Readable, complete except that constants are written as `const <fnv1a-hash>`; parse_text takes
/// their contents from `constants` (name to tensor) and checks the hash.
std::string to_text(const Chain& chain);
/// Inverse of to_text; InputError with line number for anything malformed.
Chain parse_text(std::string_view text, const std::map<std::string, Tensor>& constants);

}  // namespace syncopate::gconv
