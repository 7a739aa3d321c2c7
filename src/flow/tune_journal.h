#pragma once

#include <map>
#include <string>
#include <vector>

#include "flow/tune.h"

namespace syncopate::flow {

/// The network of a search, as its runs named it.
struct TunedNetwork {
  std::string name;
  bool synthetic = false;
};

/// Points of a search on disk, rewritten in one step after every batch.
class TuneJournal {
 public:
  /// Reads what is there. An empty path keeps nothing. InputError for a file that is none, or is
  /// one of a search with another `identity`.
  TuneJournal(std::string path, std::string identity);
  /// Null when the setting has not been evaluated yet.
  const TunePoint* find(const std::string& key) const;
  void add(const std::string& key, const TunePoint& point);
  const TunedNetwork& network() const { return network_; }
  void set_network(TunedNetwork network) { network_ = std::move(network); }
  void save() const;

 private:
  std::string path_, identity_;
  TunedNetwork network_;
  std::map<std::string, TunePoint> points_;
};

}  // namespace syncopate::flow
