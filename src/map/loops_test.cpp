#include "map/loops.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"

namespace syncopate::map {
namespace {

using gconv::Chain;
using gconv::Dim;
using gconv::GConv;
using gconv::Main;
using gconv::Reduce;
using Values = std::vector<std::int64_t>;

/// Row-major strides of the dimensions in the order in which `layout` names them.
std::vector<std::int64_t> strides(const std::vector<Dim>& dims, const std::string& layout,
                                  std::int64_t (Dim::*extent)() const, std::int64_t& elements) {
  std::vector<std::int64_t> result(dims.size(), 0);
  elements = 1;
  for (std::size_t i = layout.size(); i-- > 0;) {
    for (std::size_t d = 0; d < dims.size(); ++d) {
      if (dims[d].name != layout.substr(i, 1)) continue;
      result[d] = elements;
      elements *= (dims[d].*extent)();
    }
  }
  return result;
}

/// A chain of one GCONV with dense operands in the given layouts; dimensions that a layout leaves
/// out are broadcast.
struct Case {
  Chain chain;
  Values input, kernel;
  const GConv& gconv() const { return chain.gconvs[0]; }
};

Case make(std::vector<Dim> dims, Main main, Reduce reduce, const std::string& input_layout,
          const std::string& kernel_layout, bool constant, Random& random) {
  Case result;
  GConv gconv;
  gconv.name = gconv.layer = "layer";
  gconv.channel = "C";
  gconv.dims = std::move(dims);
  gconv.main = main;
  gconv.reduce = reduce;
  std::int64_t inputs = 0, outputs = 0, kernels = 0;
  gconv.input = {"in", 3, strides(gconv.dims, input_layout, &Dim::inputs, inputs)};
  gconv.output = {"out", 1, strides(gconv.dims, input_layout, &Dim::outputs, outputs)};
  result.chain.tensors["in"].elements = inputs + 3;
  result.chain.tensors["out"].elements = outputs + 1;
  result.input.resize(static_cast<std::size_t>(inputs + 3));
  for (auto& value : result.input) value = random.integer(-9, 9);
  if (main != Main::none) {
    gconv.kernel = {"weights", 2, strides(gconv.dims, kernel_layout, &Dim::kernels, kernels)};
    auto& info = result.chain.tensors["weights"];
    info.elements = kernels + 2;
    if (constant) info.constant = Tensor(DType::i16, {kernels + 2});
    result.kernel.resize(static_cast<std::size_t>(kernels + 2));
    for (auto& value : result.kernel) value = random.integer(-9, 9);
  }
  result.chain.gconvs.push_back(gconv);
  return result;
}

std::int64_t combine(Main main, std::int64_t a, std::int64_t b) {
  if (main == Main::mul) return a * b;
  if (main == Main::add) return a + b;
  if (main == Main::sub) return a - b;
  return a;
}

/// Counts up a mixed-radix number; false after the last one.
bool advance(std::vector<std::int64_t>& index, const std::vector<std::int64_t>& extents) {
  for (std::size_t i = index.size(); i-- > 0;) {
    if (++index[i] < extents[i]) return true;
    index[i] = 0;
  }
  return false;
}

constexpr std::int64_t kUnset = INT64_MIN;

/// The definition in gconv/chain.h, one element at a time.
Values by_definition(const Case& c) {
  const GConv& gconv = c.gconv();
  Values out(static_cast<std::size_t>(c.chain.tensors.at("out").elements), kUnset);
  std::vector<std::int64_t> extents;
  for (const Dim& d : gconv.dims) extents.insert(extents.end(), {d.ng, d.nop, d.nopc, d.nks});
  std::vector<std::int64_t> i(extents.size(), 0);
  do {
    std::int64_t in = gconv.input.base, at = gconv.output.base;
    std::int64_t ker = gconv.kernel ? gconv.kernel->base : 0;
    bool inside = true;
    for (std::size_t d = 0; d < gconv.dims.size(); ++d) {
      const Dim& dim = gconv.dims[d];
      const std::int64_t g = i[4 * d], op = i[4 * d + 1], opc = i[4 * d + 2], ks = i[4 * d + 3];
      const std::int64_t x = opc * dim.stride + ks * dim.dilation - dim.pad;
      inside = inside && x >= 0 && x < dim.nips;
      in += (g * dim.nips + x) * gconv.input.strides[d];
      at += ((g * dim.nop + op) * dim.nopc + opc) * gconv.output.strides[d];
      if (gconv.kernel) ker += ((g * dim.nop + op) * dim.nks + ks) * gconv.kernel->strides[d];
    }
    std::int64_t& result = out[static_cast<std::size_t>(at)];
    const bool fresh = result == kUnset;
    if (!inside) {
      // Without reduction, reading outside is reading zero.
      if (fresh && gconv.reduce != Reduce::max) result = 0;
      continue;
    }
    const std::int64_t k = gconv.kernel ? c.kernel[static_cast<std::size_t>(ker)] : 0;
    const std::int64_t term = combine(gconv.main, c.input[static_cast<std::size_t>(in)], k);
    if (fresh) {
      result = term;
    } else {
      result = gconv.reduce == Reduce::max ? std::max(result, term) : result + term;
    }
  } while (advance(i, extents));
  return out;
}

/// Addresses of a normalized array in row-major order; -1 where it reads zero.
Values addresses(const Access& access) {
  Values result;
  std::vector<std::int64_t> extents, index(access.axes.size(), 0);
  for (const auto& axis : access.axes) extents.push_back(axis.extent);
  do {
    std::int64_t address = access.base;
    bool inside = true;
    for (std::size_t i = 0; i < index.size(); ++i) {
      address += index[i] * access.axes[i].stride;
      inside = inside && index[i] >= access.axes[i].first && index[i] < access.axes[i].last;
    }
    result.push_back(inside ? address : -1);
  } while (advance(index, extents));
  return result;
}

Values gather(const Access& access, const Values& from) {
  Values result;
  for (std::int64_t a : addresses(access)) {
    result.push_back(a < 0 ? 0 : from.at(static_cast<std::size_t>(a)));
  }
  return result;
}

/// The loop nest as a machine executes it.
Values by_loops(const Case& c, const Normalized& n) {
  const GConv& gconv = c.gconv();
  const Loops& l = n.loops;
  const Values input = gather(n.input, c.input);
  const Values second = n.second.tensor.empty() ? Values() : gather(n.second, c.kernel);
  const Values at = addresses(n.output);
  Values out(static_cast<std::size_t>(c.chain.tensors.at("out").elements), kUnset);
  const std::int64_t channels = l.kind == WorkKind::conv ? l.groups * l.ins : l.outs;
  EXPECT_EQ(static_cast<std::int64_t>(input.size()),
            l.batch * l.in[0] * l.in[1] * l.in[2] * channels);
  EXPECT_EQ(static_cast<std::int64_t>(at.size()), l.outputs());
  std::vector<std::int64_t> i(7, 0);
  const std::vector<std::int64_t> extents = {
      l.batch, l.out[0], l.out[1], l.out[2], l.groups, l.outs, l.ins * l.kernel_size()};
  std::size_t position = 0;
  do {
    const std::int64_t in = i[6] % l.ins, kw = i[6] / l.ins % l.kernel[2];
    const std::int64_t kh = i[6] / l.ins / l.kernel[2] % l.kernel[1];
    const std::int64_t kt = i[6] / l.ins / l.kernel[2] / l.kernel[1];
    const std::array<std::int64_t, 3> k = {kt, kh, kw};
    std::int64_t row = i[0];
    bool inside = true;
    for (std::size_t d = 0; d < 3; ++d) {
      const std::int64_t x = i[d + 1] * l.stride[d] + k[d] * l.dilation[d] - l.pad[d];
      inside = inside && x >= 0 && x < l.in[d];
      row = row * l.in[d] + x;
    }
    const std::int64_t channel = l.kind == WorkKind::conv ? i[4] * l.ins + in : i[5];
    const std::size_t out_index = position++ / static_cast<std::size_t>(l.ins * l.kernel_size());
    std::int64_t& result = out[static_cast<std::size_t>(at[out_index])];
    const bool fresh = result == kUnset;
    if (!inside) {
      if (fresh && gconv.reduce != Reduce::max) result = 0;
      continue;
    }
    const std::int64_t x = input[static_cast<std::size_t>(row * channels + channel)];
    std::int64_t other = 0;
    if (!second.empty()) other = second[out_index];
    if (l.kind != WorkKind::elementwise && l.weights) {
      const KernelStrides& s = n.kernel;
      other = c.kernel.at(static_cast<std::size_t>(s.base + i[4] * s.group + i[5] * s.out +
                                                   in * s.in + kt * s.kernel[0] + kh * s.kernel[1] +
                                                   kw * s.kernel[2]));
    }
    const std::int64_t term = combine(gconv.main, x, other);
    if (fresh) {
      result = term;
    } else {
      result = gconv.reduce == Reduce::max ? std::max(result, term) : result + term;
    }
  } while (advance(i, extents));
  return out;
}

Loops expect_same(const Case& c) {
  const Normalized n = normalize(c.chain, c.gconv());
  EXPECT_EQ(by_loops(c, n), by_definition(c));
  return n.loops;
}

Dim plain(const std::string& name, std::int64_t n) { return {name, 1, 1, n, 1, 1, 1, 0, n}; }
Dim groups(const std::string& name, std::int64_t n) { return {name, n, 1, 1, 1, 1, 1, 0, 1}; }
Dim full(const std::string& name, std::int64_t n) { return {name, 1, 1, 1, n, 1, 1, 0, n}; }

Dim sliding(const std::string& name, Random& random) {
  Dim d;
  d.name = name;
  d.nks = random.integer(1, 3);
  d.stride = random.integer(1, 3);
  d.dilation = random.integer(1, 2);
  d.nips = random.integer(1, 7);
  d.pad = random.integer(-1, 2);
  d.nopc = random.integer(1, 5);
  return d;
}

TEST(Loops, RandomConvolutions) {
  Random random(1);
  for (int i = 0; i < 400; ++i) {
    const std::int64_t g = random.integer(1, 3), m = random.integer(1, 4), c = random.integer(1, 5);
    std::vector<Dim> dims = {plain("B", random.integer(1, 2)), {"C", g, m, 1, c, 1, 1, 0, c}};
    const auto rank = static_cast<std::size_t>(random.integer(0, 3));
    const std::string space = std::string("THW").substr(3 - rank);
    for (char name : space) dims.push_back(sliding(std::string(1, name), random));
    const Case test =
        make(dims, Main::mul, Reduce::add, "B" + space + "C", "C" + space, true, random);
    const Loops loops = expect_same(test);
    if (c > 1 || m > 1 || g == 1) {
      EXPECT_EQ(loops.kind, WorkKind::conv);
      EXPECT_EQ(loops.groups, g);
      EXPECT_EQ(loops.outs, m);
    } else {
      EXPECT_EQ(loops.kind, WorkKind::window);
      EXPECT_EQ(loops.outs, g);
      EXPECT_EQ(loops.groups, 1);
    }
    EXPECT_TRUE(loops.weights);
  }
}

TEST(Loops, FullyConnectedKeepsTheOrderOfItsWeights) {
  Random random(2);
  // Gemm over a flattened map: the activation lies as HWC, the weights as [M][C][H][W].
  std::vector<Dim> dims = {
      plain("B", 2), {"C", 1, 6, 1, 4, 1, 1, 0, 4}, full("H", 3), full("W", 5)};
  const Case test = make(dims, Main::mul, Reduce::add, "BHWC", "CHW", true, random);
  const Loops loops = expect_same(test);
  EXPECT_EQ(loops.ins, 60);
  EXPECT_EQ(loops.outs, 6);
  EXPECT_EQ(loops.kernel_size(), 1);
  EXPECT_EQ(kernel_strides(test.chain, test.gconv()).in, 1);
}

TEST(Loops, FullyConnectedOverGappedWeightsUsesTheWindow) {
  Random random(3);
  std::vector<Dim> dims = {{"C", 1, 6, 1, 4, 1, 1, 0, 4}, full("H", 3)};
  Case test = make(dims, Main::mul, Reduce::add, "HC", "CH", true, random);
  GConv& gconv = test.chain.gconvs[0];
  gconv.kernel->strides = {5, 1};  // Rows of 5, of which 3 are used.
  test.kernel.resize(200, 7);
  test.chain.tensor("weights").elements = 200;
  EXPECT_EQ(expect_same(test).kernel_size(), 3);
}

TEST(Loops, MatrixProductOfASequence) {
  Random random(4);
  std::vector<Dim> dims = {plain("B", 2), plain("S", 5), {"C", 1, 3, 1, 4, 1, 1, 0, 4}};
  const Loops loops = expect_same(make(dims, Main::mul, Reduce::add, "BSC", "C", true, random));
  EXPECT_EQ(loops.batch, 2);
  EXPECT_EQ(loops.pixels(), 5);
}

TEST(Loops, RandomPooling) {
  Random random(5);
  for (int i = 0; i < 300; ++i) {
    const std::int64_t c = random.integer(1, 5);
    const Dim channel = random.chance(0.5) ? plain("C", c) : groups("C", c);
    std::vector<Dim> dims = {plain("B", random.integer(1, 2)), channel, sliding("H", random),
                             sliding("W", random)};
    const Reduce reduce = random.chance(0.5) ? Reduce::max : Reduce::add;
    const Case test = make(dims, Main::none, reduce, "BHWC", "", false, random);
    const Loops loops = expect_same(test);
    EXPECT_TRUE(c == 1 || loops.outs == c);
    EXPECT_EQ(loops.groups, 1);
    EXPECT_EQ(loops.ins, 1);
  }
}

TEST(Loops, GlobalAndChannelReductions) {
  Random random(6);
  const std::vector<Dim> global = {plain("B", 2), plain("C", 6), full("H", 3), full("W", 4)};
  EXPECT_EQ(expect_same(make(global, Main::none, Reduce::add, "BHWC", "", false, random)).outs, 6);
  const std::vector<Dim> softmax = {plain("B", 3), full("C", 7)};
  EXPECT_EQ(expect_same(make(softmax, Main::none, Reduce::max, "BC", "", false, random)).outs, 3);
  const std::vector<Dim> everything = {full("B", 2), full("C", 3), full("T", 2), full("H", 4),
                                       full("W", 5)};
  const Loops loops =
      expect_same(make(everything, Main::none, Reduce::add, "BTHWC", "", false, random));
  EXPECT_EQ(loops.kernel_size(), 240);
  const std::vector<Dim> lrn = {
      plain("B", 2), {"C", 1, 1, 8, 5, 1, 1, 2, 8}, plain("H", 3), plain("W", 4)};
  const Loops across = expect_same(make(lrn, Main::none, Reduce::add, "BHWC", "", false, random));
  EXPECT_EQ(across.kind, WorkKind::window);
  EXPECT_EQ(across.outs, 4);
}

TEST(Loops, WholeMapDepthwiseIsAWindow) {
  Random random(7);
  const std::vector<Dim> dims = {plain("B", 1), groups("C", 6), full("H", 3), full("W", 3)};
  const Loops loops = expect_same(make(dims, Main::mul, Reduce::add, "BHWC", "CHW", true, random));
  EXPECT_EQ(loops.kind, WorkKind::window);
  EXPECT_EQ(loops.outs, 6);
}

TEST(Loops, RandomElementwise) {
  Random random(8);
  const Main mains[] = {Main::none, Main::add, Main::sub, Main::mul};
  int refused = 0;
  for (int i = 0; i < 400; ++i) {
    std::vector<Dim> dims;
    std::string layout = "BTHWC";
    std::string broadcast;
    const bool clean = random.chance(0.5);
    for (char name : layout) {
      Dim d;
      d.name = std::string(1, name);
      d.ng = random.integer(1, 2);
      d.nop = random.integer(1, 2);
      d.nopc = random.integer(1, 3);
      d.stride = random.integer(1, 2);
      d.pad = random.integer(-1, clean ? 0 : 1);
      d.nips = clean ? 8 : random.integer(1, 6);
      dims.push_back(d);
      if (random.chance(0.7)) broadcast += name;
    }
    const Main main = mains[random.integer(0, 3)];
    const bool constant = random.chance(0.5);
    const Case test = make(dims, main, Reduce::add, layout, broadcast, constant, random);
    if (main == Main::mul && constant) continue;  // That is a convolution.
    const bool padded = std::any_of(dims.begin(), dims.end(), [](const Dim& d) {
      return d.pad > 0 || (d.nopc - 1) * d.stride - d.pad >= d.nips;
    });
    if (padded && (main == Main::add || main == Main::sub)) {
      EXPECT_THROW(loops_of(test.chain, test.gconv()), InputError);
      ++refused;
      continue;
    }
    const Loops loops = expect_same(test);
    EXPECT_EQ(loops.kind, WorkKind::elementwise);
    EXPECT_EQ(loops.in, loops.out);
    EXPECT_EQ(loops.second_operand, main != Main::none && !constant);
  }
  EXPECT_LT(refused, 150);
}

TEST(Loops, RefusesByName) {
  Random random(9);
  const std::vector<Dim> dims = {plain("B", 2), full("C", 4)};
  const Case dot = make(dims, Main::mul, Reduce::add, "BC", "BC", false, random);
  try {
    loops_of(dot.chain, dot.gconv());
    FAIL();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("'layer'"), std::string::npos);
  }
  std::vector<Dim> four;
  for (const char* name : {"D", "T", "H", "W"}) four.push_back({name, 1, 1, 3, 2, 1, 1, 0, 4});
  const Case slides = make(four, Main::none, Reduce::max, "DTHW", "", false, random);
  EXPECT_THROW(loops_of(slides.chain, slides.gconv()), InputError);
}

TEST(Loops, ConvolutionsOfSquaresAreRefusedAndWindowsAreNot) {
  Random random(11);
  const std::vector<Dim> dims = {plain("B", 2), {"C", 1, 3, 1, 4, 1, 1, 0, 4}};
  Case conv = make(dims, Main::mul, Reduce::add, "BC", "C", true, random);
  EXPECT_EQ(loops_of(conv.chain, conv.gconv()).kind, WorkKind::conv);
  conv.chain.gconvs[0].pre = gconv::Pre::square;
  try {
    loops_of(conv.chain, conv.gconv());
    FAIL() << "the square would be left out silently";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("'layer' (layer 'layer') changes its input"),
              std::string::npos)
        << error.what();
  }
  const std::vector<Dim> maps = {plain("B", 1), groups("C", 6), full("H", 3), full("W", 3)};
  Case depthwise = make(maps, Main::mul, Reduce::add, "BHWC", "CHW", true, random);
  depthwise.chain.gconvs[0].pre = gconv::Pre::square;
  EXPECT_EQ(loops_of(depthwise.chain, depthwise.gconv()).kind, WorkKind::window);
}

TEST(Loops, DenseMapsNeedNoCopy) {
  Random random(10);
  const std::vector<Dim> dims = {plain("B", 2),
                                 {"C", 1, 8, 1, 6, 1, 1, 0, 6},
                                 {"H", 1, 1, 5, 3, 1, 1, 1, 5},
                                 {"W", 1, 1, 5, 3, 1, 1, 1, 5}};
  const Case test = make(dims, Main::mul, Reduce::add, "BHWC", "CHW", true, random);
  const Normalized n = normalize(test.chain, test.gconv());
  EXPECT_TRUE(n.input.contiguous());
  EXPECT_TRUE(n.output.contiguous());
  EXPECT_EQ(n.input.elements(), 2 * 5 * 5 * 6);
}

}  // namespace
}  // namespace syncopate::map
