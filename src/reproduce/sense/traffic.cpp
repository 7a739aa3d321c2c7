#include <fmt/format.h>

#include "reproduce/sense/study.h"

// DRAM: which operand is fetched once, and what Eyeriss moves.

namespace syncopate::reproduce::sense {
namespace {

double megabytes(const Cost& cost) { return cost.dram_bits / 8e6; }

Cell over(const Found& other, const Found& base, Cost Costs::* layers) {
  if (!other || !base) return words("-");
  return number(((*other).*layers).dram_bits / ((*base).*layers).dram_bits, 2, "x");
}

/// What the chip was measured to move per image of a batch [recalled, high], and what 1.9 to 2.6
/// times less is [derived].
struct Chip {
  const char* network;
  double megabytes, least, most;
};
constexpr Chip kChips[] = {{"alexnet", 3.85, 1.5, 2.0}, {"vgg16", 107, 41, 56}};

void add_eyeriss_row(ResultTable& table, const Case& one, const Chip& chip, std::size_t reading) {
  const double first = megabytes(one.readings[reading].first->conv);
  const double eyeriss = megabytes(one.eyeriss->conv);
  table.rows.push_back({words(name_of(one)), words(kReadings[reading]), number(first, 2),
                        number(megabytes(one.readings[reading].sense().conv), 2),
                        words(fmt::format("{:g}-{:g}", chip.least, chip.most)), number(eyeriss, 2),
                        number(eyeriss / first, 2, "x"), number(chip.megabytes, 2),
                        number(chip.megabytes / first, 2, "x"), words("1.9-2.6x")});
}

}  // namespace

ResultTable dataflow_table(const std::vector<Case>& cases) {
  ResultTable table;
  table.title = "DRAM bytes: input maps first, weights first, Swallow, over the adaptive dataflow";
  table.columns = {"network, weights", "PEs",      "adaptive MB: conv", "maps first",
                   "weights first",    "Swallow",  "conv+FC, MB",       "maps first ",
                   "weights first ",   "Swallow ", "published"};
  for (const Case& one : cases) {
    for (std::size_t r = 0; r < kReadings.size(); ++r) {
      const Reading& reading = one.readings[r];
      const Found& adaptive = reading.ablation[kBoth];
      if (!adaptive) continue;
      std::vector<Cell> row{words(name_of(one)), words(kReadings[r])};
      for (Cost Costs::* layers : {&Costs::conv, &Costs::weighted}) {
        row.push_back(number(megabytes((*adaptive).*layers), 2));
        row.push_back(over(reading.ifm_first, adaptive, layers));
        row.push_back(over(reading.weight_first, adaptive, layers));
        row.push_back(over(one.swallow, adaptive, layers));
      }
      row.push_back(words(one.published ? "1.17-1.8x" : "-"));
      table.rows.push_back(std::move(row));
    }
  }
  table.notes = {
      "Bytes of the programs' transfers: compressed operands, bitmaps, halo. Published: Swallow, "
      "which always reuses input maps first, over the adaptive dataflow [paper]. `Swallow` runs "
      "the "
      "same densities pruned weight by weight, with buffers of the same sizes; `maps first` is "
      "Sense without the choice."};
  return table;
}

ResultTable eyeriss_table(const std::vector<Case>& cases) {
  ResultTable table;
  table.title =
      "DRAM per image, convolutions, MB: first version (1/2 of the weights) beside Eyeriss";
  table.columns = {
      "network, weights", "PEs",     "v1 (Partition Reuse)", "adaptive", "published, v1",
      "Eyeriss here",     "over v1", "Eyeriss chip",         "over v1 ", "published"};
  for (const Case& one : cases) {
    for (const Chip& chip : kChips) {
      if (!one.first || one.network != chip.network || !one.eyeriss) continue;
      for (std::size_t r = 0; r < kReadings.size(); ++r) {
        if (one.readings[r].first) add_eyeriss_row(table, one, chip, r);
      }
    }
  }
  table.notes = {
      "Published: 1.9-2.6x less than Eyeriss [paper]; in MB [derived] from the chip's measured "
      "traffic [recalled, high], per image of batches of 4 and 3.",
      "Eyeriss here moves 2.0 and 1.4 times the chip's bytes, because its program loads weights "
      "again "
      "for every image of a batch (src/accel/eyeriss/README.md), so the ratio over the chip is the "
      "one that counts. Activations have Han's densities, on Eyeriss in run lengths, here in "
      "bitmaps."};
  return table;
}

}  // namespace syncopate::reproduce::sense
