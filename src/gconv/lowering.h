#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "gconv/chain.h"
#include "ir/graph.h"

// What the lowering of every operator shares: where values live, and how GCONVs are added.

namespace syncopate::gconv::lowering {

/// A run of equally spaced elements.
struct Factor {
  std::int64_t extent = 1;
  std::int64_t stride = 0;
};

/// How a QuantizeLinear stored a value, as far as a real-valued chain needs to know.
struct QuantizedAs {
  double scale = 1;
  std::int64_t zero_point = 0;
};

/// Where an IR value lives: part of a chain tensor. A logical dimension is usually one factor;
/// after a Reshape it can be a product of several (outermost first), as in the flattened C*H*W of
/// a channels-last tensor. Factors of extent 1 are left out.
struct Placed {
  std::string tensor;
  std::int64_t base = 0;
  Shape shape;
  std::vector<std::vector<Factor>> dims;  ///< One list per dimension of `shape`.
  std::optional<QuantizedAs> quantized;   ///< Between QuantizeLinear and DequantizeLinear only.

  /// Every dimension is a single factor.
  bool simple() const;
  /// Stride of a simple dimension; 0 when its extent is 1.
  std::int64_t stride(std::size_t dimension) const;
};

/// The same elements under another shape, without moving any; nullopt when strides cannot say it.
std::optional<Placed> reshaped(const Placed& value, const Shape& shape);
/// Dimensions in another order.
Placed transposed(const Placed& value, const std::vector<std::int64_t>& perm);
/// Elements begin, begin + step, ... of one simple dimension.
Placed sliced(const Placed& value, std::size_t dimension, std::int64_t begin, std::int64_t step,
              std::int64_t extent);
/// With broadcast dimensions prepended up to `rank`.
Placed with_rank(const Placed& value, std::size_t rank);

/// Names of the dimensions of a tensor of that rank: B, C, then T, H, W from the back.
std::vector<std::string> dim_names(std::size_t rank);

PostOp affine(std::vector<double> scale, std::vector<double> bias);
PostOp clamp(double low, double high);
PostOp function(Function kind, double alpha = 0, double beta = 0, double gamma = 0);

/// The chain under construction.
class Builder {
 public:
  explicit Builder(const ir::Graph& graph);

  const ir::Graph& graph() const { return graph_; }
  Chain& chain() { return chain_; }

  /// Names the node in messages and in the GCONVs that follow.
  void begin(const ir::Node& node);
  /// InputError naming the current node and operator.
  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) const {
    fail("node '{}' ({}): {}", layer_, operator_, fmt::format(format, std::forward<Args>(args)...));
  }

  /// Whether input `index` of the current node is present and constant.
  bool has_input(std::size_t index) const;
  bool is_constant(std::size_t index) const;
  const std::string& input_name(std::size_t index) const;
  std::size_t input_count() const { return node_->inputs.size(); }
  std::size_t output_count() const { return node_->outputs.size(); }
  bool has_output(std::size_t index) const;
  bool output_is_used(std::size_t index) const;
  /// Shape of input or output `index` of the current node.
  const Shape& input_shape(std::size_t index) const;
  const Shape& output_shape(std::size_t index = 0) const;
  /// The constant f32 input `index`; refuses others, calling it `what`.
  const Tensor& constant(std::size_t index, std::string_view what) const;
  std::vector<double> constant_values(std::size_t index, std::string_view what) const;
  /// Constant of any element type, or null.
  const Tensor* constant_or_null(std::size_t index) const;

  /// Where input `index` of the current node lives; a constant becomes a constant tensor.
  Placed input(std::size_t index);
  /// The same, copied where needed so that every dimension is one factor.
  Placed simple_input(std::size_t index);

  /// A new dense tensor; channels-last for ranks 3 to 5. The name is made unique.
  Placed create(const std::string& name, const Shape& shape);
  /// A new tensor for output 0 of the current node, which carries the value's name.
  Placed create_output();
  /// A new tensor named after output 0 plus a suffix, for a step on the way to it.
  Placed create_step(const std::string& suffix, const Shape& shape);
  /// Output `index` of the current node lives there.
  void bind(const Placed& where, std::size_t index = 0);
  void bind_constant(Tensor value, std::vector<double> channel_scale, double scale);

  /// Adds a constant tensor and returns its name; the same constant is added once.
  std::string add_constant(const std::string& name, const Tensor& tensor);
  /// The same, as an operand.
  Placed place_constant(const std::string& name, const Tensor& tensor);
  /// Name of the constant tensor for the weights at input `index`, which the chain shares with
  /// the graph. Steps that a QDQ model prescribes come along.
  std::string add_weights(std::size_t index);
  /// Adds a GCONV named `<node>` or `<node>/<part>`, and returns it for the caller to complete.
  GConv& add(const std::string& part);

  /// One GCONV that applies `post` (may be empty: a copy) to every element. Extents must agree.
  GConv& add_pointwise(const std::string& part, const Placed& from, const Placed& to,
                       std::vector<PostOp> post, std::size_t channel = 1);
  /// One GCONV main(from, other), numpy broadcasting of both to the shape of `to`.
  GConv& add_elementwise(const std::string& part, Main main, const Placed& from,
                         const Placed& other, const Placed& to);
  /// Copies the elements of any view into a simple one of the same shape.
  void copy_into(const Placed& value, const Placed& to, const std::string& part);
  /// The elements in row-major order of the logical shape, in a new tensor.
  Placed copied_row_major(const Placed& value);
  /// The value copied into a new dense tensor of that name.
  Placed copied(const Placed& value, const std::string& name, const std::string& part);

  /// Network inputs and outputs.
  void add_inputs();
  void add_outputs();

 private:
  struct DerivedConstant {
    Tensor value;
    std::vector<double> channel_scale;
    double scale = 0;
  };

  ir::ValueId input_id(std::size_t index) const;
  const DerivedConstant* derived(ir::ValueId id) const;
  std::string unique_name(const std::string& wanted, bool is_value);

  const ir::Graph& graph_;
  Chain chain_;
  const ir::Node* node_ = nullptr;
  std::string layer_;
  std::string_view operator_;
  std::map<ir::ValueId, Placed> placed_;
  std::map<ir::ValueId, DerivedConstant> derived_;
  std::map<ir::ValueId, std::string> constant_names_;
  std::set<std::string> value_names_;
  std::set<std::string> gconv_names_;
  std::set<std::string> layers_;
};

/// Adds bias or another operand: `kind(a, b)` into `to`, where exactly one operand can be constant.
/// Shared by Binary, Gemm's C and others.
struct Operand {
  const Tensor* constant = nullptr;  ///< f32; `placed` holds an activation otherwise.
  std::string name;                  ///< Of the constant.
  Placed placed;
};
void lower_binary(Builder& builder, const std::string& part, ir::BinaryKind kind, const Operand& a,
                  const Operand& b, const Placed& to);

void lower(Builder& builder, const ir::Conv& op);
void lower(Builder& builder, const ir::ConvTranspose& op);
void lower(Builder& builder, const ir::Gemm& op);
void lower(Builder& builder, const ir::MatMul& op);
void lower(Builder& builder, const ir::BatchNormalization& op);
void lower(Builder& builder, const ir::Unary& op);
void lower(Builder& builder, const ir::PRelu& op);
void lower(Builder& builder, const ir::Binary& op);
void lower(Builder& builder, const ir::Pool& op);
void lower(Builder& builder, const ir::GlobalPool& op);
void lower(Builder& builder, const ir::Lrn& op);
void lower(Builder& builder, const ir::Softmax& op);
void lower(Builder& builder, const ir::Concat& op);
void lower(Builder& builder, const ir::Flatten& op);
void lower(Builder& builder, const ir::Reshape& op);
void lower(Builder& builder, const ir::Transpose& op);
void lower(Builder& builder, const ir::Pad& op);
void lower(Builder& builder, const ir::Slice& op);
void lower(Builder& builder, const ir::Split& op);
void lower(Builder& builder, const ir::Resize& op);
void lower(Builder& builder, const ir::ReduceMean& op);
void lower(Builder& builder, const ir::QuantizeLinear& op);
void lower(Builder& builder, const ir::DequantizeLinear& op);
void lower(Builder& builder, const ir::QLinearConv& op);
void lower(Builder& builder, const ir::QLinearMatMul& op);
void lower(Builder& builder, const ir::Cast& op);
void lower(Builder& builder, const ir::Gather& op);
void lower(Builder& builder, const ir::ShapeOf& op);
void lower(Builder& builder, const ir::ConstantOfShape& op);
void lower(Builder& builder, const ir::DepthToSpace& op);

/// One convolution of `from` with constant weights [M, C/group, kernel] into `to`, without bias.
GConv& add_conv(Builder& builder, const ir::Window& window, std::int64_t group, const Placed& from,
                const std::string& weights, const Shape& weight_shape, const Placed& to);

/// to = a * b with numpy broadcasting, where b is an activation or a constant of that name.
void add_matmul(Builder& builder, Placed a, const Placed* b, const Tensor* constant,
                const std::string& name, Placed to);

}  // namespace syncopate::gconv::lowering
