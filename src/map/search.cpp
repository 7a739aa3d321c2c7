#include "map/search.h"

#include <algorithm>
#include <set>

#include "base/error.h"

namespace syncopate::map {
namespace {

/// What has been evaluated, and what may still be.
class Search {
 public:
  Search(std::int64_t budget, const Evaluate& evaluate)
      : left_(static_cast<std::size_t>(budget)), evaluate_(evaluate) {}

  /// Evaluates the settings that are new, as far as the budget goes. True when the best changed.
  bool add(const std::vector<Setting>& settings) {
    std::vector<Setting> fresh;
    for (const Setting& setting : settings) {
      if (fresh.size() < left_ && seen_.insert(setting).second) fresh.push_back(setting);
    }
    if (fresh.empty()) return false;
    left_ -= fresh.size();
    const std::vector<double> costs = evaluate_(fresh);
    if (costs.size() != fresh.size())
      broken("search: {} costs, not {}", costs.size(), fresh.size());
    bool better = result_.points.empty();
    for (std::size_t i = 0; i < fresh.size(); ++i) {
      result_.points.push_back({std::move(fresh[i]), costs[i]});
      if (costs[i] < result_.points[result_.best].cost) {
        result_.best = result_.points.size() - 1;
        better = true;
      }
    }
    return better;
  }
  const Setting& best() const { return result_.points[result_.best].setting; }
  SearchResult take() { return std::move(result_); }

 private:
  std::size_t left_;
  const Evaluate& evaluate_;
  std::set<Setting> seen_;
  SearchResult result_;
};

std::vector<Setting> all_settings(std::span<const Knob> knobs, const Setting& start) {
  std::vector<Setting> settings{start};
  Setting setting(knobs.size(), 0);
  while (true) {
    settings.push_back(setting);
    std::size_t k = 0;
    while (k < knobs.size() && ++setting[k] == knobs[k].choices.size()) setting[k++] = 0;
    if (k == knobs.size()) return settings;
  }
}

std::vector<Setting> neighbors(std::span<const Knob> knobs, const Setting& of) {
  std::vector<Setting> settings;
  for (std::size_t k = 0; k < knobs.size(); ++k) {
    for (std::size_t choice = 0; choice < knobs[k].choices.size(); ++choice) {
      settings.push_back(of);
      settings.back()[k] = choice;
    }
  }
  return settings;
}

}  // namespace

SearchResult search(std::span<const Knob> knobs, const Setting& start, std::int64_t budget,
                    const Evaluate& evaluate) {
  if (budget < 1) broken("search: no budget");
  if (start.size() != knobs.size()) broken("search: the start has not every knob");
  std::int64_t size = 1;
  for (std::size_t k = 0; k < knobs.size(); ++k) {
    if (start[k] >= knobs[k].choices.size()) broken("search: {} starts nowhere", knobs[k].name);
    size = std::min(size * static_cast<std::int64_t>(knobs[k].choices.size()), budget + 1);
  }
  Search search(budget, evaluate);
  if (size <= budget) {
    search.add(all_settings(knobs, start));
  } else {
    search.add({start});
    while (search.add(neighbors(knobs, search.best()))) continue;
  }
  return search.take();
}

}  // namespace syncopate::map
