#pragma once

#include <functional>
#include <map>
#include <string>

#include "ir/graph.h"

namespace syncopate::shrink {

/// A network on its way, and how well it does.
struct State {
  ir::Graph graph;
  double accuracy = 0;  ///< Top-1 on the test pictures, percent.
};

/// What a pipeline has done, in a folder: networks as ONNX, everything else in `journal.json`. A
/// pipeline that runs again takes from it what is there, so an interruption loses the step it fell
/// into and no more.
class Journal {
 public:
  /// Makes the folder, or reads what it keeps. InputError when it keeps a run of another
  /// `identity`, or cannot be read or written.
  Journal(std::string folder, std::string identity);

  /// The state of that name: the one kept, or what `make` gives, kept from now on.
  State state(const std::string& name, const std::function<State()>& make);
  /// Numbers by name, likewise.
  std::map<std::string, double> numbers(const std::string& name,
                                        const std::function<std::map<std::string, double>()>& make);
  /// A file in the folder.
  std::string path(const std::string& file) const;

 private:
  void save() const;

  std::string folder_, identity_;
  std::map<std::string, double> accuracies_;
  std::map<std::string, std::map<std::string, double>> numbers_;
};

}  // namespace syncopate::shrink
