#include "gconv/chain.h"

namespace syncopate::gconv {
namespace {

template <class Extent>
std::vector<std::int64_t> extents_of(const GConv& gconv, Extent extent) {
  std::vector<std::int64_t> result;
  result.reserve(gconv.dims.size());
  for (const Dim& dim : gconv.dims) {
    result.push_back((dim.*extent)());
  }
  return result;
}

}  // namespace

int GConv::dim_index(std::string_view dim_name) const {
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (dims[i].name == dim_name) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

std::int64_t GConv::work() const {
  std::int64_t product = 1;
  for (const Dim& dim : dims) {
    product *= dim.ng * dim.nop * dim.nopc * dim.nks;
  }
  return product;
}

const TensorInfo& Chain::tensor(const std::string& tensor_name) const {
  const auto found = tensors.find(tensor_name);
  if (found == tensors.end()) {
    broken("chain {} has no tensor '{}'", name, tensor_name);
  }
  return found->second;
}

TensorInfo& Chain::tensor(const std::string& tensor_name) {
  return const_cast<TensorInfo&>(static_cast<const Chain&>(*this).tensor(tensor_name));
}

std::string channels_last(std::size_t rank) {
  switch (rank) {
    case 3:
      return "NWC";
    case 4:
      return "NHWC";
    case 5:
      return "NTHWC";
    default:
      return "";
  }
}

std::vector<std::int64_t> storage_strides(const TensorInfo& tensor) {
  if (tensor.layout.empty()) {
    return row_major_strides(tensor.shape);
  }
  if (tensor.layout != channels_last(tensor.shape.size())) {
    broken("layout '{}' does not fit a tensor of shape {}", tensor.layout, to_string(tensor.shape));
  }
  std::vector<std::int64_t> strides(tensor.shape.size());
  strides[1] = 1;
  std::int64_t next = tensor.shape[1];
  for (std::size_t i = strides.size(); i-- > 0;) {
    if (i != 1) {
      strides[i] = next;
      next *= tensor.shape[i];
    }
  }
  return strides;
}

AddressRange address_range(const View& view, const std::vector<std::int64_t>& extents) {
  AddressRange range{view.base, view.base};
  for (std::size_t i = 0; i < extents.size(); ++i) {
    const std::int64_t reach = (extents[i] - 1) * view.strides[i];
    (reach < 0 ? range.low : range.high) += reach;
  }
  return range;
}

std::vector<std::int64_t> input_extents(const GConv& gconv) {
  return extents_of(gconv, &Dim::inputs);
}

std::vector<std::int64_t> kernel_extents(const GConv& gconv) {
  return extents_of(gconv, &Dim::kernels);
}

std::vector<std::int64_t> output_extents(const GConv& gconv) {
  return extents_of(gconv, &Dim::outputs);
}

std::string_view name_of(Pre pre) {
  constexpr std::string_view names[] = {"none", "square", "relu", "negative_part"};
  return names[static_cast<std::size_t>(pre)];
}

std::string_view name_of(Main main) {
  constexpr std::string_view names[] = {"none", "mul", "add", "sub"};
  return names[static_cast<std::size_t>(main)];
}

std::string_view name_of(Reduce reduce) {
  constexpr std::string_view names[] = {"none", "add", "max"};
  return names[static_cast<std::size_t>(reduce)];
}

std::string_view name_of(Function function) {
  constexpr std::string_view names[] = {"leaky_relu",   "sigmoid",    "tanh",
                                        "exp",          "reciprocal", "sqrt",
                                        "hard_sigmoid", "hard_swish", "power"};
  return names[static_cast<std::size_t>(function)];
}

}  // namespace syncopate::gconv
