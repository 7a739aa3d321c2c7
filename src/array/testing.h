#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "gconv/fixed_post.h"
#include "sim/accelerator.h"
#include "sim/layer_data.h"

// Layers made up for the tests of machines: one quantized GCONV with random operands.

namespace syncopate::array::testing {

enum class LayerKind : std::uint8_t { conv, max_pool, sum_pool, depthwise, add, multiply, copy };

/// A layer to make up. Spatial arrays are {T, H, W}.
struct LayerSpec {
  LayerKind kind = LayerKind::conv;
  std::int64_t batch = 1, groups = 1;
  std::int64_t outs = 1, ins = 1;  ///< Per group; other kinds than conv have `outs` channels.
  std::array<std::int64_t, 3> in{1, 1, 1}, kernel{1, 1, 1}, stride{1, 1, 1}, dilation{1, 1, 1};
  std::array<std::int64_t, 3> pad{0, 0, 0}, pad_after{0, 0, 0};
  double weight_density = 1, neuron_density = 1;
  std::int64_t prune_outs = 1;  ///< Weights are zero in blocks of so many outputs
  std::int64_t prune_ins = 1;   ///< and inputs.
  std::int64_t distinct = 0;    ///< Number of different non-zero weights; 0: any.
  double zero_channels = 0;     ///< Share of input channels without any non-zero neuron.
  bool bytes = false;           ///< i8 operands.
  /// All operands and outputs are zero, none is made up or computed: for large layers of which only
  /// the shape matters.
  bool shape_only = false;

  std::int64_t out(std::size_t d) const {
    const std::int64_t room = in[d] + pad[d] + pad_after[d] - dilation[d] * (kernel[d] - 1) - 1;
    return room / stride[d] + 1;
  }
  bool possible() const {
    for (std::size_t d = 0; d < 3; ++d) {
      if (in[d] + pad[d] + pad_after[d] < dilation[d] * (kernel[d] - 1) + 1) return false;
    }
    return true;
  }
};

/// A tensor of i16 or i8 values.
inline Tensor integers(const std::vector<std::int16_t>& values, bool bytes) {
  const Shape shape = {static_cast<std::int64_t>(values.size())};
  if (!bytes) return Tensor::from<std::int16_t>(shape, values);
  return Tensor::from<std::int8_t>(shape, std::vector<std::int8_t>(values.begin(), values.end()));
}

/// The layer with its operands; the expected output is computed from the definition of the loops.
class TestLayer {
 public:
  TestLayer(const LayerSpec& spec, Random& random) : spec_(spec) {
    build_chain();
    fill(random);
    data_ = std::make_unique<sim::LayerData>(chain_, chain_.gconvs[0],
                                             map::loops_of(chain_, chain_.gconvs[0]));
    load();
    if (spec.shape_only) return;
    compute();
    load();
  }
  TestLayer(const TestLayer&) = delete;
  TestLayer& operator=(const TestLayer&) = delete;

  const LayerSpec& spec() const { return spec_; }
  const gconv::Chain& chain() const { return chain_; }
  const sim::LayerData& data() const { return *data_; }
  const Tensor& value(const std::string& name) const { return values_.at(name); }
  /// Of the output, over all groups.
  std::int64_t channels() const { return out_channels(); }
  /// Exact sums in order [batch][T][H][W][channel].
  const std::vector<std::int64_t>& sums() const { return sums_; }

 private:
  bool conv() const { return spec_.kind == LayerKind::conv; }
  bool weighted() const { return conv() || spec_.kind == LayerKind::depthwise; }
  bool second() const { return spec_.kind == LayerKind::add || spec_.kind == LayerKind::multiply; }
  std::int64_t in_channels() const { return conv() ? spec_.groups * spec_.ins : spec_.outs; }
  std::int64_t out_channels() const { return conv() ? spec_.groups * spec_.outs : spec_.outs; }

  void build_chain();
  void fill(Random& random);
  std::vector<std::int16_t> neurons(Random& random, std::int64_t count) const;
  std::vector<std::int16_t> weights(Random& random) const;
  void load() {
    data_->set_activations(
        [this](const std::string& name) -> const Tensor& { return values_.at(name); });
  }
  void compute();

  LayerSpec spec_;
  gconv::Chain chain_;
  std::map<std::string, Tensor> values_;
  std::unique_ptr<sim::LayerData> data_;
  std::vector<std::int64_t> sums_;
};

inline void TestLayer::build_chain() {
  const LayerSpec& s = spec_;
  const std::int64_t ci = in_channels(), co = out_channels();
  const std::int64_t kernel = s.kernel[0] * s.kernel[1] * s.kernel[2];
  const std::array<std::int64_t, 3> out = {s.out(0), s.out(1), s.out(2)};
  gconv::GConv g;
  g.name = g.layer = "layer";
  g.channel = "C";
  gconv::Dim c{"C"};
  c.ng = conv() ? s.groups : s.outs;
  c.nop = conv() ? s.outs : 1;
  c.nks = c.nips = conv() ? s.ins : 1;
  gconv::Dim b{"B"};
  b.nopc = b.nips = s.batch;
  g.dims = {b, c};
  g.input = {"x", 0, {s.in[0] * s.in[1] * s.in[2] * ci, 1}};
  g.output = {"y", 0, {out[0] * out[1] * out[2] * co, 1}};
  gconv::View w{"w", 0, {0, kernel}};
  if (second()) w.strides = g.output.strides;
  const char* names[] = {"T", "H", "W"};
  for (std::size_t d = 0; d < 3; ++d) {
    gconv::Dim dim{names[d]};
    dim.nopc = out[d];
    dim.nks = s.kernel[d];
    dim.stride = s.stride[d];
    dim.dilation = s.dilation[d];
    dim.pad = s.pad[d];
    dim.nips = s.in[d];
    g.dims.push_back(dim);
    const auto inner = [d](const std::array<std::int64_t, 3>& e) {
      std::int64_t product = 1;
      for (std::size_t i = d + 1; i < 3; ++i) product *= e[i];
      return product;
    };
    g.input.strides.push_back(inner(s.in) * ci);
    g.output.strides.push_back(inner(out) * co);
    w.strides.push_back(second() ? inner(out) * co : inner(s.kernel));
  }
  // An elementwise operand moves with the outputs: every output is a group of its own.
  if (second()) {
    for (gconv::Dim& dim : g.dims) {
      if (dim.name == "C") continue;
      dim.ng = dim.nopc;
      dim.nopc = dim.nips = 1;
    }
  }
  if (weighted() || second()) g.kernel = w;
  g.main = weighted() || s.kind == LayerKind::multiply ? gconv::Main::mul
           : s.kind == LayerKind::add                  ? gconv::Main::add
                                                       : gconv::Main::none;
  g.reduce = s.kind == LayerKind::max_pool           ? gconv::Reduce::max
             : second() || s.kind == LayerKind::copy ? gconv::Reduce::none
                                                     : gconv::Reduce::add;
  g.fixed = gconv::FixedPost{{1}, {0}, {s.bytes ? 6 : 12}, 0, s.bytes ? 127 : 32767, nullptr};
  const DType type = s.bytes ? DType::i8 : DType::i16;
  const auto tensor = [&](std::int64_t elements) {
    gconv::TensorInfo info;
    info.elements = elements;
    info.dtype = type;
    info.scale = 1;
    info.shape = {elements};
    return info;
  };
  chain_.name = "test";
  chain_.quantized = true;
  chain_.weight_bits = chain_.activation_bits = s.bytes ? 8 : 16;
  chain_.tensors["x"] = tensor(s.batch * s.in[0] * s.in[1] * s.in[2] * ci);
  chain_.tensors["y"] = tensor(s.batch * out[0] * out[1] * out[2] * co);
  if (weighted()) chain_.tensors["w"] = tensor(co * (conv() ? s.ins : 1) * kernel);
  if (second()) chain_.tensors["w"] = tensor(chain_.tensors["y"].elements);
  chain_.gconvs = {g};
  chain_.inputs = {"x"};
  if (second()) chain_.inputs.push_back("w");
  chain_.outputs = {"y"};
}

inline std::vector<std::int16_t> TestLayer::neurons(Random& random, std::int64_t count) const {
  const std::int64_t limit = spec_.bytes ? 127 : 32767, channels = in_channels();
  std::vector<bool> dead(static_cast<std::size_t>(channels));
  std::vector<std::int16_t> values(static_cast<std::size_t>(count), 0);
  if (spec_.shape_only) return values;
  for (std::size_t c = 0; c < dead.size(); ++c) dead[c] = random.chance(spec_.zero_channels);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (dead[i % static_cast<std::size_t>(channels)]) continue;
    if (!random.chance(spec_.neuron_density)) continue;
    values[i] = static_cast<std::int16_t>(random.integer(1, limit));
    if (random.chance(0.3)) values[i] = static_cast<std::int16_t>(-values[i]);
  }
  return values;
}

inline std::vector<std::int16_t> TestLayer::weights(Random& random) const {
  const std::int64_t limit = spec_.bytes ? 127 : 32639;
  const std::int64_t ins = conv() ? spec_.ins : 1, outs = out_channels();
  const std::int64_t kernel = spec_.kernel[0] * spec_.kernel[1] * spec_.kernel[2];
  std::vector<std::int16_t> palette(static_cast<std::size_t>(spec_.distinct));
  for (std::int16_t& v : palette) v = static_cast<std::int16_t>(random.integer(1, limit));
  std::vector<std::int16_t> values(static_cast<std::size_t>(outs * ins * kernel), 0);
  if (spec_.shape_only) return values;
  std::map<std::array<std::int64_t, 4>, bool> kept;  // Per block.
  for (std::int64_t o = 0; o < outs; ++o) {
    for (std::int64_t i = 0; i < ins; ++i) {
      for (std::int64_t k = 0; k < kernel; ++k) {
        const std::array<std::int64_t, 4> block = {
            o / spec_.outs, o % spec_.outs / spec_.prune_outs, i / spec_.prune_ins, k};
        const auto [found, is_new] = kept.try_emplace(block, false);
        if (is_new) found->second = random.chance(spec_.weight_density);
        if (!found->second) continue;
        std::int16_t& value = values[static_cast<std::size_t>((o * ins + i) * kernel + k)];
        value = static_cast<std::int16_t>(random.integer(1, limit));
        if (random.chance(0.5)) value = static_cast<std::int16_t>(-value);
        if (!palette.empty()) {
          value = palette[static_cast<std::size_t>(random.integer(0, spec_.distinct - 1))];
        }
      }
    }
  }
  return values;
}

inline void TestLayer::fill(Random& random) {
  values_["x"] = integers(neurons(random, chain_.tensor("x").elements), spec_.bytes);
  values_["y"] = Tensor(chain_.tensor("y").dtype, {chain_.tensor("y").elements});
  if (second()) values_["w"] = integers(neurons(random, chain_.tensor("w").elements), spec_.bytes);
  if (!weighted()) return;
  values_["w"] = integers(weights(random), spec_.bytes);
  chain_.tensor("w").constant = values_["w"];
}

/// The layer from its definition, one element at a time.
inline void TestLayer::compute() {
  const LayerSpec& s = spec_;
  const std::int64_t ci = in_channels(), co = out_channels();
  const std::int64_t per_out = conv() ? s.outs : 1, ins = conv() ? s.ins : 1;
  const std::array<std::int64_t, 3> out = {s.out(0), s.out(1), s.out(2)};
  const auto at = [&](const std::string& name, std::int64_t i) -> std::int64_t {
    const Tensor& t = values_.at(name);
    return s.bytes ? t.data<std::int8_t>()[static_cast<std::size_t>(i)]
                   : t.data<std::int16_t>()[static_cast<std::size_t>(i)];
  };
  const std::int64_t kernel = s.kernel[0] * s.kernel[1] * s.kernel[2];
  std::vector<std::int16_t> results;
  const std::int64_t pixels = out[0] * out[1] * out[2];
  for (std::int64_t i = 0; i < s.batch * pixels * co; ++i) {
    const std::int64_t c = i % co, pixel = i / co % pixels, batch = i / co / pixels;
    const std::array<std::int64_t, 3> o = {pixel / out[2] / out[1], pixel / out[2] % out[1],
                                           pixel % out[2]};
    std::int64_t sum = 0;
    bool empty = true;
    for (std::int64_t k = 0; k < kernel; ++k) {
      const std::array<std::int64_t, 3> kk = {k / s.kernel[2] / s.kernel[1],
                                              k / s.kernel[2] % s.kernel[1], k % s.kernel[2]};
      std::int64_t row = batch;
      bool inside = true;
      for (std::size_t d = 0; d < 3; ++d) {
        const std::int64_t p = o[d] * s.stride[d] + kk[d] * s.dilation[d] - s.pad[d];
        inside = inside && p >= 0 && p < s.in[d];
        row = row * s.in[d] + p;
      }
      if (!inside) continue;
      for (std::int64_t n = 0; n < ins; ++n) {
        const std::int64_t x = at("x", row * ci + (conv() ? c / per_out * ins + n : c));
        std::int64_t term = x;
        if (weighted()) term = x * at("w", (c * ins + n) * kernel + k);
        if (s.kind == LayerKind::add) term = x + at("w", i);
        if (s.kind == LayerKind::multiply) term = x * at("w", i);
        const bool max = s.kind == LayerKind::max_pool;
        sum = empty ? term : max ? std::max(sum, term) : sum + term;
        empty = false;
      }
    }
    sums_.push_back(sum);
    results.push_back(static_cast<std::int16_t>(gconv::apply(*chain_.gconvs[0].fixed, c, sum)));
  }
  values_["y"] = integers(results, s.bytes);
}

/// A layer of random kind, size, density and structure, small enough to simulate in well under a
/// millisecond.
inline LayerSpec random_spec(Random& random) {
  for (;;) {
    LayerSpec s;
    const double kind = random.uniform();
    s.kind = kind < 0.7 ? LayerKind::conv : static_cast<LayerKind>(random.integer(1, 6));
    const bool fully_connected = s.kind == LayerKind::conv && random.chance(0.15);
    s.batch = random.chance(0.2) ? random.integer(2, 3) : 1;
    s.groups = s.kind == LayerKind::conv && random.chance(0.2) ? random.integer(2, 4) : 1;
    s.outs = random.chance(0.3) ? random.integer(1, 8) : random.integer(1, 50);
    s.ins =
        random.chance(0.3) ? random.integer(1, 8) : random.integer(1, fully_connected ? 400 : 80);
    const bool elementwise = s.kind >= LayerKind::add;
    for (std::size_t d = 0; d < 3 && !fully_connected; ++d) {
      if (d == 0 && !random.chance(0.1)) continue;
      if (d == 1 && random.chance(0.1)) continue;
      s.in[d] = random.integer(1, d == 0 ? 4 : 9);
      if (elementwise) continue;
      s.kernel[d] = random.integer(1, random.chance(0.1) ? 5 : 3);
      s.stride[d] = random.integer(1, 3);
      s.dilation[d] = random.chance(0.2) ? 2 : 1;
      s.pad[d] = random.integer(0, s.kernel[d] - 1);
      s.pad_after[d] = random.integer(0, s.kernel[d] - 1);
    }
    const double densities[] = {0, 0.05, 0.3, 0.7, 1};
    s.weight_density = densities[random.integer(0, 4)];
    s.neuron_density = densities[random.integer(0, 4)];
    if (random.chance(0.3)) s.prune_outs = random.chance(0.5) ? 16 : 32;
    if (random.chance(0.2)) s.prune_ins = std::int64_t{1} << random.integer(1, 5);
    if (random.chance(0.4)) s.distinct = random.chance(0.5) ? 15 : random.integer(1, 300);
    if (random.chance(0.2)) s.zero_channels = random.uniform();
    s.bytes = random.chance(0.2);
    if (s.possible()) return s;
  }
}

}  // namespace syncopate::array::testing
