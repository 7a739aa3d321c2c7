#include "accel/flexflow/plan.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <map>
#include <memory>

#include "array/actions.h"
#include "base/error.h"
#include "sim/weights.h"

namespace syncopate::accel::flexflow {
namespace {

/// Cycles of an output under <Tn, Ti, Tj> when only non-zero weights cost any: those of the fullest
/// column, on average over outputs. A sample of them, evenly spaced, stands for all.
class EffectiveWindow {
 public:
  explicit EffectiveWindow(std::shared_ptr<const sim::Weights> weights)
      : weights_(std::move(weights)) {}

  double operator()(const Side& in) const {
    constexpr std::int64_t kSample = 64;
    const map::Loops& l = weights_->loops();
    const std::int64_t all = l.groups * l.outs, step = std::max<std::int64_t>(1, all / kSample);
    std::int64_t sum = 0, outputs = 0;
    for (std::int64_t out = 0; out < all; out += step, ++outputs) sum += fullest(in, out);
    return static_cast<double>(sum) / static_cast<double>(outputs);
  }

 private:
  std::int64_t fullest(const Side& in, std::int64_t out) const {
    const map::Loops& l = weights_->loops();
    const sim::BitPlane& bits = weights_->bits();
    std::vector<std::int64_t> columns(static_cast<std::size_t>(in.product()), 0);
    for (std::int64_t tap = 0; tap < l.kernel_size(); ++tap) {
      const std::int64_t i = tap / l.kernel[2] % l.kernel[1], j = tap % l.kernel[2];
      const std::int64_t in_group = i % in.rows * in.cols + j % in.cols;
      const auto row = bits.row(out * l.kernel_size() + tap);
      for (std::size_t w = 0; w < row.size(); ++w) {
        for (std::uint64_t word = row[w]; word != 0; word &= word - 1) {
          const std::int64_t n = static_cast<std::int64_t>(w) * 64 + std::countr_zero(word);
          ++columns[static_cast<std::size_t>(n % in.maps * in.rows * in.cols + in_group)];
        }
      }
    }
    return *std::max_element(columns.begin(), columns.end());
  }

  std::shared_ptr<const sim::Weights> weights_;
};

Layer layer_of(const map::Loops& loops) {
  Layer layer;
  layer.outs = loops.outs;
  layer.ins = loops.ins;
  layer.rows = loops.out[1];
  layer.cols = loops.out[2];
  layer.kernel_rows = loops.kernel[1];
  layer.kernel_cols = loops.kernel[2];
  layer.repeats = loops.batch * loops.groups * loops.out[0] * loops.kernel[0];
  return layer;
}

std::int64_t outputs_of(const gconv::GConv& g) {
  std::int64_t count = 1;
  for (const gconv::Dim& d : g.dims) count *= d.ng * d.nop * d.nopc;
  return count;
}

/// Which gconv writes (most of) every tensor.
std::map<std::string, std::size_t> writers_of(const gconv::Chain& chain) {
  std::map<std::string, std::size_t> writers;
  for (std::size_t i = 0; i < chain.gconvs.size(); ++i) {
    const auto [found, is_new] = writers.try_emplace(chain.gconvs[i].output.tensor, i);
    if (!is_new && outputs_of(chain.gconvs[i]) > outputs_of(chain.gconvs[found->second])) {
      found->second = i;
    }
  }
  return writers;
}

/// One entry of `factors`.
struct Override {
  std::string layer;
  Factors factors;
};

[[noreturn]] void malformed(std::string_view entry) {
  fail("flexflow.factors: '{}': expected NAME:Tm.Tn.Tr.Tc.Ti.Tj", entry);
}

Override parse_override(std::string_view entry) {
  const std::size_t colon = entry.rfind(':');
  if (colon == std::string_view::npos) malformed(entry);
  std::vector<std::int64_t> numbers;
  const char* at = entry.data() + colon + 1;
  const char* end = entry.data() + entry.size();
  for (;;) {
    std::int64_t number = 0;
    const auto [next, error] = std::from_chars(at, end, number);
    if (error != std::errc{}) malformed(entry);
    numbers.push_back(number);
    if (next == end) break;
    if (*next != '.') malformed(entry);
    at = next + 1;
  }
  if (numbers.size() != 6) malformed(entry);
  return {std::string(entry.substr(0, colon)),
          {{numbers[0], numbers[2], numbers[3]}, {numbers[1], numbers[4], numbers[5]}}};
}

std::vector<Override> parse_overrides(std::string_view text) {
  std::vector<Override> result;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    result.push_back(parse_override(text.substr(0, comma)));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return result;
}

void apply_overrides(const gconv::Chain& chain, const Network& network, const Config& config,
                     std::vector<Factors>& factors) {
  for (const Override& o : parse_overrides(config.overrides)) {
    bool found = false;
    for (std::size_t i = 0; i < network.gconvs.size(); ++i) {
      const gconv::GConv& g = chain.gconvs[network.gconvs[i]];
      if (g.name != o.layer && g.layer != o.layer) continue;
      found = true;
      if (!feasible(network.layers[i], o.factors, config.array)) {
        fail("flexflow.factors: {} do not fit layer '{}' on {} x {} PEs", to_text(o.factors),
             o.layer, config.array, config.array);
      }
      factors[i] = o.factors;
    }
    if (!found) fail("flexflow.factors: no convolution is named '{}'", o.layer);
  }
}

}  // namespace

Network network_of(const gconv::Chain& chain, const ChooserOptions& options, bool effective) {
  Network network;
  const std::map<std::string, std::size_t> writers = writers_of(chain);
  std::vector<int> source(chain.gconvs.size(), -1);  // The convolution behind every gconv's output.
  for (std::size_t i = 0; i < chain.gconvs.size(); ++i) {
    const gconv::GConv& g = chain.gconvs[i];
    const map::Loops loops = map::loops_of(chain, g);
    const auto writer = writers.find(g.input.tensor);
    if (writer != writers.end() && writer->second < i) source[i] = source[writer->second];
    if (loops.kind != map::WorkKind::conv) continue;
    Layer layer = layer_of(loops);
    layer.producer = source[i];
    if (effective && !options.packed) {
      layer.window_cycles = EffectiveWindow(sim::weights_of(chain, g, loops));
    }
    source[i] = static_cast<int>(network.layers.size());
    network.layers.push_back(std::move(layer));
    network.gconvs.push_back(i);
  }
  return network;
}

std::vector<LayerProgram> plan(const gconv::Chain& chain, const Config& config) {
  const Network network = network_of(chain, config.chooser, config.effective);
  std::vector<Factors> factors = choose_factors(network.layers, config.chooser);
  apply_overrides(chain, network, config, factors);
  std::vector<LayerProgram> programs(chain.gconvs.size());
  for (std::size_t i = 0; i < factors.size(); ++i) {
    const std::size_t at = network.gconvs[i];
    const map::Loops loops = map::loops_of(chain, chain.gconvs[at]);
    const bool packed = config.chooser.packed;
    if (packed) factors[i] = packed_factors(loops, factors[i].out, config.array);
    LayerProgram& program = programs[at];
    program.setup = setup_for(loops, factors[i], packed, config.array, config.store_words);
    program.skip = config.skip;
    program.slack = config.slack;
    program.n_min = config.n_min;
    program.slices = config.slices;
    program.balanced = config.balance && !packed;
  }
  return programs;
}

}  // namespace syncopate::accel::flexflow
