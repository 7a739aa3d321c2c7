#include "ref/float_plan.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>

namespace syncopate::ref {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr int kForever = 1 << 30;

using ir::kNoValue;
using ir::ValueId;

std::size_t index(ValueId value) { return static_cast<std::size_t>(value); }

Tensor buffer(std::size_t bytes) {
  return Tensor::uninitialized(DType::u8, {static_cast<std::int64_t>(bytes)});
}

View view_of(const ir::Value& value, std::byte* data) { return {value.dtype, value.shape, data}; }

/// Constants are only ever read; views have one type for inputs and outputs.
std::byte* writable(const Tensor& tensor) { return const_cast<std::byte*>(tensor.raw().data()); }

}  // namespace

std::byte* Addresses::operator()(const Slot& slot) const {
  if (slot.storage < 0) return slot.fixed;
  std::size_t offset = 0;
  const Storage* storage = &storages_[static_cast<std::size_t>(slot.storage)];
  while (storage->parent >= 0) {
    offset += storage->parent_offset;
    storage = &storages_[static_cast<std::size_t>(storage->parent)];
  }
  return arena_ + storage->offset + offset;
}

Plan::Plan(const ir::Graph& graph, const std::set<ValueId>& observed, Runs runs)
    : graph_(graph), runs_(runs), locations_(graph.values.size()) {
  fold_constants();
  std::set<ValueId> constants;
  for (std::size_t i = 0; i < graph.values.size(); ++i) {
    const auto id = static_cast<ValueId>(i);
    if (is_constant(id)) constants.insert(id);
  }
  for (ValueId input : graph.inputs) {
    Located at = place_plain(graph.value(input));
    storage(at.slot.storage).first = -1;
    set_location(input, at);
  }
  const std::vector<FusedNode> groups = fuse(graph, observed, constants);
  count_readers(groups);
  for (const FusedNode& group : groups) lower_group(group);
  for (ValueId output : graph.outputs) {
    if (!is_constant(output)) touch(located(output).slot, kForever);
  }
  std::erase_if(folded_, [&](const auto& entry) {
    return !folded_needed_.contains(entry.first) && !observed.contains(entry.first) &&
           std::find(graph.outputs.begin(), graph.outputs.end(), entry.first) ==
               graph.outputs.end();
  });
  scratch_ = {};
  assign_offsets();
  for (Step& step : steps_) step.run = step.bind(*addresses_);
}

const Tensor* Plan::constant(ValueId value) const {
  if (value == kNoValue) return nullptr;
  const ir::Value& v = graph_.value(value);
  if (v.constant) return &*v.constant;
  const auto found = folded_.find(value);
  return found == folded_.end() ? nullptr : &found->second;
}

View Plan::constant_view(ValueId value) {
  folded_needed_.insert(value);
  return view_of(graph_.value(value), writable(*constant(value)));
}

void Plan::fold_constants() {
  for (const ir::Node& node : graph_.nodes) {
    const bool known = !node.inputs.empty() &&
                       std::all_of(node.inputs.begin(), node.inputs.end(), [&](ValueId input) {
                         return input == kNoValue || is_constant(input);
                       });
    if (!known) continue;
    std::vector<View> in, out;
    for (ValueId input : node.inputs) {
      in.push_back(input == kNoValue ? View{}
                                     : view_of(graph_.value(input), writable(*constant(input))));
    }
    for (ValueId output : node.outputs) {
      if (output == kNoValue) {
        out.emplace_back();
        continue;
      }
      const ir::Value& value = graph_.value(output);
      Tensor& tensor = folded_[output] = Tensor::uninitialized(value.dtype, value.shape);
      out.push_back(view_of(value, tensor.mutable_raw().data()));
    }
    run_plain({node, in, out});
  }
}

void Plan::count_readers(const std::vector<FusedNode>& groups) {
  readers_left_.assign(graph_.values.size(), 0);
  for (ValueId output : graph_.outputs) ++readers_left_[index(output)];
  for (const FusedNode& group : groups) {
    for (const ir::Node* node : group.nodes) {
      for (ValueId input : node->inputs) {
        if (input != kNoValue) ++readers_left_[index(input)];
      }
    }
  }
}

void Plan::finish_reading(const FusedNode& group) {
  for (const ir::Node* node : group.nodes) {
    for (ValueId input : node->inputs) {
      if (input != kNoValue) --readers_left_[index(input)];
    }
  }
}

void Plan::lower_group(const FusedNode& group) {
  // Reads of this very group no longer protect a value from being overwritten by it.
  finish_reading(group);
  const std::size_t before = steps_.size();
  try {
    if (lower_fast(*this, group)) return;
  } catch (const dnnl::error& error) {
    if (error.status != dnnl_unimplemented && error.status != dnnl_invalid_arguments) {
      broken("{}: oneDNN says {}", group.node->name, error.message);
    }
  }
  // Reorders added so far only make more copies of operands, which stay valid.
  for (std::size_t i = before; i < steps_.size(); ++i) {
    if (!steps_[i].makes.empty()) broken("{}: lowered halfway", group.node->name);
  }
  for (const ir::Node* node : group.nodes) add_plain(*node);
}

bool Plan::dies_here(ValueId value, const Located& at) const {
  return at.slot.storage >= 0 && readers_left_[index(value)] == 0 &&
         !storages_[static_cast<std::size_t>(at.slot.storage)].shared;
}

dnnl::memory::desc Plan::row_major(const Shape& shape) {
  const dnnl::memory::dims dims = shape.empty() ? dnnl::memory::dims{1} : shape;
  return {dims, dnnl::memory::data_type::f32,
          shape.empty() ? dnnl::memory::dims{1} : row_major_strides(shape)};
}

int Plan::add_storage(std::size_t bytes) {
  Storage storage;
  storage.bytes = bytes;
  storage.first = storage.last = static_cast<int>(steps_.size());
  storages_.push_back(storage);
  return static_cast<int>(storages_.size()) - 1;
}

Located Plan::place(const dnnl::memory::desc& md) {
  return {{add_storage(md.get_size()), nullptr}, md, false};
}

Located Plan::place_plain(const ir::Value& value) {
  const std::size_t bytes =
      static_cast<std::size_t>(element_count(value.shape)) * size_of(value.dtype);
  Located at{{add_storage(bytes), nullptr}, {}, true};
  if (value.dtype == DType::f32) at.md = row_major(value.shape);
  return at;
}

void Plan::set_location(ValueId value, Located at) {
  if (!at.plain && at.md == row_major(graph_.value(value).shape)) at.plain = true;
  locations_[index(value)].push_back(at);
}

const Located& Plan::located(ValueId value) const {
  const auto& copies = locations_[index(value)];
  if (copies.empty()) broken("value '{}' was never made", graph_.value(value).name);
  return copies.front();
}

Located Plan::any(ValueId value) {
  const auto& copies = locations_[index(value)];
  for (const Located& copy : copies) {
    if (!copy.plain) return copy;
  }
  return plain(value);
}

Located Plan::plain(ValueId value) {
  const ir::Value& v = graph_.value(value);
  if (is_constant(value)) {
    Located at{{-1, constant_view(value).data}, {}, true};
    if (v.dtype == DType::f32) at.md = row_major(v.shape);
    return at;
  }
  for (const Located& copy : locations_[index(value)]) {
    if (copy.plain) return copy;
  }
  if (v.dtype != DType::f32) broken("value '{}' was never made", v.name);
  return as(value, row_major(v.shape));
}

Located Plan::as(ValueId value, const dnnl::memory::desc& md) {
  for (const Located& copy : locations_[index(value)]) {
    if (copy.md == md) return copy;
  }
  const Located from = is_constant(value) ? plain(value) : located(value);
  if (from.md == md) return from;
  const Located to = place(md);
  const dnnl::reorder::primitive_desc pd(engine_, from.md, engine_, md, attributes());
  add_dnnl(graph_.value(value).name + " (reorder)", dnnl::reorder(pd), pd.scratchpad_desc(),
           {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}}, {}, std::nullopt);
  set_location(value, to);
  return locations_[index(value)].back();
}

void Plan::touch(const Slot& slot, int step) {
  for (int id = slot.storage; id >= 0;) {
    Storage& touched = storage(id);
    touched.first = std::min(touched.first, step);
    touched.last = std::max(touched.last, step);
    id = touched.parent;
  }
}

void Plan::add_step(Step step) {
  const int now = static_cast<int>(steps_.size());
  for (const Slot& slot : step.uses) touch(slot, now);
  for (const Made& made : step.makes) {
    touch(made.at.slot, now);
    set_location(made.value, made.at);
  }
  steps_.push_back(std::move(step));
}

void Plan::add_dnnl(std::string name, const dnnl::primitive& primitive,
                    const dnnl::memory::desc& scratchpad, std::vector<Argument> arguments,
                    std::vector<Made> makes, std::optional<Guard> guard) {
  scratchpad_bytes_ = std::max(scratchpad_bytes_, scratchpad.get_size());
  Step step;
  step.name = std::move(name);
  for (const Argument& argument : arguments) step.uses.push_back(argument.at.slot);
  step.makes = std::move(makes);
  step.guard = std::move(guard);
  step.bind = [this, primitive, scratchpad,
               arguments = std::move(arguments)](const Addresses& addresses) -> Action {
    std::unordered_map<int, dnnl::memory> memories;
    for (const Argument& argument : arguments) {
      memories.emplace(argument.number,
                       dnnl::memory(argument.at.md, engine_, addresses(argument.at.slot)));
    }
    memories.emplace(DNNL_ARG_SCRATCHPAD, dnnl::memory(scratchpad, engine_, addresses.scratchpad));
    return
        [this, primitive, memories = std::move(memories)] { primitive.execute(stream_, memories); };
  };
  add_step(std::move(step));
}

void Plan::add_plain(const ir::Node& node) {
  Step step;
  step.name = node.name;
  std::vector<Slot> in, out;
  for (ValueId input : node.inputs) {
    in.push_back(input == kNoValue ? Slot{} : plain(input).slot);
  }
  for (ValueId output : node.outputs) {
    if (output == kNoValue) {
      out.emplace_back();
      continue;
    }
    step.makes.push_back({output, place_plain(graph_.value(output))});
    out.push_back(step.makes.back().at.slot);
  }
  step.uses = in;
  step.uses.insert(step.uses.end(), out.begin(), out.end());
  step.bind = [this, &node, in, out](const Addresses& addresses) -> Action {
    const auto views = [&](const std::vector<ValueId>& values, const std::vector<Slot>& slots) {
      std::vector<View> result;
      for (std::size_t i = 0; i < values.size(); ++i) {
        result.push_back(
            values[i] == kNoValue ? View{} : view_of(graph_.value(values[i]), addresses(slots[i])));
      }
      return result;
    };
    return [&node, inputs = views(node.inputs, in), outputs = views(node.outputs, out)] {
      run_plain({node, inputs, outputs});
    };
  };
  add_step(std::move(step));
}

std::byte* Plan::keep(Tensor tensor) {
  kept_.push_back(std::move(tensor));
  return kept_.back().mutable_raw().data();
}

float* Plan::scratch(std::int64_t floats) {
  if (scratch_.size() < floats || scratch_.dtype() != DType::f32) {
    scratch_ = Tensor::uninitialized(DType::f32, {floats});
  }
  return scratch_.mutable_data<float>().data();
}

Ranged Plan::ranged(ValueId value, const Located& at) const {
  return {value, at.slot, static_cast<std::int64_t>(at.md.get_size() / sizeof(float))};
}

void Plan::assign_offsets() {
  // Largest first, each at the lowest offset free during its whole life.
  std::vector<int> order;
  for (int id = 0; id < static_cast<int>(storages_.size()); ++id) {
    if (storage(id).parent < 0) order.push_back(id);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](int a, int b) { return storage(a).bytes > storage(b).bytes; });
  std::vector<int> placed;  // By offset.
  std::size_t total = 0;
  for (int id : order) {
    Storage& now = storage(id);
    now.bytes = (now.bytes + kAlignment - 1) / kAlignment * kAlignment;
    std::size_t offset = 0;
    for (int other_id : placed) {
      const Storage& other = storage(other_id);
      if (other.last < now.first || now.last < other.first) continue;
      if (offset + now.bytes <= other.offset) break;
      offset = std::max(offset, other.offset + other.bytes);
    }
    now.offset = offset;
    total = std::max(total, offset + now.bytes);
    placed.insert(
        std::upper_bound(placed.begin(), placed.end(), id,
                         [&](int a, int b) { return storage(a).offset < storage(b).offset; }),
        id);
  }
  arena_ = buffer(total);
  scratchpad_ = buffer(scratchpad_bytes_);
  addresses_.emplace(storages_, arena_.mutable_raw().data());
  addresses_->scratchpad = scratchpad_.mutable_raw().data();
}

std::byte* Plan::input(ValueId value) const { return address(located(value).slot); }

}  // namespace syncopate::ref
