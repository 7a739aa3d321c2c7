#pragma once

#include <torch/types.h>

#include <map>
#include <string>
#include <vector>

#include "train/module.h"
#include "train/trainer.h"

namespace syncopate::train {

/// Stochastic gradient descent with momentum on a module's parameters, under masks and codebooks.
class Optimizer {
 public:
  /// Brings the parameters into the constraints at once. The module must outlive this. InputError
  /// for a constraint on an unknown constant, of another size, or one that contradicts another.
  Optimizer(Module& module, const Options& options, const Constraints& constraints);

  void clear_gradients();
  /// One step along the gradients that backward left.
  void step(double rate);

  /// Tensors that a continued run needs besides the module's own, by name; written in place.
  std::map<std::string, torch::Tensor> state() const;
  /// The given codebooks with their entries as trained, ascending.
  std::map<std::string, codec::Codebooks> codebooks() const;

 private:
  /// A parameter whose elements share the entries of codebooks.
  struct Book {
    Variable* variable;
    codec::Codebooks given;
    torch::Tensor slot;     ///< Entry of each element, counted over all books.
    torch::Tensor entries;  ///< f32, all books one behind the other.
    torch::Tensor weights;  ///< 1 / members, and 0 for entries that stay zero.
    torch::Tensor momentum;
    double decay = 0;
  };
  struct Mask {
    Variable* variable;
    torch::Tensor keep;  ///< 0 or 1, in the parameter's type.
  };

  void add_mask(Variable& variable, const std::vector<std::uint8_t>& bytes);
  void add_book(Variable& variable, const codec::Codebooks& codebooks);
  double decay_of(const Variable& variable) const;
  void clip();
  void step_free(double rate);
  void step_book(Book& book, double rate);

  Module& module_;
  Options options_;
  std::vector<Variable*> free_;         ///< Parameters without codebooks.
  std::vector<torch::Tensor> momenta_;  ///< Of those.
  std::vector<Mask> masks_;
  std::vector<Book> books_;
};

}  // namespace syncopate::train
