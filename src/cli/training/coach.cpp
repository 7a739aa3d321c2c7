#include "cli/training/coach.h"

#include <algorithm>
#include <filesystem>

#include "cli/interrupt.h"

namespace syncopate::cli {
namespace {

data::DataSet no_pictures(const data::DataSet& like) {
  data::DataSet none = like;
  none.pixels.clear();
  none.labels.clear();
  return none;
}

}  // namespace

TrainingCoach::TrainingCoach(const ir::Graph& dense, const data::DataSet& train,
                             const data::DataSet& test, const data::Normalization& normalization,
                             const CoachOptions& options, train::Callback progress)
    : dense_(dense),
      test_(test),
      normalization_(normalization),
      options_(options),
      progress_(std::move(progress)),
      session_(dense, train, test, normalization, options.platform),
      scan_(dense, no_pictures(train), data::spread(train, options.scan_pictures), normalization,
            options.platform) {}

double TrainingCoach::accuracy(const ir::Graph& graph, shrink::Pictures pictures) {
  check_interrupt();
  if (pictures == shrink::Pictures::scan) {
    scan_.set_weights(graph);
    return 100 * scan_.score().accuracy;
  }
  // What comes out of a container has its normalizations merged: another structure.
  train::Session session(graph, no_pictures(test_), test_, normalization_, options_.platform);
  return 100 * session.score(train::Pictures::test, 0, train::Precision::f32).accuracy;
}

void TrainingCoach::tune(ir::Graph& graph, const shrink::Constraints& constraints, int epochs,
                         double rate, const std::string& checkpoint) {
  session_.set_weights(graph);
  train::Options options = options_.tuning;
  options.epochs = epochs;
  options.test_every = std::max(epochs, 1);  // Whoever asked for tuning scores what comes out.
  options.rate *= rate;
  options.checkpoints.path = checkpoint;
  if (!constraints.clusters.empty()) options.average = 0;
  if (options_.distill) {
    for (const ir::Graph& teacher : options_.teachers) {
      options.distillation.teachers.push_back(&teacher);
    }
    if (options_.teachers.empty()) options.distillation.teachers = {&dense_};
  }
  const train::Outcome outcome = session_.train(
      options, {constraints.masks, constraints.books, constraints.clusters, constraints.dynamic},
      progress_);
  if (!outcome.complete) throw Interrupted();
  graph = session_.graph();
  std::error_code ignored;  // A checkpoint that stays is only in the way of nobody.
  std::filesystem::remove(checkpoint, ignored);
}

}  // namespace syncopate::cli
