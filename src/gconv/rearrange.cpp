#include "gconv/rearrange.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <set>

#include "base/error.h"

// Before, with b the densest channel of x:      After:
//   gconv p  -> x[a b c], weights w[a b c]        gconv p  -> x[b c a], weights w[b c a]
//   gconv q  x -> y, weights v[.][a b c]          gconv q  x -> y, weights v[.][b c a]

namespace syncopate::gconv {
namespace {

/// Channels of a tensor, which lie together; 0 when there are none to move.
std::int64_t channels_of(const TensorInfo& info) {
  if (info.constant || info.shape.size() < 2) return 0;
  if (info.layout.empty() && info.shape.size() != 2) return 0;
  const std::int64_t channels = info.shape[1];
  return channels > 1 && info.elements % channels == 0 ? channels : 0;
}

/// Which channels a view touches, and along which dimension of the gconv they lie.
struct Touch {
  std::string tensor;
  int dim = -1;  ///< -1: a single channel.
  std::int64_t first = 0, channels = 1;
  bool clear = false;  ///< False when the view mixes channels in another way.
};
Touch touch(const Chain& chain, const View& view, const std::vector<std::int64_t>& extents) {
  Touch result{view.tensor, -1, 0, 1, false};
  const std::int64_t channels = channels_of(chain.tensor(view.tensor));
  if (channels == 0 || view.base < 0) return result;
  result.first = view.base % channels;
  for (std::size_t d = 0; d < extents.size(); ++d) {
    const std::int64_t stride = view.strides[d];
    if (extents[d] == 1 || (stride >= 0 && stride % channels == 0)) continue;
    if (stride != 1 || result.dim >= 0) return result;
    result.dim = static_cast<int>(d);
    result.channels = extents[d];
  }
  result.clear = result.first + result.channels <= channels;
  return result;
}

/// Every index of the input is one kernel position: the dimension is summed over.
bool reduced(const Dim& d) {
  return d.ng == 1 && d.nopc == 1 && d.pad == 0 && d.nks == d.nips &&
         (d.dilation == 1 || d.nks == 1);
}
/// Every index of the input is the output of the same index.
bool mapped(const Dim& d) {
  const bool groups = d.nop == 1 && d.nopc == 1 && d.nks == 1 && d.nips == 1 && d.pad == 0;
  const bool slides =
      d.ng == 1 && d.nop == 1 && d.nks == 1 && d.pad == 0 && d.stride == 1 && d.nopc == d.nips;
  return groups || slides;
}
/// Every index of the output is a kernel.
bool produced(const Dim& d) { return d.ng == 1 && d.nopc == 1; }

/// What a gconv does with channels.
struct Role {
  Touch input, output;
  std::optional<Touch> second;  ///< A second activation.
  bool weights = false;         ///< Its kernel is constant.
  bool moves_input = false;     ///< Sums over the input's channels.
  bool moves_output = false;    ///< Makes the output's channels from kernels of their own.
  bool links = false;           ///< Output channels are input channels.
};
const Dim* dim_of(const GConv& g, const Touch& touch) {
  return touch.dim < 0 ? nullptr : &g.dims[static_cast<std::size_t>(touch.dim)];
}

Role role_of(const Chain& chain, const GConv& g) {
  Role role;
  role.input = touch(chain, g.input, input_extents(g));
  role.output = touch(chain, g.output, output_extents(g));
  if (g.kernel) {
    role.weights = chain.tensor(g.kernel->tensor).constant.has_value();
    if (!role.weights) role.second = touch(chain, *g.kernel, kernel_extents(g));
  }
  const Dim *in = dim_of(g, role.input), *out = dim_of(g, role.output);
  const bool plain = !g.kernel || role.weights;
  role.links = in != nullptr && in == out && mapped(*in) && role.input.clear && role.output.clear;
  if (role.links && role.second) {
    // The other operand moves along, or is the same for all channels.
    role.links = role.second->clear && (role.second->dim == role.input.dim || role.second->dim < 0);
  }
  if (role.links) return role;
  role.moves_input = plain && role.input.clear && (in == nullptr || reduced(*in));
  role.moves_output = role.weights && role.output.clear && (out == nullptr || produced(*out));
  // A dimension that is neither summed over nor made of kernels ties both ends to their places.
  if (in != nullptr && in == out && !(reduced(*in) && produced(*in))) {
    role.moves_input = role.moves_output = false;
  }
  return role;
}

/// Cuts tensors into segments and finds those that move together.
class Segments {
 public:
  explicit Segments(const Chain& chain) : chain_(chain) {
    for (const auto& [name, info] : chain.tensors) {
      const std::int64_t channels = channels_of(info);
      if (channels > 0) cuts_[name] = {0, channels};
    }
    for (const std::string& name : chain.inputs) pin_whole(name);
    for (const std::string& name : chain.outputs) pin_whole(name);
    for (const GConv& g : chain.gconvs) add(g);
    spread_cuts();
    unite();
  }
  std::vector<ChannelClass> classes();

 private:
  using Place = std::pair<std::string, std::int64_t>;  ///< Tensor and first channel.
  struct Link {
    Touch a, b;
  };

  void add(const GConv& g);
  void cut(const Touch& t);
  void pin(const Touch& t);
  void pin_whole(const std::string& tensor) {
    const auto found = cuts_.find(tensor);
    if (found != cuts_.end()) pins_.push_back({tensor, -1, 0, *found->second.rbegin(), true});
  }
  void spread_cuts();
  void unite();
  /// Segments that a touch covers.
  std::vector<Place> covered(const Touch& t) const;
  Place root(Place place) const {
    for (auto up = parent_.find(place); up != parent_.end(); up = parent_.find(place)) {
      place = up->second;
    }
    return place;
  }

  const Chain& chain_;
  std::map<std::string, std::set<std::int64_t>> cuts_;
  std::vector<Link> links_;
  std::vector<Touch> pins_;
  std::map<Place, Place> parent_;
  std::set<Place> pinned_;  ///< Roots.
};

void Segments::cut(const Touch& t) {
  const auto found = cuts_.find(t.tensor);
  if (found == cuts_.end() || !t.clear) return;
  found->second.insert(t.first);
  found->second.insert(t.first + t.channels);
}

void Segments::pin(const Touch& t) {
  if (!t.clear) return pin_whole(t.tensor);
  pins_.push_back(t);
}

void Segments::add(const GConv& g) {
  const Role role = role_of(chain_, g);
  cut(role.input);
  cut(role.output);
  if (role.second) cut(*role.second);
  if (role.links) {
    links_.push_back({role.input, role.output});
    if (role.second && role.second->dim >= 0) links_.push_back({role.input, *role.second});
    return;
  }
  if (!role.moves_input) pin(role.input);
  if (!role.moves_output) pin(role.output);
  if (role.second) pin(*role.second);
}

/// A cut on one side of a link is one on the other, until nothing changes.
void Segments::spread_cuts() {
  const auto copy = [this](const Touch& from, const Touch& to) {
    if (!cuts_.contains(from.tensor) || !cuts_.contains(to.tensor)) return false;
    bool changed = false;
    const std::set<std::int64_t> cuts = cuts_[from.tensor];
    for (const std::int64_t c : cuts) {
      if (c < from.first || c > from.first + from.channels) continue;
      changed = cuts_[to.tensor].insert(c - from.first + to.first).second || changed;
    }
    return changed;
  };
  for (bool changed = true; changed;) {
    changed = false;
    for (const Link& link : links_) {
      changed = copy(link.a, link.b) || changed;
      changed = copy(link.b, link.a) || changed;
    }
  }
}

std::vector<Segments::Place> Segments::covered(const Touch& t) const {
  std::vector<Place> result;
  const auto found = cuts_.find(t.tensor);
  if (found == cuts_.end()) return result;
  for (const std::int64_t c : found->second) {
    if (c >= t.first && c < t.first + t.channels) result.push_back({t.tensor, c});
  }
  return result;
}

void Segments::unite() {
  for (const Link& link : links_) {
    const std::vector<Place> a = covered(link.a), b = covered(link.b);
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
      const Place one = root(a[i]), other = root(b[i]);
      if (one != other) parent_[std::max(one, other)] = std::min(one, other);
    }
    // A constant operand, which does not move, on one side.
    if (a.size() == b.size()) continue;
    for (const Place& place : a) pinned_.insert(place);
    for (const Place& place : b) pinned_.insert(place);
  }
  for (const Touch& t : pins_) {
    for (const Place& place : covered(t)) pinned_.insert(place);
  }
  std::set<Place> roots;
  for (const Place& place : pinned_) roots.insert(root(place));
  pinned_ = std::move(roots);
}

std::vector<ChannelClass> Segments::classes() {
  std::map<Place, ChannelClass> by_root;
  for (const auto& [tensor, cuts] : cuts_) {
    for (auto c = cuts.begin(); std::next(c) != cuts.end(); ++c) {
      const Place place = root({tensor, *c});
      if (pinned_.contains(place)) continue;
      ChannelClass& one = by_root[place];
      one.channels = *std::next(c) - *c;
      one.parts.push_back({tensor, *c, one.channels});
    }
  }
  std::vector<ChannelClass> result;
  for (auto& [place, one] : by_root) {
    if (one.channels > 1) result.push_back(std::move(one));
  }
  return result;
}

/// Old channel at each new place of the tensors that move.
using Orders = std::map<std::string, std::vector<std::int64_t>>;

/// The order of the channels that a touch covers, from its first; empty when they stay.
std::vector<std::int64_t> order_of(const Orders& orders, const Touch& t) {
  const auto found = orders.find(t.tensor);
  if (found == orders.end()) return {};
  std::vector<std::int64_t> result;
  for (std::int64_t c = t.first; c < t.first + t.channels; ++c) {
    result.push_back(found->second[static_cast<std::size_t>(c)] - t.first);
  }
  return result;
}

template <class T>
void permute(std::vector<T>& values, const std::vector<std::int64_t>& order) {
  if (values.size() != order.size()) return;  // One for all channels.
  const std::vector<T> old = values;
  for (std::size_t i = 0; i < order.size(); ++i) {
    values[i] = old[static_cast<std::size_t>(order[i])];
  }
}

/// Old index of a kernel in every dimension, for each new one; empty where nothing moves.
using KernelOrders = std::vector<std::vector<std::int64_t>>;

KernelOrders kernel_orders(const GConv& g, const Role& role, const Orders& orders) {
  KernelOrders result(g.dims.size());
  const std::vector<std::int64_t> in = order_of(orders, role.input);
  const std::vector<std::int64_t> out = order_of(orders, role.output);
  const auto fill = [&](const Touch& t, bool output) {
    if (t.dim < 0) return;
    const auto d = static_cast<std::size_t>(t.dim);
    const Dim& dim = g.dims[d];
    std::vector<std::int64_t>& to = result[d];
    if (to.empty()) {
      to.resize(static_cast<std::size_t>(dim.kernels()));
      std::iota(to.begin(), to.end(), 0);
    }
    const std::vector<std::int64_t>& order = output ? out : in;
    if (order.empty()) return;
    for (std::int64_t& index : to) {
      const std::int64_t op = index / dim.nks, ks = index % dim.nks;
      index = output ? order[static_cast<std::size_t>(op)] * dim.nks + ks
                     : op * dim.nks + order[static_cast<std::size_t>(ks)];
    }
  };
  if (role.links) {
    const Dim& dim = *dim_of(g, role.input);
    if (dim.kernels() > 1) result[static_cast<std::size_t>(role.input.dim)] = in;
    return result;
  }
  if (role.moves_input) fill(role.input, false);
  if (role.moves_output) fill(role.output, true);
  return result;
}

template <class T>
Tensor gather(const Tensor& old, const View& view, const std::vector<std::int64_t>& extents,
              const KernelOrders& orders) {
  Tensor result = old;
  const std::span<const T> from = old.data<T>();
  const std::span<T> to = result.mutable_data<T>();
  std::vector<std::int64_t> index(extents.size(), 0);
  for (bool more = true; more;) {
    std::int64_t new_address = view.base, old_address = view.base;
    for (std::size_t d = 0; d < extents.size(); ++d) {
      new_address += view.strides[d] * index[d];
      old_address += view.strides[d] *
                     (orders[d].empty() ? index[d] : orders[d][static_cast<std::size_t>(index[d])]);
    }
    to[static_cast<std::size_t>(new_address)] = from[static_cast<std::size_t>(old_address)];
    more = false;
    for (std::size_t d = extents.size(); d-- > 0 && !more;) {
      more = ++index[d] < extents[d];
      if (!more) index[d] = 0;
    }
  }
  return result;
}

Tensor moved(const Tensor& old, const View& view, const std::vector<std::int64_t>& extents,
             const KernelOrders& orders) {
  switch (old.dtype()) {
    case DType::i8:
      return gather<std::int8_t>(old, view, extents, orders);
    case DType::i16:
      return gather<std::int16_t>(old, view, extents, orders);
    case DType::f32:
      return gather<float>(old, view, extents, orders);
    default:
      broken("weights of a type that no chain has");
  }
}

Orders tensor_orders(const Chain& chain, std::span<const ChannelClass> classes,
                     std::span<const std::vector<std::int32_t>> orders) {
  Orders result;
  for (std::size_t k = 0; k < classes.size(); ++k) {
    std::vector<std::int32_t> sorted = orders[k];
    std::sort(sorted.begin(), sorted.end());
    for (std::size_t i = 0; i < sorted.size(); ++i) {
      if (sorted[i] != static_cast<std::int32_t>(i) || std::ssize(sorted) != classes[k].channels) {
        broken("the order of {} is no permutation of its channels", classes[k].parts[0].tensor);
      }
    }
    for (const ChannelPart& part : classes[k].parts) {
      std::vector<std::int64_t>& all = result[part.tensor];
      if (all.empty()) {
        all.resize(static_cast<std::size_t>(channels_of(chain.tensor(part.tensor))));
        std::iota(all.begin(), all.end(), 0);
      }
      for (std::size_t i = 0; i < orders[k].size(); ++i) {
        all[static_cast<std::size_t>(part.first) + i] = part.first + orders[k][i];
      }
    }
  }
  return result;
}

/// Posts have an entry per output channel, or one for all.
void permute_post(GConv& g, const std::vector<std::int64_t>& order) {
  for (PostOp& op : g.post) {
    permute(op.scale, order);
    permute(op.bias, order);
  }
  if (!g.fixed) return;
  permute(g.fixed->multiplier, order);
  permute(g.fixed->bias, order);
  permute(g.fixed->shift, order);
}

}  // namespace

std::vector<ChannelClass> free_channels(const Chain& chain) { return Segments(chain).classes(); }

Chain rearrange(const Chain& chain, std::span<const ChannelClass> classes,
                std::span<const std::vector<std::int32_t>> orders) {
  const Orders moves = tensor_orders(chain, classes, orders);
  Chain result = chain;
  for (const auto& [tensor, order] : moves) permute(result.tensor(tensor).channel_scale, order);
  std::map<std::string, int> users;
  for (const GConv& g : chain.gconvs) {
    if (g.kernel) ++users[g.kernel->tensor];
  }
  for (GConv& g : result.gconvs) {
    const Role role = role_of(chain, g);
    const std::vector<std::int64_t> out = order_of(moves, role.output);
    const bool along = role.output.dim >= 0 && g.dim_index(g.channel) == role.output.dim;
    if (!out.empty() && along) permute_post(g, out);
    if (!role.weights) continue;
    const KernelOrders order = kernel_orders(g, role, moves);
    if (std::all_of(order.begin(), order.end(), [](const auto& o) { return o.empty(); })) continue;
    TensorInfo info = chain.tensor(g.kernel->tensor);
    info.constant = moved(*info.constant, *g.kernel, kernel_extents(g), order);
    if (!out.empty()) permute(info.channel_scale, out);
    // Weights that others use too stay as they are for them.
    if (users[g.kernel->tensor] > 1) g.kernel->tensor += "/of " + g.name;
    result.tensors[g.kernel->tensor] = std::move(info);
  }
  return result;
}

std::vector<ChannelPart> summed_channels(const Chain& chain, const GConv& gconv) {
  const Role role = role_of(chain, gconv);
  if (!role.weights || !role.moves_input || role.input.dim < 0) return {};
  return {{role.input.tensor, role.input.first, role.input.channels}};
}

}  // namespace syncopate::gconv
