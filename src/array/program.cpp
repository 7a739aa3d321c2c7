#include "array/program.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <map>
#include <optional>

#include "array/actions.h"
#include "array/neurons.h"
#include "array/sequence.h"
#include "base/error.h"

namespace syncopate::array {
namespace {

using arch::Field;
using arch::FieldStyle;
using map::WorkKind;

enum Opcode : int {
  kRun = 1,
  kShape = 16,
  kChannels,
  kOutput,
  kInput,
  kKernel,
  kStride,
  kDilation,
  kPad,
  kTiling,
  kBlockSize,
  kWeights,
  kNeurons,
  kSecond,
  kRuns
};

std::vector<Field> spatial(FieldStyle style) {
  return {{"t", 32, style}, {"h", 32, style}, {"w", 32, style}};
}

/// Everything known about a layer while it is compiled.
struct LayerPlan {
  const gconv::GConv* gconv = nullptr;
  map::Loops loops;
  map::Tiling tiling;
  std::shared_ptr<WeightFormat> format;  ///< Null without weights in SB.
  std::vector<SegmentBytes> sizes;       ///< Per segment.
  const LazyImage::Placed* placed = nullptr;
  std::uint64_t input = 0, output = 0;  ///< Addresses.
  std::optional<std::uint64_t> second;  ///< Of the other operand of elementwise work.
  std::vector<sim::Instruction> code;
  bool dropped = false;  ///< An alternative that is the same as the first.
};

std::int64_t buffer_or_zero(const arch::Spec& spec, std::string_view name) {
  for (const arch::Buffer& buffer : spec.buffers) {
    if (buffer.name == name) return buffer.bytes;
  }
  return 0;
}

map::Capacity capacity_of(const arch::Spec& spec, const map::Loops& loops,
                          const map::Grain& grain) {
  const bool two_operands =
      loops.kind == WorkKind::elementwise && (loops.weights || loops.second_operand);
  map::Capacity capacity;
  capacity.grain = grain;
  capacity.neurons = spec.buffer_bytes("NBin") / 2 / kNeuronBytes / (two_operands ? 2 : 1);
  capacity.partial_sums = spec.buffer_bytes("NBout") / 2 / (kSumBits / 8);
  capacity.synapse_bytes = spec.buffer_bytes("SB") / 2;
  capacity.index_bytes = buffer_or_zero(spec, "SIB") / 2;
  return capacity;
}

class Compiler {
 public:
  Compiler(const gconv::Chain& chain, const arch::Spec& spec, const CompilerTraits& traits)
      : chain_(chain), spec_(spec), traits_(traits) {}

  sim::Program run() {
    plans_.resize(chain_.gconvs.size() * alternatives());
    tbb::parallel_for(std::size_t{0}, plans_.size(), [&](std::size_t i) { plan(i); });
    for (std::size_t i = layers(); i < plans_.size(); ++i) {
      plans_[i].dropped = plans_[i].dropped || plans_[i].tiling == plans_[i % layers()].tiling;
    }
    auto image = std::make_shared<LazyImage>();
    for (LayerPlan& plan : plans_) {
      if (plan.format && !plan.dropped) {
        plan.placed = &image->add(plan.format, Segments(plan.loops, plan.tiling), plan.sizes);
      }
    }
    place_neurons(static_cast<std::uint64_t>(image->bytes()));
    tbb::parallel_for(std::size_t{0}, plans_.size(), [&](std::size_t i) {
      if (!plans_[i].dropped) write_layer(plans_[i]);
    });
    return assemble(std::move(image));
  }

 private:
  std::size_t layers() const { return chain_.gconvs.size(); }
  std::size_t alternatives() const { return std::max<std::size_t>(1, traits_.orders.size()); }
  void plan(std::size_t number);
  void place_neurons(std::uint64_t begin);
  void write_layer(LayerPlan& plan) const;
  sim::Program assemble(std::shared_ptr<const LazyImage> image);
  void emit(LayerPlan& plan, std::string_view mnemonic,
            std::initializer_list<std::int64_t> values) const {
    plan.code.push_back(traits_.isa->encode(
        mnemonic, std::span<const std::int64_t>(values.begin(), values.size())));
  }

  const gconv::Chain& chain_;
  const arch::Spec& spec_;
  const CompilerTraits& traits_;
  std::vector<LayerPlan> plans_;  ///< All layers, and their other alternatives behind them.
};

void Compiler::plan(std::size_t number) {
  LayerPlan& plan = plans_[number];
  const std::size_t index = number % layers();
  plan.gconv = &chain_.gconvs[index];
  plan.loops = map::loops_of(chain_, *plan.gconv);
  const map::Loops& loops = plan.loops;
  plan.dropped = number >= layers() && loops.kind != WorkKind::conv;
  if (plan.dropped) return;
  map::Footprint footprint;
  footprint.synapse_bytes = footprint.index_bytes = [](auto...) { return std::int64_t{0}; };
  if (loops.weights && loops.kind != WorkKind::elementwise) {
    auto weights = sim::weights_of(chain_, *plan.gconv, loops);
    plan.format = loops.kind != WorkKind::conv ? dense_format(std::move(weights))
                  : traits_.layer_format       ? traits_.layer_format(index, std::move(weights))
                                               : traits_.conv_format(std::move(weights));
    footprint = plan.format->footprint();
  }
  footprint.neuron_bytes = footprint.output_bytes = kNeuronBytes;
  map::Grain grain;
  grain.outs = spec_.lanes;
  if (traits_.grain) grain = traits_.grain(index, loops);
  if (grain.outs % traits_.neurons.block != 0 || grain.ins % traits_.neurons.block != 0) {
    broken("{}: a grain of {} outputs and {} inputs splits blocks of {} neurons", spec_.machine,
           grain.outs, grain.ins, traits_.neurons.block);
  }
  map::Capacity capacity = capacity_of(spec_, loops, grain);
  capacity.order = traits_.order;
  if (!traits_.orders.empty() && loops.kind == WorkKind::conv) {
    capacity.order = traits_.orders[number / layers()];
    capacity.once = true;
  }
  plan.tiling = map::choose_tiling(loops, capacity, footprint);
  if (!plan.format) return;
  plan.format->set_tiling(plan.tiling);
  const Segments segments(loops, plan.tiling);
  plan.sizes.resize(static_cast<std::size_t>(segments.size()));
  tbb::parallel_for(std::int64_t{0}, segments.size(), [&](std::int64_t i) {
    plan.sizes[static_cast<std::size_t>(i)] = plan.format->bytes(segments.at(i));
  });
}

/// Every tensor that machines read or write at run time gets a place behind the image.
void Compiler::place_neurons(std::uint64_t begin) {
  std::map<std::string, std::uint64_t> places;
  const auto place = [&](const std::string& tensor) {
    const auto [found, is_new] = places.try_emplace(tensor, begin);
    if (is_new) {
      const std::int64_t bytes = chain_.tensor(tensor).elements * kNeuronBytes;
      begin += static_cast<std::uint64_t>(ceil_div(bytes, 64) * 64);
    }
    return found->second;
  };
  for (LayerPlan& plan : plans_) {
    if (plan.dropped) continue;
    plan.input = place(plan.gconv->input.tensor);
    const bool second = plan.loops.kind == WorkKind::elementwise && plan.gconv->kernel.has_value();
    if (second) plan.second = place(plan.gconv->kernel->tensor);
    plan.output = place(plan.gconv->output.tensor);
  }
}

void Compiler::write_layer(LayerPlan& plan) const {
  const map::Loops& l = plan.loops;
  const map::Tiling& t = plan.tiling;
  emit(plan, "shape",
       {static_cast<std::int64_t>(l.kind), l.batch, l.groups, l.weights, l.second_operand});
  emit(plan, "channels", {l.outs, l.ins});
  emit(plan, "output", {l.out[0], l.out[1], l.out[2]});
  emit(plan, "input", {l.in[0], l.in[1], l.in[2]});
  emit(plan, "kernel", {l.kernel[0], l.kernel[1], l.kernel[2]});
  emit(plan, "stride", {l.stride[0], l.stride[1], l.stride[2]});
  emit(plan, "dilation", {l.dilation[0], l.dilation[1], l.dilation[2]});
  emit(plan, "pad", {l.pad[0], l.pad[1], l.pad[2]});
  emit(plan, "tiling",
       {t.order == map::Order::synapse_reuse, t.resident, t.streamed, t.outs, t.ins});
  emit(plan, "block", {t.block[0], t.block[1], t.block[2]});
  emit(plan, "neurons",
       {static_cast<std::int64_t>(plan.input), static_cast<std::int64_t>(plan.output),
        traits_.neurons.block, traits_.neurons.bits, traits_.neurons.nonzero_bits,
        traits_.neurons.offset_bits});
  if (traits_.neurons.run_bits > 0 || traits_.neurons.word_entries > 0) {
    emit(plan, "runs", {traits_.neurons.run_bits, traits_.neurons.word_entries});
  }
  if (plan.second) emit(plan, "second", {static_cast<std::int64_t>(*plan.second)});
  if (traits_.configure) {
    traits_.configure(static_cast<std::size_t>(&plan - plans_.data()) % layers(), plan.loops,
                      plan.code);
  }
  if (plan.format) {
    emit(plan, "weights",
         {static_cast<std::int64_t>(plan.placed->directory),
          static_cast<std::int64_t>(plan.placed->table), plan.placed->table_bytes});
    plan.format->configure(plan.code);
  }
  emit(plan, "run", {map::TileOrder(l, t).size()});
}

sim::Program Compiler::assemble(std::shared_ptr<const LazyImage> image) {
  sim::Program program;
  program.machine = spec_.machine;
  program.image = std::move(image);
  std::size_t total = 0;
  for (const LayerPlan& plan : plans_) total += plan.code.size();
  program.code.reserve(total);
  for (std::size_t i = 0; i < layers(); ++i) {
    sim::LayerCode layer{i, plans_[i].loops, plans_[i].tiling, program.code.size(), 0};
    for (std::size_t number = i; number < plans_.size(); number += layers()) {
      std::vector<sim::Instruction>& code = plans_[number].code;
      program.code.insert(program.code.end(), code.begin(), code.end());
      code = {};
    }
    layer.end = program.code.size();
    program.layers.push_back(layer);
  }
  return program;
}

std::array<std::int64_t, 3> three(const arch::Decoded& d) {
  return {d.values[0], d.values[1], d.values[2]};
}

/// Applies one configuration instruction; false when it is none of the common ones.
bool configure(const arch::Decoded& d, DecodedLayer& layer) {
  switch (d.format->opcode) {
    case kShape:
      if (d["kind"] > 2) fail("program: unknown layer kind {}", d["kind"]);
      layer.loops.kind = static_cast<WorkKind>(d["kind"]);
      layer.loops.batch = d["batch"];
      layer.loops.groups = d["groups"];
      layer.loops.weights = d["weights"] != 0;
      layer.loops.second_operand = d["second"] != 0;
      return true;
    case kChannels:
      layer.loops.outs = d["outs"];
      layer.loops.ins = d["ins"];
      return true;
    case kOutput:
      layer.loops.out = three(d);
      return true;
    case kInput:
      layer.loops.in = three(d);
      return true;
    case kKernel:
      layer.loops.kernel = three(d);
      return true;
    case kStride:
      layer.loops.stride = three(d);
      return true;
    case kDilation:
      layer.loops.dilation = three(d);
      return true;
    case kPad:
      layer.loops.pad = three(d);
      return true;
    case kTiling:
      layer.tiling.order =
          d["synapse_reuse"] != 0 ? map::Order::synapse_reuse : map::Order::neuron_reuse;
      layer.tiling.resident = d["resident"] != 0;
      layer.tiling.streamed = d["streamed"] != 0;
      layer.tiling.outs = d["outs"];
      layer.tiling.ins = d["ins"];
      return true;
    case kBlockSize:
      layer.tiling.block = three(d);
      return true;
    case kWeights:
      layer.directory = static_cast<std::uint64_t>(d["directory"]);
      layer.table = static_cast<std::uint64_t>(d["table"]);
      layer.table_bytes = d["table_bytes"];
      return true;
    case kNeurons:
      layer.input = static_cast<std::uint64_t>(d["input"]);
      layer.output = static_cast<std::uint64_t>(d["output"]);
      layer.neurons = {d["block"],
                       d["bits"],
                       d["nonzero_bits"],
                       d["offset_bits"],
                       layer.neurons.run_bits,
                       layer.neurons.word_entries};
      if (layer.neurons.block == 0) fail("program: neurons lie in blocks of no channels");
      return true;
    case kRuns:
      layer.neurons.run_bits = d["bits"];
      layer.neurons.word_entries = d["entries"];
      return true;
    case kSecond:
      layer.second = static_cast<std::uint64_t>(d["address"]);
      return true;
    default:
      return false;
  }
}

}  // namespace

std::vector<arch::Format> base_formats() {
  const auto plain = FieldStyle::unsigned_number;
  const auto hex = FieldStyle::hexadecimal;
  return {{kRun, "run", {{"tiles", 48}}},
          {kShape,
           "shape",
           {{"kind", 2}, {"batch", 32}, {"groups", 32}, {"weights", 1}, {"second", 1}}},
          {kChannels, "channels", {{"outs", 40}, {"ins", 40}}},
          {kOutput, "output", spatial(plain)},
          {kInput, "input", spatial(plain)},
          {kKernel, "kernel", spatial(plain)},
          {kStride, "stride", spatial(plain)},
          {kDilation, "dilation", spatial(plain)},
          {kPad, "pad", spatial(FieldStyle::signed_number)},
          {kTiling,
           "tiling",
           {{"synapse_reuse", 1}, {"resident", 1}, {"streamed", 1}, {"outs", 40}, {"ins", 40}}},
          {kBlockSize, "block", spatial(plain)},
          {kWeights, "weights", {{"directory", 40, hex}, {"table", 40, hex}, {"table_bytes", 24}}},
          {kNeurons,
           "neurons",
           {{"input", 40, hex},
            {"output", 40, hex},
            {"block", 16},
            {"bits", 6},
            {"nonzero_bits", 6},
            {"offset_bits", 6}}},
          {kSecond, "second", {{"address", 40, hex}}},
          {kRuns, "runs", {{"bits", 5}, {"entries", 5}}}};
}

sim::Program compile_array(const gconv::Chain& chain, const arch::Spec& spec,
                           const CompilerTraits& traits) {
  return Compiler(chain, spec, traits).run();
}

std::int64_t DecodedLayer::own_field(std::string_view mnemonic, std::string_view field) const {
  for (const arch::Decoded& decoded : own) {
    if (decoded.format->mnemonic == mnemonic) return decoded[field];
  }
  broken("the layer's code has no '{}'", mnemonic);
}

std::vector<sim::LayerCode> alternatives(const arch::InstructionSet& isa,
                                         const sim::Program& program, std::size_t layer) {
  std::vector<sim::LayerCode> result;
  sim::LayerCode one = program.layers[layer];
  const std::size_t end = one.end;
  for (std::size_t i = one.begin; i < end; ++i) {
    if (isa.decode(program.code[i]).format->opcode != kRun) continue;
    one.end = i + 1;
    result.push_back(one);
    one.begin = i + 1;
  }
  if (result.empty()) fail("program: layer {} has no 'run'", layer);
  if (one.begin != end) fail("program: layer {} goes on after its 'run'", layer);
  return result;
}

DecodedLayer decode_layer(const arch::InstructionSet& isa, const sim::Program& program,
                          std::size_t layer) {
  return decode_layer(isa, program, program.layers[layer]);
}

DecodedLayer decode_layer(const arch::InstructionSet& isa, const sim::Program& program,
                          const sim::LayerCode& code) {
  DecodedLayer result;
  for (std::size_t i = code.begin; i < code.end; ++i) {
    arch::Decoded decoded = isa.decode(program.code[i]);
    if (decoded.format->opcode == kRun) {
      result.tiles = decoded["tiles"];
      if (i + 1 == code.end) return result;
      fail("program: the layer of gconv {} goes on after its 'run'", code.gconv);
    }
    if (!configure(decoded, result)) result.own.push_back(std::move(decoded));
  }
  fail("program: the layer of gconv {} has no 'run'", code.gconv);
}

namespace {

constexpr std::int64_t kMostListed = 10'000'000;  ///< Tiles in a listing.
constexpr std::size_t kMostText = std::size_t{1} << 30;
constexpr std::string_view kStreams[] = {"neurons", "synapses", "index", "outputs"};

void list_transfers(std::string_view verb, std::span<const sim::Transfer> transfers,
                    std::string& text) {
  for (const sim::Transfer& t : transfers) {
    fmt::format_to(std::back_inserter(text), "#     {} {} {:#x} {}", verb,
                   kStreams[static_cast<std::size_t>(t.stream)], t.address, t.bytes / t.runs);
    if (t.runs > 1) fmt::format_to(std::back_inserter(text), " x{} pitch {}", t.runs, t.pitch);
    text += '\n';
  }
}

/// What the sequencer issues for every tile of a layer.
void list_tiles(const TileSequence& sequence, std::string& text) {
  for (std::int64_t i = 0; i < sequence.size(); ++i) {
    if (text.size() > kMostText) fail("program: over {} MB of tiles", kMostText >> 20);
    const sim::Tile tile = sequence.tile(i);
    const map::TileBox& b = tile.box;
    fmt::format_to(std::back_inserter(text), "#   tile {}\n", i);
    list_transfers("load", tile.loads, text);
    fmt::format_to(std::back_inserter(text),
                   "#     compute batch {} group {} outs {}:{} ins {}:{} t {}:{} h {}:{} w {}:{}\n",
                   b.batch, b.group, b.out0, b.out1, b.in0, b.in1, b.begin[0], b.end[0], b.begin[1],
                   b.end[1], b.begin[2], b.end[2]);
    list_transfers("store", tile.stores, text);
  }
}

}  // namespace

std::string disassemble(const arch::InstructionSet& isa, const sim::Program& program, bool tiles) {
  std::string text;
  std::int64_t listed = 0;
  for (std::size_t layer = 0; layer < program.layers.size(); ++layer) {
    text += fmt::format("# layer {}\n", layer);
    for (const sim::LayerCode& code : alternatives(isa, program, layer)) {
      if (code.begin != program.layers[layer].begin) text += "# or\n";
      for (std::size_t i = code.begin; i < code.end; ++i) {
        text += isa.disassemble(program.code[i]);
        text += '\n';
      }
      if (!tiles) continue;
      const TileSequence sequence(decode_layer(isa, program, code), *program.image);
      listed += sequence.size();
      if (listed > kMostListed) fail("program: over {} tiles, too many to list", kMostListed);
      list_tiles(sequence, text);
    }
  }
  return text;
}

bool first_of_layer(const map::TileBox& box) {
  return box.batch == 0 && box.group == 0 && box.out0 == 0 && box.in0 == 0 &&
         box.begin == std::array<std::int64_t, 3>{0, 0, 0};
}

}  // namespace syncopate::array
