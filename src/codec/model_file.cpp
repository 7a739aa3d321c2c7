#include "codec/model_file.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <mutex>
#include <optional>

#include "codec/blocks.h"
#include "codec/sparse.h"
#include "ir/batch_norm.h"
#include "onnx/export.h"
#include "onnx/import.h"

namespace syncopate::codec {
namespace {

constexpr std::string_view kStructure = "network";
/// Constants with fewer elements, unless they are weights, stay in the structure: a record's head
/// would be as large as they are.
constexpr std::int64_t kFewest = 1024;

/// A constant that is stored by itself, and what it is in the network.
struct Part {
  ir::ValueId value = ir::kNoValue;
  std::string node;
  bool weights = false;
  bool rows_are_inputs = false;  ///< A matrix stored [inputs][outputs].
  bool exact = false;            ///< Scales of quantized values: never rounded.
};

bool has_weights(const ir::Op& op) {
  return std::holds_alternative<ir::Conv>(op) || std::holds_alternative<ir::ConvTranspose>(op) ||
         std::holds_alternative<ir::Gemm>(op) || std::holds_alternative<ir::MatMul>(op);
}

bool inputs_first(const ir::Op& op) {
  const auto* gemm = std::get_if<ir::Gemm>(&op);
  return std::holds_alternative<ir::MatMul>(op) || std::holds_alternative<ir::ConvTranspose>(op) ||
         (gemm != nullptr && !gemm->trans_b);
}

bool takes_scales(const ir::Op& op) {
  return std::holds_alternative<ir::QuantizeLinear>(op) ||
         std::holds_alternative<ir::DequantizeLinear>(op) ||
         std::holds_alternative<ir::QLinearConv>(op) ||
         std::holds_alternative<ir::QLinearMatMul>(op);
}

/// All constants, in the order of the nodes that use them.
std::vector<Part> constants_of(const ir::Graph& graph) {
  std::vector<Part> parts;
  std::vector<std::int64_t> found(graph.values.size(), -1);
  for (const ir::Node& node : graph.nodes) {
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const ir::ValueId id = node.inputs[i];
      if (id == ir::kNoValue) continue;
      const ir::Value& value = graph.value(id);
      if (!value.constant || value.name.empty()) continue;
      std::int64_t& index = found[static_cast<std::size_t>(id)];
      if (index < 0) {
        index = static_cast<std::int64_t>(parts.size());
        parts.push_back({id, node.name, false, false, false});
      }
      Part& part = parts[static_cast<std::size_t>(index)];
      part.exact |= takes_scales(node.op);
      if (i == 1 && has_weights(node.op) && value.dtype == DType::f32 && value.shape.size() > 1) {
        part.node = node.name;
        part.weights = true;
        part.rows_are_inputs = inputs_first(node.op);
      }
    }
  }
  return parts;
}

bool is_separate(const ir::Graph& graph, const Part& part) {
  return part.weights || graph.value(part.value).constant->size() >= kFewest;
}

bool is_rounded(const Tensor& tensor, const Part& part, const CompressOptions& options) {
  return tensor.dtype() == DType::f32 && options.other_bits < 32 && !part.weights && !part.exact;
}

std::string structure_of(const ir::Graph& graph, const std::vector<Part>& constants,
                         const CompressOptions& options) {
  ir::Graph skeleton = graph;
  for (const Part& part : constants) {
    std::optional<Tensor>& constant = skeleton.value(part.value).constant;
    if (is_separate(graph, part)) {
      constant.reset();
      skeleton.inputs.push_back(part.value);
    } else if (is_rounded(*constant, part, options)) {
      constant = rounded(*constant, options.other_bits);
    }
  }
  return onnx::export_bytes(skeleton);
}

/// What one tensor became.
struct Stored {
  CodedTensor coded;
  int bits = 32;  ///< Of a value before entropy coding.
  std::int64_t tables = 0;
  std::string form;
};

int bits_of(const CompressOptions& options, const std::string& node) {
  const auto it = options.layer_bits.find(node);
  return it == options.layer_bits.end() ? options.bits : it->second;
}

Codebooks books_of(const Tensor& weights, const Part& part, const CompressOptions& options) {
  CodebookOptions how{bits_of(options, part.node), options.rows_per_book, options.rate};
  if (options.tolerance > 0) how.bits = bits_for_error(weights, how, options.tolerance, how.bits);
  Codebooks books = cluster(weights, how);
  round_entries(books, options.other_bits);
  return books;
}

Stored store_codebook(const Codebooks& books, const CompressOptions& options) {
  std::size_t entries = 2;
  for (const auto& book : books.books) entries = std::max(entries, book.size() - 1);
  const int bits = static_cast<int>(std::bit_width(entries - 1));
  Stored stored{encode_codebooks(books, options.mode), bits, 0,
                fmt::format("codebook, {} bits", bits)};
  const std::int64_t entry_bytes = options.other_bits > 16 ? 4 : 2;
  for (const auto& book : books.books) {
    stored.tables += static_cast<std::int64_t>(book.size()) * entry_bytes;
  }
  if (books.books.size() > 1) stored.form += fmt::format(", {} books", books.books.size());
  return stored;
}

/// Bits of a value of a tensor that is kept as it is.
int kept_bits(const CodedTensor& coded, const Tensor& tensor) {
  if (coded.form == Form::codebook) {
    const std::size_t entries = decode_codebooks(coded).books[0].size();
    return std::max(1, static_cast<int>(std::bit_width(entries - 1)));
  }
  if (coded.form != Form::scaled) return static_cast<int>(size_of(tensor.dtype())) * 8;
  float scale = 1, largest = 0;
  std::memcpy(&scale, coded.payload.data(), sizeof(scale));
  for (const float value : tensor.data<float>()) largest = std::max(largest, std::abs(value));
  return 1 +
         static_cast<int>(std::bit_width(static_cast<std::uint32_t>(std::lround(largest / scale))));
}

Stored store(const Tensor& tensor, const std::string& name, const Part& part,
             const CompressOptions& options) {
  if (const auto given = options.books.find(name); given != options.books.end()) {
    return store_codebook(given->second, options);
  }
  if (part.weights && options.quantizer == Quantizer::codebook) {
    return store_codebook(books_of(tensor, part, options), options);
  }
  if (part.weights && options.quantizer == Quantizer::uniform) {
    const int bits = bits_of(options, part.node);
    return {encode_uniform(quantize_uniform(tensor, bits), tensor.shape(), options.mode), bits, 4,
            fmt::format("uniform, {} bits", bits)};
  }
  const bool round = is_rounded(tensor, part, options);
  Stored stored;
  stored.coded = encode_exact(round ? rounded(tensor, options.other_bits) : tensor, options.mode);
  stored.bits = round ? std::min(options.other_bits, kept_bits(stored.coded, tensor))
                      : kept_bits(stored.coded, tensor);
  stored.form = fmt::format("{}, {} bits", name_of(stored.coded.form), stored.bits);
  return stored;
}

/// The cheapest index for a tensor of these non-zero places, with the values it makes us store.
struct IndexChoice {
  std::int64_t index_bytes = 0, stored = 0;
  std::string name = "none";
};

IndexChoice choose_index(const Tensor& tensor, bool rows_are_inputs) {
  const std::span<const float> values = tensor.data<float>();
  IndexChoice best;
  best.stored = tensor.size();
  std::vector<std::uint8_t> mask(values.size());
  std::vector<std::int32_t> ones(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) ones[i] = mask[i] = values[i] != 0 ? 1 : 0;
  IndexOptions options;
  options.rows = tensor.shape().empty() ? 1 : tensor.shape()[0];
  options.columns = options.rows == 0 ? 0 : tensor.size() / options.rows;
  const BlockShape blocks = detect_blocks(ones, tensor.shape());
  for (const IndexFormat format : index_formats()) {
    options.format = format;
    std::string name(name_of(format));
    if (format == IndexFormat::block) {
      if (blocks.outputs == 1 || (blocks.transposed && tensor.shape().size() != 2)) continue;
      options.block_rows = blocks.transposed ? 1 : blocks.outputs;
      options.block_columns = blocks.transposed ? blocks.outputs : 1;
      name += fmt::format(" of {} {}", blocks.outputs,
                          blocks.transposed == rows_are_inputs ? "outputs" : "inputs");
    }
    const SparseIndex index = encode_index(mask, options);
    const auto bytes = static_cast<std::int64_t>(index.bytes.size());
    const auto stored = static_cast<std::int64_t>(index.stored.size());
    if (bytes + 4 * stored < best.index_bytes + 4 * best.stored) best = {bytes, stored, name};
  }
  return best;
}

StageSizes sizes_of(const Tensor& tensor, const Part& part, const Stored& stored) {
  StageSizes sizes;
  sizes.node = part.node;
  sizes.weights = part.weights;
  sizes.elements = tensor.size();
  sizes.nonzero = tensor.size();
  sizes.dense = tensor.size() * 4;
  sizes.pruned = sizes.dense;
  sizes.index_format = "none";
  std::int64_t kept = tensor.size();
  if (tensor.dtype() == DType::f32) {
    const std::span<const float> values = tensor.data<float>();
    sizes.nonzero = tensor.size() - std::count(values.begin(), values.end(), 0.0F);
    if (part.weights) {
      const IndexChoice index = choose_index(tensor, part.rows_are_inputs);
      kept = index.stored;
      sizes.index = index.index_bytes;
      sizes.pruned = kept * 4 + index.index_bytes;
      sizes.index_format = index.name;
    }
    sizes.error = relative_error(values, decode_tensor(stored.coded).data<float>());
  }
  sizes.quantized = (kept * stored.bits + 7) / 8 + stored.tables + sizes.index;
  sizes.form = stored.form;
  return sizes;
}

void check(const ir::Graph& graph, const CompressOptions& options) {
  for (const auto& [node, bits] : options.layer_bits) {
    const auto same = [&](const ir::Node& n) { return n.name == node; };
    if (std::none_of(graph.nodes.begin(), graph.nodes.end(), same)) {
      fail("there is no node '{}' whose bits could be {}", node, bits);
    }
  }
}

}  // namespace

CompressReport write_model(const ir::Graph& original, const CompressOptions& options,
                           SyncWriter& writer, const CompressProgress& progress) {
  check(original, options);
  ir::Graph graph = original;
  if (options.other_bits < 32) ir::merge_batch_norms(graph);
  std::vector<Part> parts = constants_of(graph);
  const std::string structure = structure_of(graph, parts, options);
  CompressReport report;
  for (const Part& part : parts) {
    if (!is_separate(graph, part))
      report.small_elements += graph.value(part.value).constant->size();
  }
  std::erase_if(parts, [&](const Part& part) { return !is_separate(graph, part); });
  std::uint64_t before = writer.bytes();
  writer.add(RecordKind::structure, std::string(kStructure),
             std::as_bytes(std::span(structure.data(), structure.size())));
  report.structure = static_cast<std::int64_t>(writer.bytes() - before);
  std::vector<Stored> stored(parts.size());
  report.tensors.resize(parts.size());
  std::mutex mutex;
  std::size_t done = 0;
  tbb::parallel_for(std::size_t{0}, parts.size(), [&](std::size_t i) {
    const Part& part = parts[i];
    const ir::Value& value = graph.value(part.value);
    try {
      stored[i] = store(*value.constant, value.name, part, options);
      report.tensors[i] = sizes_of(*value.constant, part, stored[i]);
      report.tensors[i].tensor = value.name;
    } catch (const InputError& error) {
      fail("tensor '{}' of node '{}': {}", value.name, part.node, error.what());
    }
    const std::lock_guard lock(mutex);
    if (progress) progress(value.name, ++done, parts.size());
  });
  for (std::size_t i = 0; i < parts.size(); ++i) {
    before = writer.bytes();
    writer.add(report.tensors[i].tensor, stored[i].coded);
    report.tensors[i].coded = static_cast<std::int64_t>(writer.bytes() - before);
  }
  return report;
}

ir::Graph read_model(const SyncReader& reader) {
  const Record* structure = reader.find(RecordKind::structure, kStructure);
  if (structure == nullptr) fail("'{}' holds no network", reader.name());
  const Bytes bytes = reader.bytes(*structure);
  std::vector<const Record*> records;
  for (const Record& record : reader.records()) {
    if (record.kind == RecordKind::tensor) records.push_back(&record);
  }
  std::vector<Tensor> tensors(records.size());
  tbb::parallel_for(std::size_t{0}, records.size(),
                    [&](std::size_t i) { tensors[i] = reader.tensor(*records[i]); });
  onnx::ImportOptions options;
  for (std::size_t i = 0; i < records.size(); ++i) {
    options.constants.emplace(records[i]->name, std::move(tensors[i]));
  }
  return onnx::import_bytes(bytes, reader.name(), options);
}

}  // namespace syncopate::codec
