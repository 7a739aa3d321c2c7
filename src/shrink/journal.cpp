#include "shrink/journal.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "onnx/export.h"
#include "onnx/import.h"

namespace syncopate::shrink {
namespace {

using Json = nlohmann::ordered_json;
constexpr std::size_t kLargest = std::size_t{1} << 28;

void make_folder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) fail("{}: cannot be made a folder: {}", folder, error.message());
}

}  // namespace

Journal::Journal(std::string folder, std::string identity)
    : folder_(std::move(folder)), identity_(std::move(identity)) {
  make_folder(folder_);
  const std::string file = path("journal.json");
  if (!std::filesystem::exists(file)) {
    save();
    return;
  }
  const std::vector<std::byte> bytes = base::read_file(file, kLargest);
  try {
    const auto* text = reinterpret_cast<const char*>(bytes.data());
    const Json json = Json::parse(text, text + bytes.size());
    if (json.at("run").get<std::string>() != identity_) {
      fail("{}: keeps another run ({}); name another folder with --work or remove it", folder_,
           json.at("run").get<std::string>());
    }
    for (const auto& [name, value] : json.at("states").items()) {
      accuracies_[name] = value.get<double>();
    }
    for (const auto& [name, values] : json.at("numbers").items()) {
      for (const auto& [key, value] : values.items()) numbers_[name][key] = value.get<double>();
    }
  } catch (const Json::exception&) {
    fail("{}: not the journal of a run; name another folder with --work or remove it", file);
  }
}

State Journal::state(const std::string& name, const std::function<State()>& make) {
  const std::string file = path(name + ".onnx");
  const auto known = accuracies_.find(name);
  if (known != accuracies_.end()) return {onnx::import_file(file), known->second};
  State made = make();
  onnx::export_file(made.graph, file);
  accuracies_[name] = made.accuracy;
  save();
  // What a later run would read, so that both go on alike.
  made.graph = onnx::import_file(file);
  return made;
}

std::map<std::string, double> Journal::numbers(
    const std::string& name, const std::function<std::map<std::string, double>()>& make) {
  const auto known = numbers_.find(name);
  if (known != numbers_.end()) return known->second;
  numbers_[name] = make();
  save();
  return numbers_[name];
}

std::string Journal::path(const std::string& file) const {
  return (std::filesystem::path(folder_) / file).string();
}

void Journal::save() const {
  const Json json{{"run", identity_}, {"states", accuracies_}, {"numbers", numbers_}};
  base::write_file_atomically(path("journal.json"), json.dump(1) + "\n");
}

}  // namespace syncopate::shrink
