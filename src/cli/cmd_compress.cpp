#include <fmt/core.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "base/files.h"
#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/outputs.h"
#include "codec/model_file.h"
#include "onnx/export.h"
#include "report/format.h"

namespace syncopate::cli {
namespace {

using codec::StageSizes;
using report::Table;
using report::Tone;

codec::CompressOptions to_options(const CompressArguments& arguments) {
  codec::CompressOptions options;
  options.mode = arguments.mode == "max"    ? codec::Mode::max
                 : arguments.mode == "fast" ? codec::Mode::fast
                                            : codec::Mode::huffman;
  if (arguments.bits > 0) {
    options.quantizer = codec::Quantizer::uniform;
    options.bits = arguments.bits;
  }
  if (arguments.codebook > 0) {
    options.quantizer = codec::Quantizer::codebook;
    options.bits = arguments.codebook;
  }
  options.tolerance = arguments.tolerance;
  options.rate = arguments.rate;
  options.rows_per_book = arguments.rows;
  const bool lossless = options.quantizer == codec::Quantizer::keep;
  options.other_bits = arguments.other_bits > 0 ? arguments.other_bits : lossless ? 32 : 16;
  for (const std::string& word : arguments.layer_bits) {
    const std::size_t equals = word.rfind('=');
    int bits = 0;
    const char* end = word.data() + word.size();
    if (equals == std::string::npos || equals == 0 ||
        std::from_chars(word.data() + equals + 1, end, bits).ptr != end || bits < 1) {
      fail("--layer {}: expected NODE=bits, e.g. conv1=6", word);
    }
    if (lossless) fail("--layer {}: bits need --bits or --codebook", word);
    options.layer_bits[word.substr(0, equals)] = bits;
  }
  return options;
}

/// The sum of several tensors' sizes.
StageSizes& operator+=(StageSizes& sum, const StageSizes& more) {
  sum.elements += more.elements;
  sum.nonzero += more.nonzero;
  sum.dense += more.dense;
  sum.pruned += more.pruned;
  sum.index += more.index;
  sum.quantized += more.quantized;
  sum.coded += more.coded;
  return sum;
}

double part(std::int64_t some, std::int64_t all) {
  return all == 0 ? 0 : static_cast<double>(some) / static_cast<double>(all);
}

void add_sizes(Table& table, const std::string& name, const StageSizes& sizes, Tone tone) {
  const auto cell = [&](std::int64_t bytes) {
    return Table::Cell{report::grouped(bytes), tone, ""};
  };
  table.add_row({{name, tone, ""},
                 cell(sizes.elements),
                 {report::percent(part(sizes.nonzero, sizes.elements)), tone, ""},
                 cell(sizes.dense),
                 cell(sizes.pruned),
                 {sizes.index_format, Tone::dim, ""},
                 cell(sizes.quantized),
                 {sizes.form, Tone::dim, ""},
                 cell(sizes.coded),
                 {sizes.coded > 0 ? report::ratio(part(sizes.dense, sizes.coded)) : "", tone, ""}});
}

std::string table_of(const codec::CompressReport& report, const report::TextStyle& style) {
  Table table;
  table.add_column("bytes of", Table::Align::left);
  table.add_column("weights", Table::Align::right, 40);
  table.add_column("non-zero", Table::Align::right, 60);
  table.add_column("float32", Table::Align::right);
  table.add_column("pruned + index", Table::Align::right, 90);
  table.add_column("index", Table::Align::left, 30);
  table.add_column("quantized", Table::Align::right, 90);
  table.add_column("as", Table::Align::left, 50);
  table.add_column("coded", Table::Align::right);
  table.add_column("ratio", Table::Align::right);
  StageSizes others, total;
  std::size_t number = 0;
  for (const StageSizes& tensor : report.tensors) {
    total += tensor;
    if (tensor.weights) {
      add_sizes(table, report::shortened(tensor.node, 40), tensor, Tone::plain);
    } else {
      others += tensor;
      ++number;
    }
  }
  if (number > 0) add_sizes(table, fmt::format("{} large constants", number), others, Tone::plain);
  StageSizes structure;
  structure.elements = structure.nonzero = report.small_elements;
  structure.dense = structure.pruned = structure.quantized = 4 * report.small_elements;
  structure.coded = report.file;
  for (const StageSizes& tensor : report.tensors) structure.coded -= tensor.coded;
  add_sizes(table, "structure, biases", structure, Tone::plain);
  total += structure;
  table.add_rule();
  add_sizes(table, "total", total, Tone::strong);
  return table.render(style);
}

std::string json_of(const codec::CompressReport& report) {
  nlohmann::ordered_json json;
  json["file_bytes"] = report.file;
  json["structure_bytes"] = report.structure;
  json["small_constants"] = report.small_elements;
  for (const StageSizes& t : report.tensors) {
    json["tensors"].push_back({{"node", t.node},
                               {"tensor", t.tensor},
                               {"weights", t.weights},
                               {"elements", t.elements},
                               {"nonzero", t.nonzero},
                               {"dense_bytes", t.dense},
                               {"pruned_bytes", t.pruned},
                               {"index_bytes", t.index},
                               {"index", t.index_format},
                               {"quantized_bytes", t.quantized},
                               {"coded_bytes", t.coded},
                               {"form", t.form},
                               {"relative_squared_error", t.error}});
  }
  return json.dump(2) + "\n";
}

std::string contents_of(const codec::SyncReader& reader, const report::TextStyle& style) {
  Table table;
  table.add_column("name", Table::Align::left);
  table.add_column("is", Table::Align::left);
  table.add_column("shape", Table::Align::left);
  table.add_column("coded", Table::Align::left, 50);
  table.add_column("bytes", Table::Align::right);
  constexpr std::string_view kKinds[] = {"", "structure", "tensor", "program", "note"};
  constexpr std::string_view kModes[] = {"huffman", "fast", "max"};
  for (const codec::Record& record : reader.records()) {
    const bool tensor = record.kind == codec::RecordKind::tensor;
    table.add_row(
        {{report::shortened(record.name, 60), Tone::plain, ""},
         {std::string(tensor ? name_of(record.tensor.dtype)
                             : kKinds[static_cast<std::size_t>(record.kind)]),
          Tone::dim, ""},
         {tensor ? to_string(record.tensor.shape) : "", Tone::plain, ""},
         {tensor ? fmt::format("{}, {}", codec::name_of(record.tensor.form),
                               kModes[static_cast<std::size_t>(record.tensor.mode)])
                 : "",
          Tone::dim, ""},
         {report::grouped(static_cast<std::int64_t>(record.payload_bytes)), Tone::plain, ""}});
  }
  table.add_rule();
  table.add_row(
      {{"file", Tone::strong, ""},
       {},
       {},
       {},
       {report::grouped(static_cast<std::int64_t>(reader.file_bytes())), Tone::strong, ""}});
  return table.render(style);
}

}  // namespace

void compress_command(const CompressArguments& arguments, Console& console) {
  const Output output("--output", arguments.output);
  const Output json("--json", arguments.json);
  const codec::CompressOptions options = to_options(arguments);
  if (arguments.output.ends_with(".onnx")) {
    fail("--output {}: expected FILE.sync; an ONNX file comes of --data (pruning with training)",
         arguments.output);
  }
  const ir::Graph graph = flow::load_model(to_model(arguments.model));
  ProgressBar bar(console.progress_visible());
  // A regular file is written as it comes; standard output and devices get it whole.
  std::string whole;
  std::optional<base::AtomicFile> file;
  if (output.wanted() && !output.is_special()) file.emplace(output.path());
  codec::SyncWriter writer([&](std::span<const std::byte> bytes) {
    if (file) {
      file->write(bytes);
    } else if (output.wanted()) {
      whole.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
  });
  codec::CompressReport report = write_model(
      graph, options, writer, [&](const std::string& tensor, std::size_t done, std::size_t all) {
        check_interrupt();
        bar.update("compress", tensor, static_cast<std::int64_t>(done),
                   static_cast<std::int64_t>(all));
      });
  writer.finish();
  bar.clear();
  report.file = static_cast<std::int64_t>(writer.bytes());
  if (file) file->commit();
  if (output.wanted() && !file) output.write(whole, console);
  if (json.wanted()) json.write(json_of(report), console);
  if (!output.is_stdout() && !json.is_stdout()) console.print(table_of(report, console.style()));
}

void decompress_command(const DecompressArguments& arguments, Console& console) {
  const Output output("--output", arguments.output);
  const codec::SyncReader reader(arguments.path);
  if (!output.wanted()) {
    console.print(contents_of(reader, console.style()));
    return;
  }
  output.write(onnx::export_bytes(codec::read_model(reader)), console);
}

}  // namespace syncopate::cli
