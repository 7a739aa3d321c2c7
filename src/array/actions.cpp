#include "array/actions.h"

namespace syncopate::array {

using arch::ActionKind;

std::vector<arch::Action> array_actions(const ActionShape& shape) {
  const std::int64_t word = shape.word_bits;
  const auto or_else = [](std::int64_t value, std::int64_t usual) { return value ? value : usual; };
  const std::int64_t neurons = word * or_else(shape.neuron_row, shape.multipliers_per_lane);
  const std::int64_t synapses = word * or_else(shape.synapse_row, shape.multipliers_per_lane);
  const std::int64_t sums = kSumBits * or_else(shape.sum_row, shape.lanes);
  std::vector<arch::Action> actions = {
      {"multiply", "multipliers", ActionKind::multiply, word, 0},
      {"add", "adders", ActionKind::add, kSumBits, 0},
      {"NBin read", "NBin", ActionKind::sram_read, neurons, shape.neuron_bytes},
      {"NBin write", "NBin", ActionKind::sram_write, neurons, shape.neuron_bytes},
      {"SB read", "SB", ActionKind::sram_read, synapses, shape.synapse_bytes},
      {"SB write", "SB", ActionKind::sram_write, synapses, shape.synapse_bytes},
      {"NBout read", "NBout", ActionKind::sram_read, sums, shape.sum_bytes},
      {"NBout write", "NBout", ActionKind::sram_write, sums, shape.sum_bytes},
      {"DRAM read", "DRAM", ActionKind::dram_read, 1, 0},
      {"DRAM write", "DRAM", ActionKind::dram_write, 1, 0}};
  if (shape.index_bytes == 0) return actions;
  actions.push_back(
      {"index read", "index", ActionKind::sram_read, shape.index_row_bits, shape.index_bytes});
  actions.push_back(
      {"index write", "index", ActionKind::sram_write, shape.index_row_bits, shape.index_bytes});
  actions.push_back({"select position", "index", ActionKind::logic, 1, 0});
  actions.push_back({"pick word", "index", ActionKind::logic, word, 0});
  if (!shape.encoder) return actions;
  actions.push_back({"encode neuron", "encoder", ActionKind::logic, word, 0});
  if (shape.lut_bytes == 0) return actions;
  actions.push_back({"codebook look-up", "WDM", ActionKind::table_lookup, word, shape.lut_bytes});
  return actions;
}

}  // namespace syncopate::array
