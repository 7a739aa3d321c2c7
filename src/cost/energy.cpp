#include "cost/energy.h"

#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/embedded.h"
#include "base/error.h"

namespace syncopate::cost {

namespace data {
std::span<const base::EmbeddedFile> embedded_files();  // data/energy/*.yaml, see src/CMakeLists.txt
}

namespace {

constexpr std::string_view kSuffix = "nm.yaml";

/// The plain values of a table file, under the overrides of the user.
Params plain_values(const YAML::Node& root, const std::string& source, const Params& overrides) {
  Params params;
  for (const auto& entry : root) {
    const std::string key = entry.first.Scalar();
    if (key == "sram") continue;
    if (!entry.second.IsScalar()) {
      fail("{}:{}: '{}': expected a plain value", source, entry.first.Mark().line + 1, key);
    }
    params.set(key, entry.second.Scalar());
  }
  params.merge(overrides);
  return params;
}

double number(const YAML::Node& node, const char* key, const std::string& source) {
  double value = 0;
  const std::string text = node[key].IsDefined() ? node[key].Scalar() : "";
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !(value > 0) || value > 1e15) {
    fail("{}:{}: sram entry: '{}' must be a positive number", source, node.Mark().line + 1, key);
  }
  return value;
}

std::vector<SramPoint> read_sram(const YAML::Node& list, const std::string& source) {
  if (!list.IsSequence() || list.size() < 2) {
    fail("{}: sram: expected a list of at least two memories", source);
  }
  std::vector<SramPoint> points;
  double write_over_read = 0;
  for (const YAML::Node& entry : list) {
    const double bits = number(entry, "bits", source);
    SramPoint point{number(entry, "bytes", source), number(entry, "read", source) / bits, 0};
    if (!points.empty() && point.bytes <= points.back().bytes) {
      fail("{}:{}: sram entries must have rising capacity", source, entry.Mark().line + 1);
    }
    if (entry["write"].IsDefined()) {
      write_over_read = number(entry, "write", source) / bits / point.read;
    }
    point.write = point.read * write_over_read;
    points.push_back(point);
  }
  if (write_over_read == 0) fail("{}: sram: no entry has a write energy", source);
  // Small memories without a measured write: as the smallest one that has it.
  for (std::size_t i = points.size() - 1; i-- > 0;) {
    SramPoint& small = points[i];
    if (small.write == 0) small.write = small.read * points[i + 1].write / points[i + 1].read;
  }
  return points;
}

/// Value at `x` of the power law through the two points next to it.
double power_law(double x, double x0, double y0, double x1, double y1) {
  return y0 * std::pow(x / x0, std::log(y1 / y0) / std::log(x1 / x0));
}

}  // namespace

EnergyTable EnergyTable::parse(const std::string& yaml, const std::string& source,
                               const Params& overrides) {
  EnergyTable table;
  try {
    const YAML::Node root = YAML::Load(yaml);
    if (!root.IsMap()) fail("{}: expected a mapping of energies", source);
    ParamReader read(plain_values(root, source, overrides), source);
    const auto positive = [&](std::string_view key, std::string_view help, double high) {
      return read.real(key, -1, help, 0, high);  // the fallback is out of range: keys are required
    };
    table.node_nm_ = static_cast<int>(read.integer("node_nm", 0, "technology node, nm", 1, 1000));
    table.multiply_16_ = positive("multiply_16", "16-bit multiplication, pJ", 1e6);
    table.multiply_exponent_ = positive("multiply_exponent", "growth with width", 4);
    table.add_16_ = positive("add_16", "16-bit addition, pJ", 1e6);
    table.add_exponent_ = positive("add_exponent", "growth with width", 4);
    table.register_bit_ = positive("register_bit", "register access, pJ per bit", 1e6);
    table.logic_bit_ = positive("logic_bit", "selection logic, pJ per bit", 1e6);
    table.dram_bit_ = positive("dram_pj_per_bit", "DRAM transfer, pJ per bit [assumed]", 1e6);
    table.params_ = read.finish();
    table.sram_ = read_sram(root["sram"], source);
  } catch (const YAML::Exception& error) {
    fail("{}:{}: not valid YAML ({})", source, error.mark.line + 1, error.msg);
  }
  return table;
}

std::vector<int> EnergyTable::nodes() {
  std::vector<int> nodes;
  for (const base::EmbeddedFile& file : data::embedded_files()) {
    int node = 0;
    std::from_chars(file.name.data(), file.name.data() + file.name.size() - kSuffix.size(), node);
    nodes.push_back(node);
  }
  std::sort(nodes.rbegin(), nodes.rend());
  return nodes;
}

EnergyTable EnergyTable::load(int node_nm, const Params& overrides) {
  const std::string name = fmt::format("{}{}", node_nm, kSuffix);
  for (const base::EmbeddedFile& file : data::embedded_files()) {
    if (file.name == name) {
      return parse(std::string(file.contents), fmt::format("energy {} nm", node_nm), overrides);
    }
  }
  fail("no energy table for {} nm (there are tables for {} nm)", node_nm, fmt::join(nodes(), ", "));
}

double EnergyTable::sram(std::int64_t bytes, std::int64_t bits, bool write) const {
  const auto capacity = static_cast<double>(std::max<std::int64_t>(bytes, 1));
  std::size_t upper = 1;
  while (upper + 1 < sram_.size() && sram_[upper].bytes < capacity) ++upper;
  const SramPoint& a = sram_[upper - 1];
  const SramPoint& b = sram_[upper];
  const double per_bit = write ? power_law(capacity, a.bytes, a.write, b.bytes, b.write)
                               : power_law(capacity, a.bytes, a.read, b.bytes, b.read);
  return per_bit * static_cast<double>(bits);
}

double EnergyTable::picojoules(const arch::Action& action) const {
  const auto bits = static_cast<double>(action.bits);
  switch (action.kind) {
    case arch::ActionKind::multiply:
      return multiply_16_ * std::pow(bits / 16, multiply_exponent_);
    case arch::ActionKind::add:
      return add_16_ * std::pow(bits / 16, add_exponent_);
    case arch::ActionKind::sram_read:
    case arch::ActionKind::table_lookup:
      return sram(action.bytes, action.bits, false);
    case arch::ActionKind::sram_write:
      return sram(action.bytes, action.bits, true);
    case arch::ActionKind::register_access:
      return register_bit_ * bits;
    case arch::ActionKind::logic:
      return logic_bit_ * bits;
    case arch::ActionKind::dram_read:
    case arch::ActionKind::dram_write:
      return dram_bit_ * bits;
  }
  broken("an action of unknown kind: {}", action.name);
}

std::vector<Part> energy_of(const arch::Spec& spec, std::span<const std::int64_t> actions,
                            const EnergyTable& table) {
  if (actions.size() != spec.actions.size()) {
    broken("{}: {} action counts for {} actions", spec.machine, actions.size(),
           spec.actions.size());
  }
  std::vector<Part> parts;
  for (std::size_t i = 0; i < actions.size(); ++i) {
    const arch::Action& action = spec.actions[i];
    auto part = std::find_if(parts.begin(), parts.end(),
                             [&](const Part& p) { return p.component == action.component; });
    if (part == parts.end()) part = parts.insert(parts.end(), {action.component, 0, false});
    part->picojoules += static_cast<double>(actions[i]) * table.picojoules(action);
    part->dram |=
        action.kind == arch::ActionKind::dram_read || action.kind == arch::ActionKind::dram_write;
  }
  return parts;
}

double total(std::span<const Part> parts, bool with_dram) {
  double sum = 0;
  for (const Part& part : parts) {
    if (with_dram || !part.dram) sum += part.picojoules;
  }
  return sum;
}

}  // namespace syncopate::cost
