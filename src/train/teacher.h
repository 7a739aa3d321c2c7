#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "ir/graph.h"
#include "train/module.h"
#include "train/picture_store.h"

namespace syncopate::train {

/// The networks that distillation imitates, as one. No gradients.
class Teacher {
 public:
  /// Several answer with the mean of their probabilities at `temperature`.
  Teacher(const std::vector<const ir::Graph*>& graphs, const ModuleOptions& options,
          double temperature);

  /// What it answers, [pictures, classes]: before the softmax.
  torch::Tensor logits(const torch::Tensor& x);

  /// Is told how many pictures have been looked at, and of how many; returns false to stop.
  using Watch = std::function<bool(std::int64_t done, std::int64_t all)>;
  /// Answers for every picture of a set, and for its mirror image when `mirrored`, to be
  /// remembered. False when stopped.
  bool look(const PictureStore& pictures, bool mirrored, const Watch& watch);
  /// What was answered for the pictures at `indices`, the mirror image where `flips` says so.
  torch::Tensor remembered(std::span<const std::int64_t> indices,
                           const std::vector<bool>& flips) const;

 private:
  std::vector<std::unique_ptr<Module>> modules_;
  double temperature_;
  std::int64_t count_ = 0;  ///< Pictures looked at.
  torch::Tensor answers_;   ///< [pictures, or mirror images behind them, classes].
};

}  // namespace syncopate::train
