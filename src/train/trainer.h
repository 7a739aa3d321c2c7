#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "codec/codebook.h"
#include "data/dataset.h"
#include "data/normalization.h"
#include "ir/graph.h"
#include "prune/dynamic.h"

namespace syncopate::train {

/// Element type that convolutions and matrix products compute in. Parameters, their gradients and
/// statistics are f32 either way.
enum class Precision : std::uint8_t { f32, bf16 };
enum class Device : std::uint8_t { automatic, cpu, cuda };
/// How the rate falls after warm-up: half a cosine to zero, or steps to a tenth after one half and
/// three quarters, or not at all.
enum class Schedule : std::uint8_t { cosine, steps, constant };

/// Where and how a session computes. Results are the same bit for bit when all of it, libtorch and
/// the processor are.
struct Platform {
  Device device = Device::automatic;  ///< CUDA where there is one.
  Precision precision = Precision::f32;
  int threads = 0;  ///< Of the CPU; 0: all.
};

/// Random changes to the pictures of training; each picture and epoch has its own.
struct Augmentation {
  /// Left to right: half of the pictures in the first epoch, the others in the next, and so on, so
  /// that two epochs show every picture both ways. [public: Jordan 2024]
  bool flip = false;
  int crop_pad = 0;  ///< Pixels that pictures are shifted by at most, in each direction.
  int cutout = 0;    ///< Side of a square that is painted in the mean color; 0: none.
  bool operator==(const Augmentation&) const = default;
};

/// Networks whose answers the trained one imitates (Hinton et al.): loss = (1 - weight) * cross
/// entropy + weight * temperature^2 * divergence of the softened answers. Several teachers answer
/// with the mean of their softened probabilities.
struct Distillation {
  std::vector<const ir::Graph*> teachers;  ///< None: no distillation. Needed while training only.
  double weight = 0.5;
  double temperature = 4;
  /// Teachers look at every picture, and its mirror image, once and unchanged, before training;
  /// otherwise at every picture as it is shown, which costs a forward pass of it in every step.
  bool once = false;
};

/// Where a run is kept, so that a killed one continues.
struct Checkpoints {
  std::string path;  ///< Empty: none. Continued from when it exists.
  /// Also at the end of every `every_epochs`, unless that would take over a tenth of the time.
  double every_minutes = 2;
  std::int64_t every_epochs = 1;
};

/// Stochastic gradient descent with momentum, as the usual recipes have it.
struct Options {
  std::int64_t epochs = 1;
  std::int64_t batch = 128;  ///< Pictures of one step; the rest of an epoch is left out.
  double rate = 0.1;
  double momentum = 0.9;
  bool nesterov = false;
  double weight_decay = 5e-4;
  bool decay_all = false;    ///< Also biases, and scales of batch normalization.
  double warmup_epochs = 0;  ///< The rate grows from zero in these.
  Schedule schedule = Schedule::cosine;
  double label_smoothing = 0;
  double statistics_momentum = 0.1;  ///< Share of a batch in running means and variances.
  /// Largest Euclidean norm of all gradients together; 0: unlimited.
  double clip_gradient = 0;
  /// Share of all steps, the last ones, over which weights are averaged. The rate falls no further
  /// meanwhile, and statistics are measured anew in the end. Not with Constraints::clusters.
  double average = 0;
  /// Factor on the rate of codebook entries, whose mean gradients are smaller than those of single
  /// weights. See Constraints.
  double codebook_rate = 1;
  std::int64_t cluster_every = 1;  ///< Steps. See Constraints::clusters.
  std::int64_t choose_every = 16;  ///< Steps. See Constraints::dynamic.
  double choose_share = 0.5;       ///< Of all steps, the first ones. Likewise.
  Augmentation augmentation;
  Distillation distillation;
  std::uint64_t seed = 1;
  Checkpoints checkpoints;
  std::int64_t report_every = 20;  ///< Batches between calls of Progress.
  std::int64_t test_every = 1;     ///< Epochs between tests; the last is always tested.
};

/// What training must keep.
struct Constraints {
  /// By the constant's name: one byte per weight, row-major; weights at 0 stay exactly zero.
  std::map<std::string, std::vector<std::uint8_t>> masks;
  /// By the constant's name: the assignment stays, the entries are trained. An entry's gradient is
  /// the sum over its members; it moves by that divided by their number, which is the step of the
  /// weights themselves projected onto what the assignment allows, so that rates mean the same with
  /// and without codebooks. Entries that are zero stay zero.
  std::map<std::string, codec::Codebooks> codebooks;
  /// By the constant's name: the network computes with the entries that its weights are clustered
  /// to, which are clustered again every Options::cluster_every steps; gradients go to the weights
  /// behind as if nothing had been rounded (straight through: Bengio et al. 2013). In between
  /// assignments stay and entries are their members' means. What the session
  /// hands back are entries. Masks hold for the weights behind.
  std::map<std::string, codec::CodebookOptions> clusters;
  /// By the constant's name: masks that are chosen again every Options::choose_every steps for
  /// Options::choose_share of all steps, or until averages begin, then stay. The network computes
  /// with what they leave; gradients go to all weights behind, as long as masks are chosen. Weights
  /// are averaged (Options::average) under masks that stay.
  std::map<std::string, prune::DynamicMask> dynamic;
};

/// One epoch in the log.
struct EpochLog {
  std::int64_t epoch = 0;     ///< From 1.
  double loss = 0;            ///< Mean over the pictures trained on.
  double train_accuracy = 0;  ///< Of augmented pictures, during the epoch; 0 to 1.
  double test_accuracy = -1;  ///< 0 to 1; -1: not tested.
  double rate = 0;            ///< At the epoch's end.
  double seconds = 0;         ///< Training alone.
};

/// What a callback is told.
struct Progress {
  std::int64_t epoch = 0, epochs = 0;   ///< Epoch in progress, from 1.
  std::int64_t batch = 0, batches = 0;  ///< Done in this epoch.
  double loss = 0, train_accuracy = 0;  ///< In this epoch so far.
  double rate = 0;
  double pictures_per_second = 0;
  double seconds_left = 0;
  /// Set before the first step, while a teacher that sees pictures once looks at them.
  std::int64_t looked_at = 0, to_look_at = 0;
  const EpochLog* finished = nullptr;  ///< Set when an epoch has ended.
  bool resumed = false;                ///< Set in the first call of a run that continues another.
};
/// Returns false to stop: a checkpoint is written once there have been steps, and Outcome::complete
/// is false.
using Callback = std::function<bool(const Progress&)>;

struct Outcome {
  bool complete = false;
  bool resumed = false;
  double test_accuracy = 0;  ///< After the last epoch, in the session's precision; 0 to 1.
  double best_accuracy = 0;
  std::int64_t best_epoch = 0;
  std::vector<EpochLog> log;
};

enum class Pictures : std::uint8_t { train, test };

/// How well a network does on pictures.
struct Score {
  double accuracy = 0;  ///< Fraction classified right.
  double loss = 0;      ///< Mean cross entropy, which moves where accuracy does not.
};

/// A network, its data and a device: trains, tests, and hands the network back. Weights stay on the
/// device between calls.
class Session {
 public:
  /// `train` may be empty (no pictures) for a session that only tests. Pictures are copied.
  /// InputError when the network does not take the pictures or has fewer scores than labels, for an
  /// operator that cannot be trained, and for a device that is not there.
  Session(const ir::Graph& graph, const data::DataSet& train, const data::DataSet& test,
          const data::Normalization& normalization, const Platform& platform = {});
  ~Session();
  Session(Session&&) noexcept;

  /// Trains from the present weights, or continues the run of the checkpoint. InputError when the
  /// checkpoint belongs to another run, a constraint does not fit, or the loss is no longer a
  /// number.
  Outcome train(const Options& options, const Constraints& constraints = {},
                const Callback& callback = {});

  /// Scores the present weights on the first `limit` pictures of a split (0: all), as they are,
  /// without augmentation, in the session's precision or another.
  Score score(Pictures pictures = Pictures::test, std::int64_t limit = 0);
  Score score(Pictures pictures, std::int64_t limit, Precision precision);

  /// The network with its present weights.
  ir::Graph graph() const;
  /// Takes all weights and statistics from a graph of the same structure.
  void set_weights(const ir::Graph& graph);
  /// Replaces one constant; InputError for an unknown name or another shape.
  void set_weight(const std::string& name, const Tensor& weight);
  Tensor weight(const std::string& name) const;
  /// Codebooks with the entries of the last training, ascending; of weights that were clustered
  /// again and again the last ones.
  std::map<std::string, codec::Codebooks> codebooks() const;

  /// "cpu, 2 threads, bf16" or the like.
  std::string platform() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// False when libtorch has no CUDA, or there is no such device.
bool cuda_available();

}  // namespace syncopate::train
