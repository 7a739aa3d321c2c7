#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "ir/shapes.h"
#include "onnx/translate.h"

namespace syncopate::onnx {
namespace {

using ir::Ints;

/// `axes` counted from the front, for a tensor of `rank` dimensions.
Ints positive_axes(const NodeContext& node, const Ints& axes, std::size_t rank) {
  try {
    return ir::normalize_axes(axes, rank);
  } catch (const InputError& error) {
    node.refuse("{}", error.what());
  }
}

/// A list that was an attribute before opset `since` and is input `i` from then on.
std::optional<Ints> list_argument(NodeContext& node, std::string_view name, std::int64_t since,
                                  std::size_t i) {
  if (node.opset() < since) return node.integers(name);
  if (!node.has_input(i)) return std::nullopt;
  return node.constant_integers(i, fmt::format("the {}", name));
}

void concat(NodeContext& node) {
  const std::int64_t axis =
      node.opset() < 4 ? node.integer("axis", 1) : node.required_integer("axis");
  node.emit(ir::Concat{axis}, node.all_inputs(std::numeric_limits<std::size_t>::max()));
}

void flatten(NodeContext& node) {
  node.emit(ir::Flatten{node.integer("axis", 1)}, node.all_inputs(1));
}

void reshape(NodeContext& node) {
  const auto shape = list_argument(node, "shape", 5, 1);
  if (!shape) node.refuse("the new shape is missing");
  if (node.opset() < 5) node.ignore("consumed_inputs");
  const bool allow_zero = node.opset() >= 14 && node.flag("allowzero", false);
  node.all_inputs(2);
  node.emit(ir::Reshape{*shape, allow_zero}, {node.input(0)});
}

void squeeze(NodeContext& node) {
  const Shape& x = node.shape(0);
  std::vector<bool> drop(x.size(), false);
  if (const auto axes = list_argument(node, "axes", 13, 1)) {
    for (std::int64_t axis : positive_axes(node, *axes, x.size())) {
      const auto d = static_cast<std::size_t>(axis);
      if (x[d] != 1) node.refuse("axis {} of {} has more than one element", axis, to_string(x));
      drop[d] = true;
    }
  } else {
    for (std::size_t d = 0; d < x.size(); ++d) drop[d] = x[d] == 1;
  }
  Ints shape;
  for (std::size_t d = 0; d < x.size(); ++d) {
    if (!drop[d]) shape.push_back(x[d]);
  }
  node.emit(ir::Reshape{shape, true}, {node.input(0)});
}

void unsqueeze(NodeContext& node) {
  const auto axes = list_argument(node, "axes", 13, 1);
  if (!axes) node.refuse("the axes are missing");
  const Shape& x = node.shape(0);
  const std::size_t rank = x.size() + axes->size();
  std::vector<bool> fresh(rank, false);
  for (std::int64_t axis : positive_axes(node, *axes, rank)) {
    fresh[static_cast<std::size_t>(axis)] = true;
  }
  Ints shape;
  auto next = x.begin();
  for (std::size_t d = 0; d < rank; ++d) shape.push_back(fresh[d] ? 1 : *next++);
  node.emit(ir::Reshape{shape, true}, {node.input(0)});
}

void transpose(NodeContext& node) {
  Ints reversed(node.shape(0).size());
  std::iota(reversed.rbegin(), reversed.rend(), 0);
  node.emit(ir::Transpose{node.integers("perm").value_or(reversed)}, node.all_inputs(1));
}

ir::PadMode pad_mode(NodeContext& node) {
  const std::string mode = node.text("mode", "constant");
  if (mode == "constant") return ir::PadMode::constant;
  if (mode == "reflect") return ir::PadMode::reflect;
  if (mode == "edge") return ir::PadMode::edge;
  node.refuse("mode '{}' is not supported (constant, reflect and edge are)", mode);
}

void pad(NodeContext& node) {
  ir::Pad op;
  op.mode = pad_mode(node);
  const auto pads = list_argument(node, "pads", 11, 1);
  if (!pads) node.refuse("the pads are missing");
  if (node.opset() < 11) {
    op.value = node.real("value", 0);
  } else if (node.has_input(2)) {
    op.value = node.constant_real(2, "the value");
  }
  Ints axes(node.shape(0).size());
  std::iota(axes.begin(), axes.end(), 0);
  if (node.opset() >= 18 && node.has_input(3)) axes = node.constant_integers(3, "the axes");
  axes = positive_axes(node, axes, node.shape(0).size());
  if (pads->size() != 2 * axes.size()) {
    node.refuse("pads has {} entries, expected {}", pads->size(), 2 * axes.size());
  }
  op.before.assign(node.shape(0).size(), 0);
  op.after = op.before;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    op.before[static_cast<std::size_t>(axes[i])] = (*pads)[i];
    op.after[static_cast<std::size_t>(axes[i])] = (*pads)[i + axes.size()];
  }
  node.all_inputs(node.opset() < 11 ? 1 : 4);
  node.emit(op, {node.input(0)});
}

void slice(NodeContext& node) {
  const auto starts = list_argument(node, "starts", 10, 1);
  const auto ends = list_argument(node, "ends", 10, 2);
  const auto axes = list_argument(node, "axes", 10, 3);
  if (!starts || !ends) node.refuse("starts or ends are missing");
  ir::Slice op{*starts, *ends, Ints(starts->size()), Ints(starts->size(), 1)};
  std::iota(op.axes.begin(), op.axes.end(), 0);
  if (axes) op.axes = *axes;
  if (node.opset() >= 10 && node.has_input(4)) op.steps = node.constant_integers(4, "the steps");
  node.all_inputs(node.opset() < 10 ? 1 : 5);
  node.emit(op, {node.input(0)});
}

/// Sizes of `parts` pieces. They must be equal before opset 18; since then the last may be shorter.
Ints even_split(const NodeContext& node, std::int64_t extent, std::int64_t parts) {
  if (node.opset() < 18 && extent % parts != 0) {
    node.refuse("{} elements do not split into {} equal parts", extent, parts);
  }
  const std::int64_t piece = (extent + parts - 1) / parts;
  Ints sizes(static_cast<std::size_t>(parts), piece);
  sizes.back() = extent - piece * (parts - 1);
  return sizes;
}

void split(NodeContext& node) {
  ir::Split op;
  op.axis = node.integer("axis", 0);
  const Ints axis = positive_axes(node, {op.axis}, node.shape(0).size());
  const auto parts = static_cast<std::int64_t>(node.outputs());
  if (parts == 0) node.refuse("it has no outputs");
  if (node.opset() >= 18 && node.integer("num_outputs", parts) != parts) {
    node.refuse("num_outputs disagrees with its {} outputs", parts);
  }
  const auto sizes = list_argument(node, "split", 13, 1);
  op.sizes =
      sizes ? *sizes : even_split(node, node.shape(0)[static_cast<std::size_t>(axis[0])], parts);
  node.all_inputs(node.opset() < 13 ? 1 : 2);
  node.emit(op, {node.input(0)}, node.outputs());
}

template <class Mode>
Mode choose(NodeContext& node, std::string_view attribute, std::string_view fallback,
            std::initializer_list<std::pair<std::string_view, Mode>> options) {
  const std::string wanted = node.text(attribute, fallback);
  std::string known;
  for (const auto& [name, mode] : options) {
    if (name == wanted) return mode;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", name);
  }
  node.refuse("{} '{}' is not supported (supported: {})", attribute, wanted, known);
}

void expect_nearest(NodeContext& node) {
  const std::string mode = node.text("mode", "nearest");
  if (mode != "nearest") node.refuse("mode '{}' is not supported (nearest is)", mode);
}

/// Output extent of one dimension from its scale.
std::int64_t scaled(const NodeContext& node, std::int64_t extent, float scale, float part = 1) {
  const double size = std::floor(static_cast<double>(extent) * part * scale);
  if (!(scale > 0) || !(size >= 0) || size > 1e12) {
    node.refuse("scale {} of an extent of {} is out of range", scale, extent);
  }
  return static_cast<std::int64_t>(size);
}

/// Scales for all dimensions, asymmetric coordinates, rounding down: Upsample and the first Resize.
void resize_asymmetric(NodeContext& node, const std::vector<float>& scales) {
  expect_nearest(node);
  const Shape& x = node.shape(0);
  if (scales.size() != x.size()) {
    node.refuse("{} scales for an input of {} dimensions", scales.size(), x.size());
  }
  ir::Resize op;
  op.scales = scales;
  op.coordinates = ir::CoordinateMode::asymmetric;
  op.nearest = ir::NearestMode::floor;
  for (std::size_t d = 0; d < x.size(); ++d) op.sizes.push_back(scaled(node, x[d], scales[d]));
  node.emit(op, {node.input(0)});
}

void upsample(NodeContext& node) {
  if (node.opset() >= 9) return resize_asymmetric(node, node.constant_reals(1, "the scales"));
  const auto scales = node.reals("scales");
  if (!scales) node.refuse("attribute 'scales' is missing");
  resize_asymmetric(node, *scales);
}

/// Sizes and scales of the listed axes when sizes are given.
void resize_to_sizes(NodeContext& node, ir::Resize& op, const Ints& axes, const Ints& sizes) {
  const Shape& x = node.shape(0);
  const std::string policy = node.text("keep_aspect_ratio_policy", "stretch");
  if (policy != "stretch" && policy != "not_larger" && policy != "not_smaller") {
    node.refuse("keep_aspect_ratio_policy '{}' is unknown", policy);
  }
  float common = policy == "not_larger" ? std::numeric_limits<float>::infinity() : 0;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto d = static_cast<std::size_t>(axes[i]);
    if (sizes[i] < 0 || x[d] < 1) node.refuse("size {} of an extent of {}", sizes[i], x[d]);
    const float scale = static_cast<float>(sizes[i]) / static_cast<float>(x[d]);
    op.sizes[d] = sizes[i];
    op.scales[d] = scale;
    common = policy == "not_larger" ? std::min(common, scale) : std::max(common, scale);
  }
  if (policy == "stretch") return;
  for (std::int64_t axis : axes) {
    const auto d = static_cast<std::size_t>(axis);
    op.scales[d] = common;
    op.sizes[d] = scaled(node, 1, std::round(common * static_cast<float>(x[d])));
  }
}

void resize_to_scales(NodeContext& node, ir::Resize& op, const Ints& axes,
                      const std::vector<float>& scales) {
  const Shape& x = node.shape(0);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto d = static_cast<std::size_t>(axes[i]);
    const bool crops = op.coordinates == ir::CoordinateMode::tf_crop_and_resize;
    op.scales[d] = scales[i];
    op.sizes[d] = scaled(node, x[d], scales[i], crops ? op.roi[d + x.size()] - op.roi[d] : 1.0F);
  }
}

/// The region of interest for all dimensions: whole ones where it says nothing.
std::vector<float> region(NodeContext& node, const Ints& axes) {
  const std::size_t rank = node.shape(0).size();
  std::vector<float> roi(2 * rank, 0);
  std::fill(roi.begin() + static_cast<std::ptrdiff_t>(rank), roi.end(), 1.0F);
  const std::vector<float> given = node.constant_reals(1, "the region of interest");
  if (given.size() != 2 * axes.size()) {
    node.refuse("the region of interest has {} entries, expected {}", given.size(),
                2 * axes.size());
  }
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto d = static_cast<std::size_t>(axes[i]);
    roi[d] = given[i];
    roi[d + rank] = given[i + axes.size()];
  }
  return roi;
}

/// This mode (opset 11 only) reads half a pixel further on than half_pixel does: with these two
/// roundings it is half_pixel with another one.
void read_tf_half_pixel(const NodeContext& node, ir::Resize& op) {
  op.coordinates = ir::CoordinateMode::half_pixel;
  if (op.nearest == ir::NearestMode::floor) {
    op.nearest = ir::NearestMode::round_prefer_ceil;
  } else if (op.nearest == ir::NearestMode::round_prefer_floor) {
    op.nearest = ir::NearestMode::ceil;
  } else {
    node.refuse("tf_half_pixel_for_nn is supported with floor and round_prefer_floor only");
  }
}

void read_resize_modes(NodeContext& node, ir::Resize& op) {
  using ir::CoordinateMode;
  using ir::NearestMode;
  expect_nearest(node);
  // These only matter to the other interpolation modes.
  for (std::string_view name : {"cubic_coeff_a", "exclude_outside", "antialias"}) {
    node.ignore(name);
  }
  op.nearest = choose<NearestMode>(node, "nearest_mode", "round_prefer_floor",
                                   {{"round_prefer_floor", NearestMode::round_prefer_floor},
                                    {"round_prefer_ceil", NearestMode::round_prefer_ceil},
                                    {"floor", NearestMode::floor},
                                    {"ceil", NearestMode::ceil}});
  if (node.text("coordinate_transformation_mode", "half_pixel") == "tf_half_pixel_for_nn") {
    return read_tf_half_pixel(node, op);
  }
  op.coordinates =
      choose<CoordinateMode>(node, "coordinate_transformation_mode", "half_pixel",
                             {{"half_pixel", CoordinateMode::half_pixel},
                              {"half_pixel_symmetric", CoordinateMode::half_pixel_symmetric},
                              {"pytorch_half_pixel", CoordinateMode::pytorch_half_pixel},
                              {"align_corners", CoordinateMode::align_corners},
                              {"asymmetric", CoordinateMode::asymmetric},
                              {"tf_crop_and_resize", CoordinateMode::tf_crop_and_resize}});
  op.extrapolation_value = node.real("extrapolation_value", 0);
}

void resize(NodeContext& node) {
  if (node.opset() < 11) return resize_asymmetric(node, node.constant_reals(1, "the scales"));
  ir::Resize op;
  read_resize_modes(node, op);
  const Shape& x = node.shape(0);
  Ints axes(x.size());
  std::iota(axes.begin(), axes.end(), 0);
  if (node.opset() >= 18) axes = node.integers("axes").value_or(axes);
  axes = positive_axes(node, axes, x.size());
  op.sizes = x;
  op.scales.assign(x.size(), 1);
  if (op.coordinates == ir::CoordinateMode::tf_crop_and_resize) op.roi = region(node, axes);
  // An absent list may also be given as an empty one.
  std::vector<float> scales;
  Ints sizes;
  if (node.has_input(2)) scales = node.constant_reals(2, "the scales");
  if (node.has_input(3)) sizes = node.constant_integers(3, "the sizes");
  if (scales.empty() == sizes.empty() || scales.size() + sizes.size() != axes.size()) {
    node.refuse("{} scales and {} sizes for {} dimensions (one of both is needed)", scales.size(),
                sizes.size(), axes.size());
  }
  if (scales.empty()) {
    resize_to_sizes(node, op, axes, sizes);
  } else {
    node.ignore("keep_aspect_ratio_policy");
    resize_to_scales(node, op, axes, scales);
  }
  node.emit(op, {node.input(0)});
}

void dropout(NodeContext& node) {
  if (node.opset() < 6) node.ignore("consumed_inputs");
  if (node.opset() < 7 && !node.flag("is_test", false)) {
    node.refuse("training mode is not supported (export the network for inference)");
  }
  node.ignore("seed");
  if (node.opset() < 12) node.ignore("ratio");
  if (node.opset() >= 12 && node.has_input(2)) {
    const bool training = node.constant_real(2, "training_mode") != 0;
    const float ratio = node.has_input(1) ? node.constant_real(1, "the ratio") : 0.5F;
    if (training && ratio != 0) {
      node.refuse("training mode is not supported (export the network for inference)");
    }
  }
  node.all_inputs(3);
  node.pass(0, node.input(0));
  if (!node.wants(1)) return;
  // Nothing is dropped in inference: the mask is all ones.
  Ints shape = node.shape(0);
  const auto rank = static_cast<std::int64_t>(shape.size());
  const ir::ValueId extents = node.constant_before(Tensor::from<std::int64_t>({rank}, shape));
  Tensor one(node.opset() < 10 ? node.dtype(0) : DType::boolean, {1});
  if (one.dtype() == DType::boolean) {
    one.mutable_data<bool>()[0] = true;
  } else if (one.dtype() == DType::f32) {
    one.mutable_data<float>()[0] = 1;
  } else {
    node.refuse("a mask of type {} is not supported", name_of(one.dtype()));
  }
  node.emit_output(1, ir::ConstantOfShape{one}, {extents});
}

void identity(NodeContext& node) {
  node.all_inputs(1);
  node.pass(0, node.input(0));
}

void constant(NodeContext& node) {
  node.all_inputs(0);
  if (auto value = node.tensor("value")) return node.emit_constant(0, *std::move(value));
  if (node.has("value_float")) {
    return node.emit_constant(0, Tensor::from<float>({}, {node.real("value_float", 0)}));
  }
  if (node.has("value_int")) {
    return node.emit_constant(0, Tensor::from<std::int64_t>({}, {node.integer("value_int", 0)}));
  }
  if (const auto list = node.reals("value_floats")) {
    const auto count = static_cast<std::int64_t>(list->size());
    return node.emit_constant(0, Tensor::from<float>({count}, *list));
  }
  if (const auto list = node.integers("value_ints")) {
    const auto count = static_cast<std::int64_t>(list->size());
    return node.emit_constant(0, Tensor::from<std::int64_t>({count}, *list));
  }
  node.refuse("it needs an attribute value, value_float, value_int, value_floats or value_ints");
}

void constant_of_shape(NodeContext& node) {
  Tensor value = node.tensor("value").value_or(Tensor(DType::f32, {1}));
  node.emit(ir::ConstantOfShape{std::move(value)}, node.all_inputs(1));
}

void shape(NodeContext& node) {
  ir::ShapeOf op;
  if (node.opset() >= 15) {
    op.start = node.integer("start", 0);
    if (node.has("end")) op.end = node.integer("end", 0);
  }
  node.emit(op, node.all_inputs(1));
}

void gather(NodeContext& node) {
  node.emit(ir::Gather{node.integer("axis", 0)}, node.all_inputs(2));
}

void depth_to_space(NodeContext& node) {
  ir::DepthToSpace op;
  op.block = node.required_integer("blocksize");
  if (node.opset() >= 11) {
    op.column_row_depth = choose<bool>(node, "mode", "DCR", {{"DCR", false}, {"CRD", true}});
  }
  node.emit(op, node.all_inputs(1));
}

}  // namespace

void add_move_translators(Translators& table) {
  table.insert({{"Concat", concat},
                {"Flatten", flatten},
                {"Reshape", reshape},
                {"Squeeze", squeeze},
                {"Unsqueeze", unsqueeze},
                {"Transpose", transpose},
                {"Pad", pad},
                {"Slice", slice},
                {"Split", split},
                {"Resize", resize},
                {"Upsample", upsample},
                {"Dropout", dropout},
                {"Identity", identity},
                {"Constant", constant},
                {"ConstantOfShape", constant_of_shape},
                {"Shape", shape},
                {"Gather", gather},
                {"DepthToSpace", depth_to_space}});
}

}  // namespace syncopate::onnx
