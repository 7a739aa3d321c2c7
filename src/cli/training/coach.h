#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/normalization.h"
#include "ir/graph.h"
#include "shrink/coach.h"
#include "train/trainer.h"

namespace syncopate::cli {

/// How a network is tuned while it is compressed.
struct CoachOptions {
  train::Platform platform;
  train::Options tuning;           ///< Epochs, rate and checkpoint are the pipeline's.
  std::int64_t scan_pictures = 0;  ///< Of the training pictures, evenly spread.
  bool distill = true;             ///< From the dense network or `teachers`.
  std::vector<ir::Graph> teachers;
};

/// The pipeline's Coach on libtorch.
class TrainingCoach : public shrink::Coach {
 public:
  /// `progress` may return false to stop: tune() then throws Interrupted, its checkpoint written.
  TrainingCoach(const ir::Graph& dense, const data::DataSet& train, const data::DataSet& test,
                const data::Normalization& normalization, const CoachOptions& options,
                train::Callback progress);

  double accuracy(const ir::Graph& graph, shrink::Pictures pictures) override;
  void tune(ir::Graph& graph, const shrink::Constraints& constraints, int epochs, double rate,
            const std::string& checkpoint) override;
  std::string platform() const { return session_.platform(); }

 private:
  ir::Graph dense_;
  data::DataSet test_;
  data::Normalization normalization_;
  CoachOptions options_;
  train::Callback progress_;
  train::Session session_;  ///< Trains.
  train::Session scan_;     ///< Scores on scan pictures.
};

}  // namespace syncopate::cli
