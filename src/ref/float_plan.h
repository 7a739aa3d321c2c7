#pragma once

#include <functional>
#include <map>
#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "ref/float_fuse.h"
#include "ref/float_kernels.h"
#include "ref/runs.h"

// Internal to FloatNet: the network as a list of steps over planned memory. The only headers with
// oneDNN in them are this one and those of other engines of this folder.

namespace syncopate::ref {

/// Where bytes are: in a storage of the arena, or at a fixed address (constants, packed weights).
struct Slot {
  int storage = -1;
  std::byte* fixed = nullptr;
};

/// A stretch of the arena, alive from the step that first writes it to the one that last reads it.
struct Storage {
  std::size_t bytes = 0;
  int first = 0, last = 0;
  int parent = -1;  ///< Part of another storage, at parent_offset.
  std::size_t parent_offset = 0;
  bool shared = false;     ///< Several values are here: never overwritten in place.
  std::size_t offset = 0;  ///< In the arena; valid after planning.
};

/// One copy of a value. `md` describes f32 copies; everything else is row-major.
struct Located {
  Slot slot;
  dnnl::memory::desc md;
  bool plain = true;
};

/// Turns slots into addresses once the arena exists.
class Addresses {
 public:
  Addresses(const std::vector<Storage>& storages, std::byte* arena)
      : storages_(storages), arena_(arena) {}
  std::byte* operator()(const Slot& slot) const;
  std::byte* scratchpad = nullptr;

 private:
  const std::vector<Storage>& storages_;
  std::byte* arena_;
};

using Action = std::function<void()>;

/// A float operand of a guarded step, whose largest magnitude may have to be measured.
struct Ranged {
  ir::ValueId value = ir::kNoValue;
  Slot slot;
  std::int64_t floats = 0;  ///< Physical elements; what pads a blocked layout is zero.
};

/// Proof that a step meets neither NaN nor infinity, and how large its result can be, from how
/// large its operands are. Kernels that turn NaN into zero run only under such a proof.
struct Guard {
  std::vector<Ranged> operands;
  /// Given a bound per operand, {bound on everything computed, bound on the result}.
  std::function<std::pair<double, double>(std::span<const double>)> bound;
};

/// A value a step has made.
struct Made {
  ir::ValueId value = ir::kNoValue;
  Located at;
};

/// One action of an inference.
struct Step {
  std::string name;  ///< The node it serves, for messages.
  std::vector<Slot> uses;
  std::vector<Made> makes;
  std::function<Action(const Addresses&)> bind;
  std::optional<Guard> guard;  ///< Absent: NaN and infinity pass through by themselves.
  Action run;                  ///< Made by bind.
};

/// Builds the steps of a network.
class Plan {
 public:
  Plan(const ir::Graph& graph, const std::set<ir::ValueId>& observed, Runs runs);

  const ir::Graph& graph() const { return graph_; }
  std::vector<Step>& steps() { return steps_; }
  /// The row-major copy of a graph input, to be filled before the first step.
  std::byte* input(ir::ValueId value) const;
  /// Where to read a value that is still alive (observed, just made; or a graph output).
  const Located& located(ir::ValueId value) const;
  std::byte* address(const Slot& slot) const { return (*addresses_)(slot); }
  /// A value known before the network runs, or null.
  const Tensor* constant(ir::ValueId value) const;
  Runs runs() const { return runs_; }
  const dnnl::engine& engine() const { return engine_; }
  dnnl::stream& stream() { return stream_; }
  /// Bytes of activations, and of weights packed into layouts of their own.
  std::size_t arena_bytes() const { return arena_.bytes(); }

  // What lowering uses.

  /// Values of the group that later groups do not read are free to be overwritten.
  bool dies_here(ir::ValueId value, const Located& at) const;
  Located plain(ir::ValueId value);
  /// A copy in the given layout, made by a reorder when there is none yet.
  Located as(ir::ValueId value, const dnnl::memory::desc& md);
  /// The copy that is cheapest to read in any layout: a blocked one if there is one.
  Located any(ir::ValueId value);
  bool is_constant(ir::ValueId value) const { return constant(value) != nullptr; }
  /// The constant's bytes, kept for as long as the plan lives.
  View constant_view(ir::ValueId value);
  int add_storage(std::size_t bytes);
  Storage& storage(int id) { return storages_[static_cast<std::size_t>(id)]; }
  /// New room for a value in the given layout.
  Located place(const dnnl::memory::desc& md);
  Located place_plain(const ir::Value& value);
  void set_location(ir::ValueId value, Located at);
  void add_step(Step step);
  /// A oneDNN step; arguments by number, weights as fixed slots.
  struct Argument {
    int number;
    Located at;
  };
  void add_dnnl(std::string name, const dnnl::primitive& primitive,
                const dnnl::memory::desc& scratchpad, std::vector<Argument> arguments,
                std::vector<Made> makes, std::optional<Guard> guard);
  /// A node in plain loops, row-major operands.
  void add_plain(const ir::Node& node);
  /// Keeps a buffer for as long as the plan lives.
  std::byte* keep(Tensor tensor);
  /// Room for this many floats until the next call.
  float* scratch(std::int64_t floats);
  Ranged ranged(ir::ValueId value, const Located& at) const;
  /// Row-major layout; a scalar counts as one dimension.
  static dnnl::memory::desc row_major(const Shape& shape);

 private:
  void fold_constants();
  void count_readers(const std::vector<FusedNode>& groups);
  void lower_group(const FusedNode& group);
  void finish_reading(const FusedNode& group);
  void assign_offsets();
  void touch(const Slot& slot, int step);

  const ir::Graph& graph_;
  Runs runs_;
  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  std::map<ir::ValueId, Tensor> folded_;
  std::set<ir::ValueId> folded_needed_;
  std::vector<Tensor> kept_;
  std::vector<int> readers_left_;  ///< Groups that still read a value; +1 for graph outputs.
  std::vector<std::vector<Located>> locations_;
  std::vector<Storage> storages_;
  std::vector<Step> steps_;
  std::size_t scratchpad_bytes_ = 0;
  Tensor arena_, scratchpad_, scratch_;
  std::optional<Addresses> addresses_;
};

/// Appends the steps of a group to the plan; false when oneDNN has nothing exact to offer.
bool lower_fast(Plan& plan, const FusedNode& group);

// The parts of lower_fast, by kind of operator.
bool lower_conv(Plan& plan, const FusedNode& group, const ir::Conv& op);
bool lower_conv_transpose(Plan& plan, const FusedNode& group, const ir::ConvTranspose& op);
bool lower_pool(Plan& plan, const FusedNode& group, const ir::Pool& op);
bool lower_global_pool(Plan& plan, const FusedNode& group, const ir::GlobalPool& op);
bool lower_lrn(Plan& plan, const FusedNode& group, const ir::Lrn& op);
bool lower_norm(Plan& plan, const FusedNode& group, const ir::BatchNormalization& op);
bool lower_unary(Plan& plan, const FusedNode& group, const ir::Unary& op);
bool lower_binary(Plan& plan, const FusedNode& group, const ir::Binary& op);
bool lower_concat(Plan& plan, const FusedNode& group, const ir::Concat& op);
bool lower_reshape(Plan& plan, const FusedNode& group);
bool lower_gemm(Plan& plan, const FusedNode& group, const ir::Gemm& op);
bool lower_matmul(Plan& plan, const FusedNode& group);

/// Appends an activation to what a primitive does to its result; false for one oneDNN cannot do.
bool append_activation(dnnl::post_ops& post, const ir::Unary& unary);
/// Bound on an activation's result, from a bound on its operand.
double activation_bound(const std::optional<ir::Unary>& unary, double operand);
/// Attributes every primitive here has.
dnnl::primitive_attr attributes(const dnnl::post_ops& post = {});

}  // namespace syncopate::ref
