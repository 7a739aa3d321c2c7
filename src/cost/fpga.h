#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arch/spec.h"

namespace syncopate::cost {

/// What a design takes of an FPGA, or what there is.
struct FpgaUse {
  double lut = 0, ff = 0, dsp = 0;
  double bram = 0;  ///< Of 36 Kib; halves can be used alone.
  FpgaUse& operator+=(const FpgaUse& other);
};

/// How blocks become resources. Basis: the data sheet of UltraScale+ (DSP48E2, BRAM36, six-input
/// LUTs) and one LUT per bit of a carry chain or a two-way choice [recalled, high]; no synthesis
/// has been run, and routing, resets and control are not in it. Replace by synthesis where it
/// matters.
struct FpgaModel {
  int dsp_wide = 27, dsp_narrow = 18;  ///< Signed operands of one DSP's multiplier.
  double lut_per_adder_bit = 1;
  double lut_per_logic_bit = 1;
  std::int64_t lut_ram_bits = 64;  ///< Of one LUT used as memory.
  /// Memories up to this size are made of LUTs [assumed].
  std::int64_t largest_lut_memory = 2048;
  std::int64_t half_bram_bits = 18432;
};

/// What reports say beside the figures.
inline constexpr std::string_view kFpgaBasis =
    "parametric, from the machine's blocks: a DSP per 16-bit multiplier, a LUT per adder bit, "
    "larger "
    "memories in block RAM; no synthesis, routing or control, to be replaced by synthesis";

/// The ZCU102 [recalled, high].
inline constexpr FpgaUse kZcu102{274080, 548160, 2520, 912};

/// An FPGA board and what it has.
struct FpgaBoard {
  std::string_view name;
  FpgaUse limits;
};
/// The board in the machine's parameter `board`, which machines published on an FPGA declare; null
/// for others.
const FpgaBoard* board_of(const arch::Spec& spec);

/// One of the four kinds of resources, for tables.
struct FpgaResource {
  std::string_view name;
  double FpgaUse::* value;
};
inline constexpr FpgaResource kFpgaResources[] = {{"LUT", &FpgaUse::lut},
                                                  {"FF", &FpgaUse::ff},
                                                  {"DSP", &FpgaUse::dsp},
                                                  {"BRAM36", &FpgaUse::bram}};

/// What all `count` of a block take.
FpgaUse use_of(const arch::Block& block, const FpgaModel& model);

/// A component of a machine.
struct FpgaPart {
  std::string component;  ///< arch::Block::component.
  FpgaUse use;
};
/// By component, in the order of their first block; empty for a machine that declares no blocks.
std::vector<FpgaPart> fpga_of(const arch::Spec& spec, const FpgaModel& model = {});
FpgaUse total(std::span<const FpgaPart> parts);

}  // namespace syncopate::cost
