#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/tensor.h"
#include "data/normalization.h"
#include "ir/graph.h"

namespace syncopate::flow {

/// What the user said about inputs.
struct InputOptions {
  /// .npy files, PNG or JPEG pictures, folders of these; "name=FILE.npy" for networks with several
  /// inputs. Empty: a procedural picture.
  std::vector<std::string> paths;
  std::string preset = "auto";
  std::optional<std::vector<double>> mean, deviation;
  std::optional<double> scale;
  bool bgr = false;
  std::int64_t limit = 0;  ///< Most inputs used; 0 means all.
};

/// The preset with the user's own scale, means and deviations in place of its. InputError when
/// their number does not fit the channels.
data::Normalization normalization(const InputOptions& options, std::int64_t channels);

/// The inputs of a run, loaded one at a time.
class Inputs {
 public:
  /// Looks at files (headers of .npy, names of pictures) without decoding pictures. InputError when
  /// something is missing or fits no input of the network.
  /// The graph need not outlive this.
  Inputs(const ir::Graph& graph, const InputOptions& options);

  std::size_t size() const { return items_.size(); }
  /// File name, "file.npy[3]", or "procedural picture".
  const std::string& name(std::size_t index) const { return items_[index].name; }
  /// One tensor per graph input, in order, f32 or the input's own type. From one thread at a time.
  std::vector<Tensor> load(std::size_t index) const;
  /// True when nothing was given and pictures are made up.
  bool procedural() const { return procedural_; }
  /// One line for reports: where inputs come from and how they were normalized.
  std::string description() const;

 private:
  struct Item {
    std::string name;
    std::string path;         ///< Empty: procedural.
    std::int64_t index = -1;  ///< Which slice of an .npy with several inputs; -1: the whole.
  };
  void add_path(const std::string& path);
  void add_folder(const std::string& path);
  void add_npy(const std::string& path);
  Tensor load_main(const Item& item) const;
  Tensor from_picture(const Item& item) const;
  Tensor from_npy(const Item& item) const;
  Tensor made_up(const ir::Value& value, int variant) const;
  const ir::Value& main() const;

  std::vector<ir::Value> values_;  ///< Of the graph's inputs.
  InputOptions options_;
  std::size_t main_ = 0;  ///< Position of the input that plain paths feed.
  std::map<std::string, Tensor> named_;
  std::vector<Item> items_;
  std::map<std::string, Tensor> arrays_;  ///< .npy files already read.
  /// Kept when there is one input alone: a run loads it to calibrate, and again to execute.
  mutable std::vector<Tensor> only_;
  data::Normalization normalization_;
  bool pictures_ = false;
  bool procedural_ = false;
};

}  // namespace syncopate::flow
