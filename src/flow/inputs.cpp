#include "flow/inputs.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/error.h"
#include "base/params.h"
#include "data/image.h"
#include "data/npy.h"

namespace syncopate::flow {
namespace {

namespace fs = std::filesystem;

std::string extension_of(const std::string& path) {
  std::string extension = fs::path(path).extension().string();
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return extension;
}

bool is_npy_name(const std::string& path) { return extension_of(path) == ".npy"; }
bool is_picture_name(const std::string& path) {
  const std::string extension = extension_of(path);
  return extension == ".png" || extension == ".jpg" || extension == ".jpeg";
}

/// Converts to the input's element type; only widening to f32 is ever needed besides equality.
Tensor as_type(const Tensor& tensor, DType wanted, const std::string& name) {
  if (tensor.dtype() == wanted) return tensor;
  if (wanted != DType::f32) {
    fail("{}: elements are {}, the network's input takes {}", name, name_of(tensor.dtype()),
         name_of(wanted));
  }
  Tensor result = Tensor::uninitialized(DType::f32, tensor.shape());
  const std::span<float> out = result.mutable_data<float>();
  const auto widen = [&]<class T>() {
    const std::span<const T> in = tensor.data<T>();
    for (std::size_t i = 0; i < in.size(); ++i) out[i] = static_cast<float>(in[i]);
  };
  switch (tensor.dtype()) {
    case DType::f32:
      break;
    case DType::i8:
      widen.template operator()<std::int8_t>();
      break;
    case DType::u8:
      widen.template operator()<std::uint8_t>();
      break;
    case DType::i16:
      widen.template operator()<std::int16_t>();
      break;
    case DType::u16:
      widen.template operator()<std::uint16_t>();
      break;
    case DType::i32:
      widen.template operator()<std::int32_t>();
      break;
    case DType::u32:
      widen.template operator()<std::uint32_t>();
      break;
    case DType::i64:
      widen.template operator()<std::int64_t>();
      break;
    case DType::boolean:
      widen.template operator()<bool>();
      break;
  }
  return result;
}

void check_finite(const Tensor& tensor, const std::string& name) {
  if (tensor.dtype() != DType::f32) return;
  for (const float value : tensor.data<float>()) {
    if (!std::isfinite(value)) fail("{}: holds NaN or infinite values", name);
  }
}

}  // namespace

data::Normalization normalization(const InputOptions& options, std::int64_t channels) {
  data::Normalization result = data::normalization(options.preset, channels);
  if (options.scale) result.scale = *options.scale;
  if (options.mean) result.mean = *options.mean;
  if (options.deviation) result.deviation = *options.deviation;
  result.bgr |= options.bgr;
  for (const auto* list : {&result.mean, &result.deviation}) {
    if (list->size() != 1 && static_cast<std::int64_t>(list->size()) != channels) {
      fail("--mean and --std: expected 1 or {} values, got {}", channels, list->size());
    }
  }
  for (const double deviation : result.deviation) {
    if (deviation == 0) fail("--std: a deviation of 0 cannot divide");
  }
  return result;
}

Inputs::Inputs(const ir::Graph& graph, const InputOptions& options) : options_(options) {
  for (const ir::ValueId id : graph.inputs) values_.push_back(graph.value(id));
  if (values_.empty()) fail("{}: the network has no input", graph.source);
  std::vector<std::string> plain;
  for (const std::string& word : options.paths) {
    const std::size_t equals = word.find('=');
    std::vector<std::string> names;
    bool named = false;
    for (const ir::Value& value : values_) names.push_back(value.name);
    if (equals != std::string::npos && !fs::exists(word)) {
      const std::string name = word.substr(0, equals);
      if (std::find(names.begin(), names.end(), name) == names.end()) {
        fail("--input {}: the network has no input '{}' (it has: {})", word, name,
             fmt::join(names, ", "));
      }
      named_[name] = data::read_npy(word.substr(equals + 1));
      named = true;
    }
    if (!named) plain.push_back(word);
  }
  const auto is_named = [&](const ir::Value& value) { return named_.contains(value.name); };
  const auto free = std::find_if_not(values_.begin(), values_.end(), is_named);
  if (free == values_.end()) {
    if (!plain.empty()) fail("--input {}: every input of the network is given by name", plain[0]);
    items_.push_back({"named arrays", "", -1});
    return;
  }
  main_ = static_cast<std::size_t>(free - values_.begin());
  const Shape& shape = main().shape;
  const std::int64_t channels = shape.size() == 4 ? shape[1] : 1;
  normalization_ = normalization(options, channels);
  for (const std::string& path : plain) add_path(path);
  if (plain.empty()) {
    procedural_ = true;
    const std::int64_t count = std::max<std::int64_t>(1, options.limit);
    for (std::int64_t i = 0; i < count; ++i) {
      items_.push_back({count == 1 ? "procedural" : fmt::format("procedural {}", i + 1), "", i});
    }
  }
  if (options.limit > 0 && items_.size() > static_cast<std::size_t>(options.limit)) {
    items_.resize(static_cast<std::size_t>(options.limit));
  }
}

const ir::Value& Inputs::main() const { return values_[main_]; }

void Inputs::add_path(const std::string& path) {
  std::error_code error;
  if (!fs::exists(path, error)) fail("--input {}: no such file or folder", path);
  if (fs::is_directory(path, error)) return add_folder(path);
  if (is_npy_name(path)) return add_npy(path);
  const Shape& shape = main().shape;
  if (shape.size() != 4 || (shape[1] != 1 && shape[1] != 3)) {
    fail("--input {}: a picture does not fit the input {}[{}]; give a .npy file", path, main().name,
         to_string(shape));
  }
  pictures_ = true;
  items_.push_back({fs::path(path).filename().string(), path, -1});
}

void Inputs::add_folder(const std::string& path) {
  std::vector<std::string> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(path)) {
    const std::string file = entry.path().string();
    if (is_npy_name(file) || is_picture_name(file)) files.push_back(file);
  }
  if (files.empty()) fail("--input {}: the folder holds no .png, .jpg or .npy file", path);
  std::sort(files.begin(), files.end());
  for (const std::string& file : files) {
    if (options_.limit > 0 && items_.size() >= static_cast<std::size_t>(options_.limit)) break;
    add_path(file);
  }
}

void Inputs::add_npy(const std::string& path) {
  Tensor array = data::read_npy(path);
  const Shape& wanted = main().shape;
  const Shape& shape = array.shape();
  const std::string file = fs::path(path).filename().string();
  const auto refuse = [&] {
    fail("--input {}: the array is {}, the input {} takes {} (or several along the first axis)",
         path, to_string(shape), main().name, to_string(wanted));
  };
  // One sample without the batch axis, exactly one input, or several along the first axis.
  if (shape == wanted) {
    items_.push_back({file, path, -1});
  } else if (!wanted.empty() && wanted[0] == 1 &&
             shape == Shape(wanted.begin() + 1, wanted.end())) {
    array = array.reshaped(wanted);
    items_.push_back({file, path, -1});
  } else {
    if (shape.size() != wanted.size() || wanted.empty() || wanted[0] < 1 || shape[0] < 1 ||
        shape[0] % wanted[0] != 0 ||
        !std::equal(shape.begin() + 1, shape.end(), wanted.begin() + 1)) {
      refuse();
    }
    for (std::int64_t i = 0; i < shape[0] / wanted[0]; ++i) {
      items_.push_back({fmt::format("{}[{}]", file, i), path, i});
    }
  }
  arrays_[path] = as_type(array, main().dtype, path);
  check_finite(arrays_[path], path);
}

std::vector<Tensor> Inputs::load(std::size_t index) const {
  if (!only_.empty()) return only_;
  std::vector<Tensor> tensors;
  for (std::size_t i = 0; i < values_.size(); ++i) {
    const ir::Value& value = values_[i];
    if (const auto found = named_.find(value.name); found != named_.end()) {
      if (found->second.shape() != value.shape) {
        fail("--input {}: the array is {}, expected {}", value.name,
             to_string(found->second.shape()), to_string(value.shape));
      }
      tensors.push_back(as_type(found->second, value.dtype, value.name));
      check_finite(tensors.back(), value.name);
    } else if (i == main_) {
      tensors.push_back(load_main(items_[index]));
    } else {
      tensors.push_back(made_up(value, static_cast<int>(index)));
    }
  }
  if (size() == 1) only_ = tensors;
  return tensors;
}

Tensor Inputs::load_main(const Item& item) const {
  if (item.path.empty())
    return made_up(main(), static_cast<int>(std::max<std::int64_t>(0, item.index)));
  return is_npy_name(item.path) ? from_npy(item) : from_picture(item);
}

Tensor Inputs::from_npy(const Item& item) const {
  const Tensor& array = arrays_.at(item.path);
  if (item.index < 0) return array;
  Tensor slice = Tensor::uninitialized(array.dtype(), main().shape);
  const std::span<const std::byte> all = array.raw();
  const std::span<std::byte> out = slice.mutable_raw();
  std::copy_n(all.begin() + item.index * static_cast<std::int64_t>(out.size()), out.size(),
              out.begin());
  return slice;
}

namespace {

/// Fills a [N,C,H,W] tensor, every image of the batch alike.
Tensor normalized(const data::Picture& picture, const Shape& shape,
                  const data::Normalization& how) {
  Tensor tensor = Tensor::uninitialized(DType::f32, shape);
  const std::span<float> out = tensor.mutable_data<float>();
  const std::vector<std::uint8_t> planes = data::planes(picture);
  for (std::size_t at = 0; at < out.size(); at += planes.size()) {
    data::normalize(planes, shape[1], how, out.subspan(at, planes.size()));
  }
  return tensor;
}

}  // namespace

Tensor Inputs::from_picture(const Item& item) const {
  const Shape& shape = main().shape;
  const data::Picture picture = data::with_channels(data::read_picture(item.path), shape[1]);
  const data::Picture fitted = data::crop_and_resize(picture, shape[3], shape[2]);
  return as_type(normalized(fitted, shape, normalization_), main().dtype, item.path);
}

Tensor Inputs::made_up(const ir::Value& value, int variant) const {
  const Shape& shape = value.shape;
  if (value.dtype != DType::f32) return Tensor(value.dtype, shape);
  const bool is_picture = shape.size() == 4 && (shape[1] == 1 || shape[1] == 3) && shape[2] > 0 &&
                          shape[3] > 0 && shape[2] <= data::kLargestSide &&
                          shape[3] <= data::kLargestSide;
  if (is_picture) {
    const data::Picture picture =
        data::with_channels(data::procedural_picture(shape[3], shape[2], variant), shape[1]);
    const bool is_main = &value == &main();
    return normalized(picture, shape,
                      is_main ? normalization_ : data::normalization("auto", shape[1]));
  }
  Tensor tensor = Tensor::uninitialized(DType::f32, shape);
  std::size_t i = 0;
  for (float& v : tensor.mutable_data<float>()) {
    v = static_cast<float>(std::sin(0.37 * static_cast<double>(i++) + variant));
  }
  return tensor;
}

std::string Inputs::description() const {
  if (items_.size() == 1 && items_[0].name == "named arrays") return "named arrays";
  const std::string source =
      procedural_ ? "a procedural picture (made up; give --input for real data)"
                  : fmt::format("{} input{}", items_.size(), items_.size() == 1 ? "" : "s");
  if (!pictures_ && !(procedural_ && main().shape.size() == 4)) return source;
  return fmt::format("{}, {} as (x*{:.6g} - [{:.6g}]) / [{:.6g}]", source,
                     normalization_.bgr ? "BGR" : "RGB", normalization_.scale,
                     fmt::join(normalization_.mean, ", "),
                     fmt::join(normalization_.deviation, ", "));
}

}  // namespace syncopate::flow
