#include "flow/tune_journal.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"

namespace syncopate::flow {

using Json = nlohmann::ordered_json;

TuneJournal::TuneJournal(std::string path, std::string identity)
    : path_(std::move(path)), identity_(std::move(identity)) {
  if (path_.empty() || !std::filesystem::exists(path_)) return;
  const std::vector<std::byte> bytes = base::read_file(path_, std::size_t{1} << 28);
  try {
    const auto* text = reinterpret_cast<const char*>(bytes.data());
    const Json json = Json::parse(text, text + bytes.size());
    if (json.at("search").get<std::string>() != identity_) {
      fail("{}: keeps another search ({}); give another file or remove it", path_,
           json.at("search").get<std::string>());
    }
    network_ = {json.at("network").get<std::string>(), json.at("synthetic").get<bool>()};
    for (const auto& [key, value] : json.at("points").items()) {
      TunePoint point;
      point.seconds = value.at("seconds").get<double>();
      point.picojoules = value.at("picojoules").get<double>();
      point.mm2 = value.at("mm2").get<double>();
      points_[key] = point;
    }
  } catch (const Json::exception&) {
    fail("{}: not a file of an earlier search; give another file or remove it", path_);
  }
}

const TunePoint* TuneJournal::find(const std::string& key) const {
  const auto found = points_.find(key);
  return found == points_.end() ? nullptr : &found->second;
}

void TuneJournal::add(const std::string& key, const TunePoint& point) { points_[key] = point; }

void TuneJournal::save() const {
  if (path_.empty()) return;
  Json json{{"search", identity_},
            {"network", network_.name},
            {"synthetic", network_.synthetic},
            {"points", Json::object()}};
  for (const auto& [key, point] : points_) {
    json["points"][key] = {
        {"seconds", point.seconds}, {"picojoules", point.picojoules}, {"mm2", point.mm2}};
  }
  base::write_file_atomically(path_, json.dump(1) + "\n");
}

}  // namespace syncopate::flow
