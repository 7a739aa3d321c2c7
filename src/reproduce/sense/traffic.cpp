#include <fmt/core.h>

#include "reproduce/sense/study.h"

// DRAM: which operand is fetched once, and what Eyeriss moves. How PEs find their pairs changes
// none of it: figures are those of the first reading.

namespace syncopate::reproduce::sense {
namespace {

constexpr std::size_t kReading = 0;

double megabytes(double bits) { return bits / 8e6; }
double megabytes(const Cost& cost) { return megabytes(cost.dram_bits); }

Cell over(const Found& other, const Found& base, Cost Costs::* layers) {
  if (!other || !base) return words("-");
  return number(((*other).*layers).dram_bits / ((*base).*layers).dram_bits, 2, "x");
}

/// What a machine would move per image if weights were loaded once for a batch.
double shared_megabytes(const Cost& cost, int batch) {
  return megabytes(cost.dram_bits - cost.weight_bits + cost.weight_bits / batch);
}

void add_eyeriss_rows(ResultTable& table, const Case& one, const Chip& chip) {
  const Cost& first = one.readings[kReading].first->conv;
  const Cost& eyeriss = one.eyeriss->conv;
  const auto add = [&](const std::string& what, double sense, double other, const char* standing) {
    table.rows.push_back({words(name_of(one)), words(what), number(sense, 2),
                          words(fmt::format("{:g}-{:g}", chip.least, chip.most)), number(other, 2),
                          number(other / sense, 2, "x"), words("1.9-2.6x"), words(standing)});
  };
  add("as run, Eyeriss as run", megabytes(first), megabytes(eyeriss), "simulated, both");
  add("as run, Eyeriss chip", megabytes(first), chip.megabytes, "simulated; [recalled, high]");
  const std::string batch = fmt::format("weights once per batch of {}", chip.batch);
  add(batch + ", Eyeriss likewise", shared_megabytes(first, chip.batch),
      shared_megabytes(eyeriss, chip.batch), "[derived] from both");
  add(batch + ", Eyeriss chip", shared_megabytes(first, chip.batch), chip.megabytes,
      "[derived]; [recalled, high]");
  for (const Buffers& buffers : one.buffers) {
    if (buffers.kilobytes < 1 << 16 || !buffers.first) continue;
    add(batch + ", all once, chip", shared_megabytes(buffers.first->conv, chip.batch),
        chip.megabytes, "[derived]: no reloading at all");
  }
}

}  // namespace

const std::vector<Chip>& chips() {
  static const std::vector<Chip> all{{"alexnet", 4, 3.85, 1.5, 2.0}, {"vgg16", 3, 107, 41, 56}};
  return all;
}

ResultTable dataflow_table(const std::vector<Case>& cases) {
  ResultTable table;
  table.title = "DRAM: input maps first, weights first and Swallow over the adaptive dataflow";
  table.columns = {"network, weights", "conv, MB",      "maps",     "weights",     "results",
                   "maps first",       "weights first", "Swallow",  "conv+FC, MB", "maps first ",
                   "weights first ",   "Swallow ",      "published"};
  for (const Case& one : cases) {
    const Reading& reading = one.readings[kReading];
    const Found& adaptive = reading.ablation[kBoth];
    if (!adaptive || !reading.ifm_first) continue;
    const Cost& conv = adaptive->conv;
    std::vector<Cell> row{
        words(name_of(one)), number(megabytes(conv), 2),
        number(megabytes(conv.dram_bits - conv.weight_bits - conv.written_bits), 2),
        number(megabytes(conv.weight_bits), 2), number(megabytes(conv.written_bits), 2)};
    for (Cost Costs::* layers : {&Costs::conv, &Costs::weighted}) {
      if (layers == &Costs::weighted) row.push_back(number(megabytes(adaptive->weighted), 2));
      row.push_back(over(reading.ifm_first, adaptive, layers));
      row.push_back(over(reading.weight_first, adaptive, layers));
      row.push_back(over(one.swallow, adaptive, layers));
    }
    row.push_back(words(one.published ? "1.17-1.8x" : "-"));
    table.rows.push_back(std::move(row));
  }
  table.notes = {
      "Bytes of the programs' transfers: compressed operands, bitmaps, halo. Published: Swallow, "
      "which always reuses input maps first, over the adaptive dataflow [paper]. `Swallow` runs "
      "the "
      "same densities pruned weight by weight, with buffers of the same sizes; `maps first` is "
      "Sense without the choice."};
  return table;
}

ResultTable buffer_table(const std::vector<Case>& cases) {
  ResultTable table;
  table.title = "DRAM of convolutions by the size of buffers, which is not known (256 KiB assumed)";
  table.columns = {"network, weights", "KiB each",      "adaptive MB",
                   "maps first",       "weights first", "v1 MB"};
  for (const Case& one : cases) {
    for (const Buffers& buffers : one.buffers) {
      if (!buffers.adaptive) continue;
      table.rows.push_back(
          {words(name_of(one)),
           buffers.kilobytes < 1 << 16 ? number(buffers.kilobytes, 0) : words("no reloading"),
           number(megabytes(buffers.adaptive->conv), 2),
           over(buffers.ifm_first, buffers.adaptive, &Costs::conv),
           over(buffers.weight_first, buffers.adaptive, &Costs::conv),
           buffers.first ? number(megabytes(buffers.first->conv), 2) : words("-")});
    }
  }
  table.notes = {
      "Maps, weights and sums have so much each, both halves; bitmaps of weights an eighth of it. "
      "Not a search for the published figures: it shows how much of them hangs on an unknown."};
  return table;
}

ResultTable eyeriss_table(const std::vector<Case>& cases) {
  ResultTable table;
  table.title = "DRAM per image, convolutions, MB: first version (1/2 of the weights) and Eyeriss";
  table.columns = {"network, weights", "compared",     "v1",        "published, v1",
                   "Eyeriss",          "Eyeriss / v1", "published", "standing"};
  for (const Case& one : cases) {
    for (const Chip& chip : chips()) {
      const bool run = one.eyeriss && one.readings[kReading].first;
      if (one.first && one.network == chip.network && run) add_eyeriss_rows(table, one, chip);
    }
  }
  table.notes = {
      "Published: 1.9-2.6x less than Eyeriss [paper]; in MB [derived] from the chip's measured "
      "traffic, 3.85 and 107 MB per image of batches of 4 and 3 [recalled, high].",
      "Programs here load weights for every image, Eyeriss's too, which therefore moves 2.0 and "
      "1.4 "
      "times the chip's bytes (src/accel/eyeriss/README.md). The chip shares them in a batch; a "
      "fair comparison shares them on both sides. Activations have Han's densities."};
  return table;
}

}  // namespace syncopate::reproduce::sense
