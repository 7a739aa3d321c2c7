#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "data/dataset.h"
#include "data/normalization.h"
#include "ir/graph.h"
#include "train/trainer.h"

// What a training run is: its options, its rate at every step, and how it is told from another. No
// libtorch here.

namespace syncopate::train {

/// InputError that names the option for values out of range.
void check_options(const Options& options, std::int64_t pictures);

/// The rate of a step, which lies between the positions of its begin and its end.
double rate_at(const Options& options, std::int64_t step, std::int64_t steps_per_epoch);

/// How many of all the steps, the last ones, weights are averaged over.
std::int64_t averaged_steps(const Options& options, std::int64_t steps);

/// How many of all the steps, the first ones, dynamic masks are chosen in; none that is averaged.
std::int64_t choosing_steps(const Options& options, std::int64_t steps);

/// What is trained on what.
struct Run {
  const ir::Graph& network;  ///< With its initial weights.
  const data::DataSet& train;
  std::string test;  ///< identity_of the test pictures.
  const data::Normalization& normalization;
  Precision precision = Precision::f32;
};

/// A data set in words, with checksums.
std::string identity_of(const data::DataSet& set);
/// All that the result depends on, by name, so that a checkpoint of another run is refused by what
/// differs.
std::map<std::string, std::string> identity_of(const Run& run, const Options& options,
                                               const Constraints& constraints);

}  // namespace syncopate::train
