#pragma once

#include <string>
#include <string_view>

#include "cli/console.h"
#include "train/trainer.h"

// What a training in progress shows.

namespace syncopate::cli {

/// "epoch   3/90  loss 0.1234 ..." of an epoch that has ended.
std::string epoch_line(const train::EpochLog& log, std::int64_t epochs);

/// Draws how far a training is, `phase` of a longer one unless that is empty.
void draw(ProgressBar& bar, std::string_view phase, const train::Progress& progress);

}  // namespace syncopate::cli
