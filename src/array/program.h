#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arch/isa.h"
#include "arch/spec.h"
#include "array/neurons.h"
#include "array/weight_image.h"
#include "sim/program.h"

// Programs of array machines. A layer is a list of configuration instructions, which set the loop
// nest, its tiling and where operands lie, and one instruction that runs the tile sequencer over
// it: a state machine that steps through the block loops and, for every tile, issues its loads, its
// computation and its stores (array/sequence.h).

namespace syncopate::array {

/// The instructions that all array machines have; a machine adds its own with opcodes from
/// kFirstOwnOpcode.
std::vector<arch::Format> base_formats();
inline constexpr int kFirstOwnOpcode = 64;

/// What a machine adds to the common compiler.
struct CompilerTraits {
  const arch::InstructionSet* isa = nullptr;
  /// Makes the machine's weight format for a convolution.
  std::function<std::unique_ptr<WeightFormat>(std::shared_ptr<const sim::Weights>)> conv_format;
  NeuronFormat neurons;  ///< In DRAM.
  /// Takes the place of conv_format where the format depends on the layer's place in the chain.
  std::function<std::unique_ptr<WeightFormat>(std::size_t layer,
                                              std::shared_ptr<const sim::Weights>)>
      layer_format;
  /// Appends the machine's own configuration of any layer, before that of its weight format; may be
  /// empty. Called concurrently, as the two above.
  std::function<void(std::size_t layer, const map::Loops& loops,
                     std::vector<sim::Instruction>& code)>
      configure;
  /// What one step of a layer unrolls, by the layer's place in the chain and its loops; without it
  /// Spec::lanes outputs and 16 inputs at one pixel. Called concurrently.
  std::function<map::Grain(std::size_t layer, const map::Loops& loops)> grain;
  /// The operand that stays on chip, for machines that do not choose it by traffic.
  std::optional<map::Order> order;
  /// Takes the place of `order` for convolutions of machines that choose at run time: a layer's
  /// code has an alternative per order, in which what stays on chip is fetched once wherever any
  /// tiling can, and the machine runs the one that moves the fewest bytes with the neurons as they
  /// are. Equal tilings are one alternative.
  std::vector<map::Order> orders;
};

/// Compiles a quantized chain: tiles every layer for the least DRAM traffic under half of each
/// buffer (the other half is being filled or drained), lays out weights, and writes instructions.
/// Buffers are found by name: "NBin", "NBout" (32-bit partial sums), "SB" and, if present, "SIB".
sim::Program compile_array(const gconv::Chain& chain, const arch::Spec& spec,
                           const CompilerTraits& traits);

/// A layer's instructions taken apart.
struct DecodedLayer {
  map::Loops loops;
  map::Tiling tiling;
  std::int64_t tiles = 0;               ///< That the sequencer runs.
  std::uint64_t input = 0, output = 0;  ///< Addresses of neurons.
  std::optional<std::uint64_t> second;  ///< Likewise, of the other operand of elementwise work.
  NeuronFormat neurons;
  std::uint64_t directory = 0;  ///< Of the weights in the image.
  std::uint64_t table = 0;      ///< Address of the codebook.
  std::int64_t table_bytes = 0;
  std::vector<arch::Decoded> own;  ///< The machine's own configuration.

  /// A field of the machine's own configuration; InternalError when it is missing.
  std::int64_t own_field(std::string_view mnemonic, std::string_view field) const;
};
/// The alternatives of a layer, one unless CompilerTraits::orders has several: every one ends with
/// its 'run'. InputError when the code has none, or goes on after the last.
std::vector<sim::LayerCode> alternatives(const arch::InstructionSet& isa,
                                         const sim::Program& program, std::size_t layer);
/// Takes the code of a layer with a single alternative apart, or that of one alternative;
/// InputError when it is not of the form above.
DecodedLayer decode_layer(const arch::InstructionSet& isa, const sim::Program& program,
                          std::size_t layer);
DecodedLayer decode_layer(const arch::InstructionSet& isa, const sim::Program& program,
                          const sim::LayerCode& code);
/// One line per instruction, layers set off by a comment. With `tiles`, what the sequencer issues
/// follows as comments; InputError when that would be over ten million tiles.
std::string disassemble(const arch::InstructionSet& isa, const sim::Program& program, bool tiles);

/// True for the first tile of a layer, on which what happens once per layer is charged.
bool first_of_layer(const map::TileBox& box);

}  // namespace syncopate::array
