#include "cost/area.h"

#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>

#include "base/embedded.h"
#include "base/error.h"

namespace syncopate::cost {

namespace area_data {
std::span<const base::EmbeddedFile> embedded_files();  // data/area/*.yaml, see src/CMakeLists.txt
}

AreaTable AreaTable::parse(const std::string& yaml, const std::string& source) {
  AreaTable table;
  Params values;
  try {
    const YAML::Node root = YAML::Load(yaml);
    if (!root.IsMap()) fail("{}: expected a mapping of areas", source);
    for (const auto& entry : root) values.set(entry.first.Scalar(), entry.second.Scalar());
  } catch (const YAML::Exception& error) {
    fail("{}:{}: not valid YAML ({})", source, error.mark.line + 1, error.msg);
  }
  ParamReader read(values, source);
  const auto positive = [&](std::string_view key, std::string_view help, double high) {
    return read.real(key, -1, help, 0, high);  // the fallback is out of range: keys are required
  };
  read.integer("node_nm", 0, "technology node, nm", 1, 1000);
  table.multiply_16_ = positive("multiply_16", "16-bit multiplier, um2", 1e9);
  table.multiply_exponent_ = positive("multiply_exponent", "growth with width", 4);
  table.add_16_ = positive("add_16", "16-bit adder, um2", 1e9);
  table.add_exponent_ = positive("add_exponent", "growth with width", 4);
  table.sram_bit_ = positive("sram_bit", "SRAM, um2 per bit", 1e6);
  table.small_sram_bit_ = positive("small_sram_bit", "small SRAM, um2 per bit", 1e6);
  table.small_sram_bytes_ =
      read.integer("small_sram_bytes", 0, "largest small SRAM, bytes", 1, 1 << 30);
  table.register_bit_ = positive("register_bit", "register, um2 per bit", 1e6);
  table.logic_bit_ = positive("logic_bit", "selection logic, um2 per bit", 1e6);
  static_cast<void>(read.finish());
  return table;
}

AreaTable AreaTable::load(int node_nm) {
  const std::string name = fmt::format("{}nm.yaml", node_nm);
  std::vector<std::string_view> known;
  for (const base::EmbeddedFile& file : area_data::embedded_files()) {
    if (file.name == name) {
      return parse(std::string(file.contents), fmt::format("area {} nm", node_nm));
    }
    known.push_back(file.name);
  }
  fail("no area table for {} nm (there are {})", node_nm, fmt::join(known, ", "));
}

double AreaTable::mm2(const arch::Block& block) const {
  const auto bits = static_cast<double>(block.bits);
  const auto each = [&] {
    switch (block.kind) {
      case arch::BlockKind::multiplier:
        return multiply_16_ * std::pow(bits / 16, multiply_exponent_);
      case arch::BlockKind::adder:
        return add_16_ * std::pow(bits / 16, add_exponent_);
      case arch::BlockKind::sram:
        return bits * (block.bits <= small_sram_bytes_ * 8 ? small_sram_bit_ : sram_bit_);
      case arch::BlockKind::registers:
        return bits * register_bit_;
      case arch::BlockKind::logic:
        return bits * logic_bit_;
    }
    broken("a block of unknown kind in {}", block.component);
  };
  return each() * static_cast<double>(block.count) * 1e-6;
}

std::vector<AreaPart> area_of(const arch::Spec& spec, const AreaTable& table) {
  std::vector<AreaPart> parts;
  for (const arch::Block& block : spec.blocks) {
    auto part = std::find_if(parts.begin(), parts.end(),
                             [&](const AreaPart& p) { return p.component == block.component; });
    if (part == parts.end()) part = parts.insert(parts.end(), {block.component, 0});
    part->mm2 += table.mm2(block) * (1 + spec.area_overhead);
  }
  return parts;
}

double total(std::span<const AreaPart> parts) {
  double sum = 0;
  for (const AreaPart& part : parts) sum += part.mm2;
  return sum;
}

}  // namespace syncopate::cost
