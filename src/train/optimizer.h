#pragma once

#include <torch/types.h>

#include <map>
#include <string>
#include <vector>

#include "train/module.h"
#include "train/trainer.h"

namespace syncopate::train {

/// Elements of a parameter, and the entry of each, counted over all its codebooks.
struct Members {
  torch::Tensor index, slot;
};

/// Stochastic gradient descent with momentum on a module's parameters, under masks and codebooks.
class Optimizer {
 public:
  /// Brings the parameters into the constraints at once. The module must outlive this. InputError
  /// for a constraint on an unknown constant, of another size, or one that contradicts another.
  /// Dynamic masks are chosen in the first `choosing` steps.
  Optimizer(Module& module, const Options& options, const Constraints& constraints,
            std::int64_t choosing = 0);

  void clear_gradients();
  /// One step along the gradients that backward left, the `number`-th, from 0.
  void step(double rate, std::int64_t number);

  /// Tensors that a continued run needs besides the module's own, by name; written in place.
  std::map<std::string, torch::Tensor> state() const;
  /// To be called when they have been overwritten.
  void restored();
  /// What steps move, by name: weights, and entries of codebooks.
  std::map<std::string, torch::Tensor> parameters() const;
  /// The given codebooks with their entries as trained, ascending.
  std::map<std::string, codec::Codebooks> codebooks() const;

 private:
  /// A parameter whose elements share the entries of codebooks.
  struct Book {
    Variable* variable;
    codec::Codebooks given;
    Members members;        ///< Of entries that are not zero.
    torch::Tensor entries;  ///< f32, all books one behind the other.
    torch::Tensor weights;  ///< 1 / members, and 0 for entries that stay zero.
    torch::Tensor momentum;
    double decay = 0;
  };
  /// A parameter that shows the entries which hidden weights are clustered to.
  struct Clusters {
    Variable* variable;
    codec::CodebookOptions how;
    torch::Tensor hidden;
    torch::Tensor momentum;
    torch::Tensor slot;     ///< Entry of each element, counted over all books.
    torch::Tensor entries;  ///< f32, all books one behind the other, as long as they may become.
    Members members;        ///< Of entries that are not zero.
    torch::Tensor counts;   ///< Those of each entry, f64.
  };
  /// A parameter that shows those of the weights behind it that a mask leaves.
  struct Dynamic {
    Variable* variable;
    prune::DynamicMask how;
    torch::Tensor hidden;
    torch::Tensor momentum;
    torch::Tensor keep;  ///< 0 or 1, in the parameter's type.
  };
  struct Mask {
    Variable* variable;
    torch::Tensor keep;  ///< 0 or 1, in the parameter's type.
  };

  void add_mask(Variable& variable, const std::vector<std::uint8_t>& bytes);
  void add_clusters(Variable& variable, const codec::CodebookOptions& how);
  void add_dynamic(Variable& variable, const prune::DynamicMask& how);
  void add_book(Variable& variable, const codec::Codebooks& codebooks);
  double decay_of(const Variable& variable) const;
  void mask_gradients();
  void clip();
  void step_free(double rate);
  void step_book(Book& book, double rate);
  void step_dynamic(Dynamic& dynamic, double rate, std::int64_t number);
  void choose(Dynamic& dynamic, double share);
  void step_clusters(Clusters& clusters, double rate, bool again);
  void cluster(Clusters& clusters);
  /// What was made of codebooks, their padding included.
  codec::Codebooks books_of(const Clusters& clusters) const;
  void count_members(Clusters& clusters);
  /// Where momenta, which are moved, carry parameters of those gradients.
  std::vector<torch::Tensor> directions(std::vector<torch::Tensor> slopes,
                                        const std::vector<torch::Tensor>& momenta) const;

  Module& module_;
  Options options_;
  std::int64_t choosing_;               ///< Steps in which dynamic masks are chosen.
  std::vector<Variable*> free_;         ///< Parameters without codebooks, clusters, dynamic masks.
  std::vector<torch::Tensor> momenta_;  ///< Of those.
  std::vector<Mask> masks_;
  std::vector<Book> books_;
  std::vector<Clusters> clusters_;
  std::vector<Dynamic> dynamic_;
};

}  // namespace syncopate::train
