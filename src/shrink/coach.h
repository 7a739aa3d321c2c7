#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "codec/codebook.h"
#include "ir/graph.h"
#include "prune/dynamic.h"
#include "prune/structure.h"

namespace syncopate::shrink {

/// What tuning must not change.
struct Constraints {
  prune::Masks masks;                             ///< What is 0 stays 0.
  std::map<std::string, codec::Codebooks> books;  ///< By the weights' name: entries move, the
                                                  ///< assignment stays.
  /// By the weights' name: clustered again and again; see train::Constraints.
  std::map<std::string, codec::CodebookOptions> clusters;
  /// By the weights' name: masks chosen again and again; see train::Constraints.
  std::map<std::string, prune::DynamicMask> dynamic;
};

/// Which pictures a network is scored on.
enum class Pictures : std::uint8_t {
  scan,  ///< Part of those it is trained on: for decisions.
  test   ///< For what is reported, and for when to stop.
};

/// Whoever trains: the pipeline asks for nothing else, so it needs neither data nor an automatic
/// differentiation of its own.
class Coach {
 public:
  virtual ~Coach() = default;
  /// Top-1 in percent.
  virtual double accuracy(const ir::Graph& graph, Pictures pictures) = 0;
  /// Trains for so many epochs with a rate that falls from `rate` (in units of the recipe's own
  /// tuning rate) to nearly nothing. `checkpoint` is a file for going on after an interruption. The
  /// graph keeps its names and shapes. Deterministic.
  virtual void tune(ir::Graph& graph, const Constraints& constraints, int epochs, double rate,
                    const std::string& checkpoint) = 0;
};

}  // namespace syncopate::shrink
