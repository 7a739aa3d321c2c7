#include "cost/fpga.h"

#include <algorithm>

#include "base/error.h"

namespace syncopate::cost {
namespace {

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// DSPs of one multiplier: its product is cut into those that a DSP can make.
std::int64_t dsps(std::int64_t bits, const FpgaModel& model) {
  return ceil_div(bits, model.dsp_wide) * ceil_div(bits, model.dsp_narrow);
}

FpgaUse one(const arch::Block& block, const FpgaModel& model) {
  const auto bits = static_cast<double>(block.bits);
  FpgaUse use;
  switch (block.kind) {
    case arch::BlockKind::multiplier:
      use.dsp = static_cast<double>(dsps(block.bits, model));
      return use;
    case arch::BlockKind::adder:
      use.lut = bits * model.lut_per_adder_bit;
      return use;
    case arch::BlockKind::sram:
      if (block.bits <= model.largest_lut_memory) {
        use.lut = static_cast<double>(ceil_div(block.bits, model.lut_ram_bits));
      } else {
        use.bram = static_cast<double>(ceil_div(block.bits, model.half_bram_bits)) / 2;
      }
      return use;
    case arch::BlockKind::registers:
      use.ff = bits;
      return use;
    case arch::BlockKind::logic:
      use.lut = bits * model.lut_per_logic_bit;
      return use;
  }
  broken("a block of unknown kind in {}", block.component);
}

}  // namespace

FpgaUse& FpgaUse::operator+=(const FpgaUse& other) {
  lut += other.lut;
  ff += other.ff;
  dsp += other.dsp;
  bram += other.bram;
  return *this;
}

const FpgaBoard* board_of(const arch::Spec& spec) {
  static constexpr FpgaBoard kBoards[] = {{"ZCU102", kZcu102}};
  for (const ParamInfo& param : spec.params) {
    if (param.name != "board") continue;
    for (const FpgaBoard& board : kBoards) {
      if (board.name == param.value) return &board;
    }
  }
  return nullptr;
}

FpgaUse use_of(const arch::Block& block, const FpgaModel& model) {
  FpgaUse use = one(block, model);
  const auto count = static_cast<double>(block.count);
  use.lut *= count;
  use.ff *= count;
  use.dsp *= count;
  use.bram *= count;
  return use;
}

std::vector<FpgaPart> fpga_of(const arch::Spec& spec, const FpgaModel& model) {
  std::vector<FpgaPart> parts;
  for (const arch::Block& block : spec.blocks) {
    auto part = std::find_if(parts.begin(), parts.end(),
                             [&](const FpgaPart& p) { return p.component == block.component; });
    if (part == parts.end()) part = parts.insert(parts.end(), {block.component, {}});
    part->use += use_of(block, model);
  }
  return parts;
}

FpgaUse total(std::span<const FpgaPart> parts) {
  FpgaUse sum;
  for (const FpgaPart& part : parts) sum += part.use;
  return sum;
}

}  // namespace syncopate::cost
