#include "ref/range_rules.h"

#include <algorithm>
#include <cmath>

#include "gconv/fixed_post.h"

namespace syncopate::ref {
namespace {

using gconv::Function;
using gconv::GConv;
using gconv::Main;
using gconv::PostOp;
using gconv::Pre;
using gconv::Reduce;

const std::vector<const GConv*> kNobody;

bool ends_with(const GConv& gconv, Function function) {
  return !gconv.post.empty() && gconv.post.back().kind == PostOp::Kind::function &&
         gconv.post.back().function == function;
}

/// Output elements are input elements, or 0.
bool selects(const GConv& gconv) {
  return gconv.pre == Pre::none && gconv.main == Main::none && gconv.reduce != Reduce::add &&
         gconv.post.empty();
}

/// Applies nothing but a post that can be traced back from its result.
bool invertible(const GConv& gconv) {
  return gconv.pre == Pre::none && gconv.main == Main::none && gconv.reduce == Reduce::none &&
         !gconv.post.empty() && std::ranges::all_of(gconv.post, [](const PostOp& op) {
           return op.kind == PostOp::Kind::affine ||
                  (op.kind == PostOp::Kind::clamp && op.low <= 0 && op.high >= 0);
         });
}

/// Ends in a clamp to a finite interval.
bool is_bounded(const GConv& gconv) {
  return !gconv.post.empty() && gconv.post.back().kind == PostOp::Kind::clamp &&
         std::isfinite(gconv.post.back().low) && std::isfinite(gconv.post.back().high);
}

/// Divisors of LRN: (gamma + alpha * sum of squares)^-beta is largest for a sum of 0.
bool is_norm_divisor(const GConv& gconv) {
  if (gconv.pre != Pre::square || gconv.main != Main::none || gconv.post.size() != 1) return false;
  const PostOp& op = gconv.post[0];
  return ends_with(gconv, Function::power) && op.alpha >= 0 && op.beta >= 0 && op.gamma > 0;
}

/// Bound of the argument that keeps an affine result within `range`.
double undo_affine(const PostOp& op, double range) {
  const std::size_t channels = std::max(op.scale.size(), op.bias.size());
  double result = 0;
  for (std::size_t c = 0; c < channels; ++c) {
    const auto channel = static_cast<std::int64_t>(c);
    const double scale = std::abs(gconv::channel_entry(op.scale, channel));
    const double bias = std::abs(gconv::channel_entry(op.bias, channel));
    if (scale > 0) result = std::max(result, (range + bias) / scale);
  }
  return result;
}

}  // namespace

RangeRules::RangeRules(const ir::Graph& graph, const gconv::Chain& chain)
    : chain_(chain), kept_(chain.outputs.begin(), chain.outputs.end()) {
  for (const ir::Node& node : graph.nodes) {
    for (const ir::ValueId output : node.outputs) {
      // The integers of a QDQ network are steps, while the chain holds the real values they mean.
      if (output == ir::kNoValue) continue;
      const ir::Value& value = graph.value(output);
      (value.dtype == DType::f32 ? values_ : integers_).insert(value.name);
    }
  }
  for (const GConv& gconv : chain.gconvs) {
    writers_[gconv.output.tensor].push_back(&gconv);
    readers_[gconv.input.tensor].push_back(&gconv);
    if (gconv.kernel) readers_[gconv.kernel->tensor].push_back(&gconv);
  }
  for (const std::string& input : chain.inputs) rules_[input] = Rule::given;
  for (const auto& [name, info] : chain.tensors) {
    if (!info.constant) choose(name);
  }
}

const std::vector<const GConv*>& RangeRules::writers(const std::string& tensor) const {
  const auto found = writers_.find(tensor);
  return found == writers_.end() ? kNobody : found->second;
}

RangeRules::Rule RangeRules::choose(const std::string& tensor) {
  const auto known = rules_.find(tensor);
  if (known != rules_.end()) return known->second;
  Rule rule = Rule::evaluated;
  if (tells_backward(tensor)) {
    const Rule next = choose(only_reader(tensor)->output.tensor);
    if (next != Rule::evaluated && next != Rule::given) rule = Rule::from_reader;
  }
  if (rule == Rule::evaluated && tells_forward(tensor)) rule = Rule::from_writers;
  if (rule == Rule::evaluated && in_graph(tensor)) rule = Rule::observed;
  if (rule == Rule::observed) observed_.insert(tensor);
  if (rule == Rule::evaluated) evaluated_.insert(tensor);
  return rules_[tensor] = rule;
}

const GConv* RangeRules::only_reader(const std::string& tensor) const {
  const auto found = readers_.find(tensor);
  if (kept_.contains(tensor) || found == readers_.end() || found->second.size() != 1) {
    return nullptr;
  }
  return found->second[0];
}

/// Values whose only reader applies bias, scale or clamp: what the result does not show can
/// saturate without harm.
bool RangeRules::tells_backward(const std::string& tensor) const {
  const GConv* reader = only_reader(tensor);
  return reader != nullptr && invertible(*reader);
}

bool RangeRules::tells_forward(const std::string& tensor) const {
  const auto& all = writers(tensor);
  return !all.empty() && std::ranges::all_of(all, [&](const GConv* gconv) {
    return selects(*gconv) || is_norm_divisor(*gconv) || at_most_one(*gconv) ||
           (integers_.contains(tensor) && is_bounded(*gconv));
  });
}

/// Parts of softmax: exp(x - max of x) is at most 1; its sum is at least 1, and so the reciprocal
/// of the sum at most 1.
bool RangeRules::at_most_one(const GConv& gconv) const {
  if (ends_with(gconv, Function::exp) && gconv.post.size() == 1) {
    if (gconv.main != Main::sub || gconv.pre != Pre::none || gconv.reduce != Reduce::none) {
      return false;
    }
    const auto& largest = writers(gconv.kernel->tensor);
    return largest.size() == 1 && selects(*largest[0]) && largest[0]->reduce == Reduce::max &&
           largest[0]->input.tensor == gconv.input.tensor;
  }
  if (!ends_with(gconv, Function::reciprocal) || gconv.post.size() != 1) return false;
  const auto& terms = writers(gconv.input.tensor);
  return gconv.pre == Pre::none && gconv.main == Main::none && gconv.reduce == Reduce::add &&
         terms.size() == 1 && ends_with(*terms[0], Function::exp) && at_most_one(*terms[0]);
}

double RangeRules::backward(const std::string& tensor,
                            std::map<std::string, double>& ranges) const {
  const GConv& reader = *only_reader(tensor);
  double range = derive(reader.output.tensor, ranges);
  for (auto op = reader.post.rbegin(); op != reader.post.rend(); ++op) {
    if (op->kind == PostOp::Kind::affine) range = undo_affine(*op, range);
  }
  return range;
}

double RangeRules::forward(const std::string& tensor, std::map<std::string, double>& ranges) const {
  double range = 0;
  for (const GConv* gconv : writers(tensor)) {
    if (selects(*gconv)) {
      const gconv::TensorInfo& input = chain_.tensors.at(gconv->input.tensor);
      double largest = 0;
      if (input.constant) {
        for (const float value : input.constant->data<float>()) {
          largest = std::max(largest, static_cast<double>(std::abs(value)));
        }
      } else {
        largest = derive(gconv->input.tensor, ranges);
      }
      range = std::max(range, largest);
    } else if (is_bounded(*gconv)) {  // what a QuantizeLinear can represent
      const PostOp& clamp = gconv->post.back();
      range = std::max({range, std::abs(clamp.low), std::abs(clamp.high)});
    } else if (is_norm_divisor(*gconv)) {
      range = std::max(range, std::pow(gconv->post[0].gamma, -gconv->post[0].beta));
    } else {
      range = std::max(range, 1.0);
    }
  }
  return range;
}

double RangeRules::derive(const std::string& tensor, std::map<std::string, double>& ranges) const {
  const auto known = ranges.find(tensor);
  if (known != ranges.end()) return known->second;
  const auto rule = rules_.find(tensor);
  if (rule == rules_.end()) broken("no rule for the range of tensor '{}'", tensor);
  switch (rule->second) {
    case Rule::from_reader:
      return ranges[tensor] = backward(tensor, ranges);
    case Rule::from_writers:
      return ranges[tensor] = forward(tensor, ranges);
    default:
      broken("the range of tensor '{}' was not observed", tensor);
  }
}

void RangeRules::derive(std::map<std::string, double>& ranges) const {
  for (const auto& [tensor, rule] : rules_) derive(tensor, ranges);
}

}  // namespace syncopate::ref
