#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace syncopate::cli {

// What each command was told, straight from the command line. `parse.cpp` fills these in; the
// commands never see the parser.

/// Options every command has.
struct GlobalOptions {
  int verbose = 0;             ///< -v once: phases and timings; twice: details.
  std::string color = "auto";  ///< auto, always, never.
  int threads = 0;             ///< 0: all.
};

/// MODEL and how to load it.
struct ModelArguments {
  std::string model;
  std::vector<std::string> dims;  ///< "name=value".
  std::uint64_t seed = 1;
};

/// Inputs and their normalization.
struct InputArguments {
  std::vector<std::string> paths;
  std::string normalize = "auto";
  std::vector<double> mean, deviation;
  double scale = 0;  ///< 0: as the preset says.
  bool bgr = false;
  std::int64_t limit = 0;
};

/// Machines and what is changed about them.
struct MachineArguments {
  std::vector<std::string> names;
  std::vector<std::string> set;  ///< "machine.key=value" or "key=value" for all.
  std::string config;            ///< YAML file of parameters.
  std::string dram;
};

/// How a network is brought to fixed point.
struct Precision {
  int bits = 16;
  double weight_threshold = 0, activation_threshold = 0;
};

struct RunArguments {
  ModelArguments model;
  InputArguments input;
  MachineArguments machines;
  std::string check = "sample";
  std::string rearrange = "off";
  Precision precision;
  std::string labels;
  std::string json, csv, html;
  bool all_layers = false;
};

struct InspectArguments {
  ModelArguments model;
  bool json = false;
  bool text = false;
  bool sparsity = false;
  std::string against, initial;  ///< Networks to compare the sparsity with.
  bool typical_prediction = false;
  double larger = 0.1;
  std::string html;
};

struct ListArguments {
  bool names = false;  ///< Accelerator names alone, for scripts and completion.
  std::string params;  ///< Accelerator whose parameters are shown.
  bool networks = false, dram = false, data_sets = false;
};

struct LowerArguments {
  ModelArguments model;
  InputArguments input;
  std::string output;
  bool quantized = false;
  bool no_optimize = false;
  Precision precision;
};

struct CompileArguments {
  ModelArguments model;
  InputArguments input;
  MachineArguments machines;
  Precision precision;
  std::string output;
};

struct DisasmArguments {
  ModelArguments model;
  InputArguments input;
  MachineArguments machines;
  Precision precision;
  bool tiles = false;
};

struct PruneArguments {
  ModelArguments model;
  std::string output;
  double density = 0;  ///< 0: as the method says.
  std::string method = "coarse";
  std::string criterion = "average";
  std::vector<std::string> layer_density;  ///< "node=density".
  std::vector<std::string> keep;
  std::string block, stride;        ///< "inputs,outputs,height,width" of convolutions.
  std::string fc_block, fc_stride;  ///< "inputs,outputs" of fully connected layers.
  std::string q_rounding = "alternate";
  std::int64_t group = 32;
  bool global = false;
  std::string scale = "none";
  double least_density = 0;
};

struct QuantizeArguments {
  ModelArguments model;
  InputArguments input;
  std::string output;
};

/// `compress --data`: pruning and quantization with training, under a budget.
struct ShrinkArguments {
  std::string data;  ///< Empty: no training.
  std::string root;
  double budget = 0.5;
  PruneArguments pruning;  ///< Of its fields only those of structure and `keep`.
  double goal = 0, step = 0.7;
  int dynamic_epochs = 0;  ///< 0: by steps.
  std::string divide = "scan";
  int step_epochs = 2, more_epochs = 6, settle_epochs = 10, zero_epochs = 10;
  int cluster_epochs = 0, book_epochs = 3;
  std::vector<double> zero_rates;
  int conv_bits = 8, fc_bits = 4;
  std::vector<double> rates;  ///< Empty: those of shrink::Options.
  std::int64_t scan_pictures = 2000, batch = 128;
  double rate = 0.02, weight_decay = 1e-4;
  double average = 0;  ///< As of TrainArguments.
  bool no_distillation = false;
  std::string original;               ///< Empty: the network itself.
  std::vector<std::string> teachers;  ///< Empty: the original.
  std::string teacher_sees = "each";
  std::optional<bool> flip;  ///< Absent: as suits the data.
  std::optional<int> shift;
  int cutout = 0;
  std::string device = "auto", precision = "auto";
  InputArguments normalization;
  std::string work, html;
};

struct CompressArguments {
  ShrinkArguments shrink;
  ModelArguments model;
  std::string output;
  std::string mode = "max";
  int bits = 0;      ///< Uniform integers; 0: not.
  int codebook = 0;  ///< Bits of codebook indices; 0: not.
  double tolerance = 0;
  double rate = 0;
  std::int64_t rows = 0;
  std::vector<std::string> layer_bits;  ///< "node=bits".
  int other_bits = 0;                   ///< 0: 16 with quantization, 32 without.
  std::string json;
};

struct DecompressArguments {
  std::string path;
  std::string output;
};

struct EvalArguments {
  ModelArguments model;
  InputArguments normalization;  ///< Of its fields only those of normalization and `limit`.
  std::string data;              ///< Data set's name or a folder of pictures named by label.
  std::string root;              ///< Folder of data sets; empty: SYNCOPATE_DATA.
  std::int64_t label_offset = 0;
  Precision precision;
  std::string json;
};

struct TrainArguments {
  std::string network;  ///< Name in the zoo, or a file.
  std::vector<std::string> dims;
  std::uint64_t seed = 1;
  std::string data, root;  ///< Empty: as the network's recipe says; SYNCOPATE_DATA.
  std::string output;
  bool initialize = false;  ///< Forget the file's weights.
  bool keep_zeros = false;  ///< Weights that are zero stay zero.
  // Where absent, the recipe decides.
  std::optional<std::string> start;
  std::optional<std::int64_t> epochs, batch;
  std::optional<double> rate, momentum, weight_decay, warmup, label_smoothing;
  double average = 0;  ///< Share of the steps, the last ones, that weights are averaged over.
  std::optional<std::string> schedule;
  std::optional<bool> flip;
  std::optional<int> shift, cutout;
  std::vector<std::string> teachers;
  std::string teacher_sees = "each";
  double teacher_weight = 0.5, temperature = 4;
  std::string device = "auto", precision = "auto";
  std::string checkpoint;  ///< Empty: beside the output.
  double checkpoint_minutes = 2;
  bool restart = false;
  std::int64_t test_every = 1;
  InputArguments normalization;  ///< Of its fields only those of normalization and `limit`.
  std::string json;
};

struct TuneArguments {
  ModelArguments model;
  InputArguments input;
  MachineArguments machines;
  std::vector<std::string> vary;  ///< "parameter=value,value".
  std::string objective = "edp";
  bool any_area = false;
  std::int64_t budget = 100;
  std::string journal;
  Precision precision;
};

struct ReproduceArguments {
  std::string paper;
  std::string json;
  std::string html;
  std::string data;
  std::string networks;
};

struct DramArguments {
  std::vector<std::string> presets;
};

}  // namespace syncopate::cli
