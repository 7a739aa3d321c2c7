#include "sim/dram_spec.h"

#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <bit>
#include <cctype>
#include <fstream>
#include <map>
#include <sstream>
#include <utility>

#include "base/embedded.h"
#include "base/error.h"

namespace syncopate::sim {

namespace dram_data {
std::span<const base::EmbeddedFile> embedded_files();  // data/dram/*.yaml, see src/CMakeLists.txt
}

namespace {

constexpr std::string_view kSuffix = ".yaml";

Params params_of(const std::string& yaml, const std::string& source) {
  Params params;
  try {
    const YAML::Node root = YAML::Load(yaml);
    if (!root.IsMap()) fail("{}: expected a mapping of DRAM parameters to values", source);
    for (const auto& entry : root) {
      if (!entry.first.IsScalar() || !entry.second.IsScalar()) {
        fail("{}:{}: expected 'name: value' with a plain value", source,
             entry.first.Mark().line + 1);
      }
      if (params.values().contains(entry.first.Scalar())) {
        fail("{}:{}: '{}' is given twice", source, entry.first.Mark().line + 1,
             entry.first.Scalar());
      }
      params.set(entry.first.Scalar(), entry.second.Scalar());
    }
  } catch (const YAML::Exception& error) {
    fail("{}:{}: not valid YAML ({})", source, error.mark.line + 1, error.msg);
  }
  return params;
}

/// Reads required keys: every number of a DRAM must be given, none is guessed.
class SpecReader {
 public:
  SpecReader(const Params& params, const std::string& source)
      : reader_(params, source), params_(params), source_(source) {}

  std::int64_t number(std::string_view key, std::string_view help, std::int64_t low,
                      std::int64_t high) {
    if (!params_.values().contains(std::string(key))) missing_.emplace_back(key);
    return reader_.integer(key, low, help, low, high);
  }
  int power_of_two(std::string_view key, std::string_view help, std::int64_t low,
                   std::int64_t high) {
    const std::int64_t value = number(key, help, low, high);
    if (!std::has_single_bit(static_cast<std::uint64_t>(value))) {
      fail("{}.{} = {}: expected a power of two", source_, key, value);
    }
    return static_cast<int>(value);
  }
  double current(std::string_view key, std::string_view help) {
    return reader_.real(key, 0, help, 0, 10'000);
  }
  std::string text(std::string_view key, std::string_view fallback, std::string_view help) {
    return reader_.text(key, fallback, help);
  }
  /// Unknown keys first: a misspelt key is also a missing one.
  std::vector<ParamInfo> finish() {
    std::vector<ParamInfo> declared = reader_.finish();
    if (!missing_.empty()) fail("{}: missing {}", source_, fmt::join(missing_, ", "));
    return declared;
  }

 private:
  ParamReader reader_;
  const Params& params_;
  std::string source_;
  std::vector<std::string> missing_;
};

void read_organization(SpecReader& in, DramSpec& spec) {
  spec.tck_ps = in.number("tck_ps", "clock period in ps", 100, 100'000);
  spec.channels = in.power_of_two("channels", "independent channels", 1, 16);
  spec.ranks = in.power_of_two("ranks", "ranks per channel", 1, 4);
  spec.bank_groups = in.power_of_two("bank_groups", "bank groups per rank; 1: none", 1, 8);
  spec.banks_per_group = in.power_of_two("banks_per_group", "banks per group", 1, 16);
  spec.rows = in.power_of_two("rows", "rows per bank", 1, 1 << 20);
  spec.columns = in.power_of_two("columns", "device-wide columns per row", 8, 1 << 16);
  spec.bus_bits = in.power_of_two("bus_bits", "data bus of a channel", 8, 1024);
  spec.device_bits = in.power_of_two("device_bits", "data bus of a device", 4, 1024);
  spec.burst_length = in.power_of_two("burst_length", "transfers per burst", 2, 32);
  spec.mapping = in.text("mapping", "rochrababgco", "address fields, most significant first");
}

void read_controller(SpecReader& in, DramSpec& spec) {
  spec.read_queue = static_cast<int>(in.number("read_queue", "reads waiting", 1, 256));
  spec.write_queue = static_cast<int>(in.number("write_queue", "writes waiting", 1, 256));
  spec.bank_queue = static_cast<int>(in.number("bank_queue", "requests waiting at a bank", 1, 16));
  spec.write_high = static_cast<int>(
      in.number("write_high", "writes waiting that start draining", 1, spec.write_queue));
  spec.write_low = static_cast<int>(in.number(
      "write_low", "writes waiting that end draining when reads wait", 0, spec.write_high - 1));
  spec.row_hit_cap = static_cast<int>(in.number(
      "row_hit_cap", "accesses to a row after which an older request to another row goes first", 1,
      1 << 20));
}

void read_timing(SpecReader& in, DramTiming& t) {
  const auto clocks = [&](std::string_view key, std::string_view help) {
    return in.number(key, help, 0, 100'000);
  };
  t.cl = clocks("tCL", "read to data");
  t.cwl = clocks("tCWL", "write to data");
  t.rcd = clocks("tRCD", "activate to read or write");
  t.rp = clocks("tRP", "precharge to activate");
  t.ras = clocks("tRAS", "activate to precharge");
  t.rrd_s = clocks("tRRD_S", "activate to activate, other bank group");
  t.rrd_l = clocks("tRRD_L", "activate to activate, same bank group");
  t.faw = clocks("tFAW", "window of four activates in a rank");
  t.ccd_s = clocks("tCCD_S", "read to read and write to write, other bank group");
  t.ccd_l = clocks("tCCD_L", "read to read and write to write, same bank group");
  t.wtr_s = clocks("tWTR_S", "end of write data to read, other bank group");
  t.wtr_l = clocks("tWTR_L", "end of write data to read, same bank group");
  t.wr = clocks("tWR", "end of write data to precharge");
  t.rtp = clocks("tRTP", "read to precharge");
  t.rtrs = clocks("tRTRS", "bus turnaround");
  t.ppd = clocks("tPPD", "precharge to precharge in a rank");
  t.rfc = clocks("tRFC", "refresh to activate");
  t.refi = clocks("tREFI", "average interval of refreshes of a rank");
}

void read_power(SpecReader& in, DramPower& p) {
  p.vdd = in.current("VDD", "supply in V");
  p.idd0 = in.current("IDD0", "mA, activate-precharge");
  p.idd2n = in.current("IDD2N", "mA, precharge standby");
  p.idd3n = in.current("IDD3N", "mA, active standby");
  p.idd4r = in.current("IDD4R", "mA, burst read");
  p.idd4w = in.current("IDD4W", "mA, burst write");
  p.idd5 = in.current("IDD5", "mA, refresh");
}

}  // namespace

std::int64_t DramSpec::bytes() const {
  return std::int64_t{channels} * ranks * banks() * rows * columns * bus_bits / 8;
}

double DramSpec::peak_gbps() const {
  return static_cast<double>(channels) * bus_bits / 8 * 2 * 1000 / static_cast<double>(tck_ps);
}

DramSpec parse_dram(const std::string& yaml, const std::string& source) {
  const Params params = params_of(yaml, source);
  SpecReader in(params, source);
  DramSpec spec;
  spec.name = source;
  read_organization(in, spec);
  read_controller(in, spec);
  read_timing(in, spec.timing);
  read_power(in, spec.power);
  spec.params = in.finish();
  if (spec.device_bits > spec.bus_bits) {
    fail("{}.device_bits = {}: wider than the bus of {} bits", source, spec.device_bits,
         spec.bus_bits);
  }
  if (spec.columns < spec.burst_length) fail("{}.columns: less than one burst", source);
  if (spec.timing.refi <= spec.timing.rfc + spec.timing.rc()) {
    fail("{}.tREFI = {}: expected more than tRFC + tRAS + tRP = {}", source, spec.timing.refi,
         spec.timing.rfc + spec.timing.rc());
  }
  if (spec.ranks * spec.banks() > 64) {
    fail("{}: {} banks per channel; at most 64", source, spec.ranks * spec.banks());
  }
  if (spec.bank_groups == 1) {
    spec.timing.ccd_l = spec.timing.ccd_s;
    spec.timing.rrd_l = spec.timing.rrd_s;
    spec.timing.wtr_l = spec.timing.wtr_s;
  }
  DramAddressMap{spec};
  return spec;
}

std::vector<std::string> dram_presets() {
  std::vector<std::string> names;
  for (const base::EmbeddedFile& file : dram_data::embedded_files()) {
    names.emplace_back(file.name.substr(0, file.name.size() - kSuffix.size()));
  }
  std::sort(names.begin(), names.end());
  return names;
}

DramSpec load_dram(const std::string& preset) {
  for (const base::EmbeddedFile& file : dram_data::embedded_files()) {
    if (file.name == preset + std::string(kSuffix)) {
      return parse_dram(std::string(file.contents), preset);
    }
  }
  if (preset.ends_with(kSuffix)) {
    std::ifstream file(preset, std::ios::binary);
    std::ostringstream contents;
    if (!file || !(contents << file.rdbuf())) fail("{}: cannot be read", preset);
    return parse_dram(contents.str(), preset);
  }
  const std::string guess = nearest(preset, dram_presets());
  fail("unknown DRAM preset '{}'{} (known: {}; or a .yaml file)", preset,
       guess.empty() ? "" : "; did you mean '" + guess + "'?", fmt::join(dram_presets(), ", "));
}

DramAddressMap::DramAddressMap(const DramSpec& spec)
    : bank_groups_(spec.bank_groups), banks_per_group_(spec.banks_per_group) {
  std::string text = spec.mapping;
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  Field column;
  const std::map<std::string, std::pair<Field*, std::int64_t>> fields{
      {"ro", {&row_, spec.rows}},
      {"co", {&column, spec.bursts_per_row()}},
      {"ba", {&bank_, spec.banks_per_group}},
      {"bg", {&group_, spec.bank_groups}},
      {"ra", {&rank_, spec.ranks}},
      {"ch", {&channel_, spec.channels}}};
  const auto wrong = [&](const std::string& why) {
    fail(
        "{}.mapping = '{}': {}; expected field names ro, ra, ba, bg, co, ch from most to least "
        "significant, e.g. rochrababgco",
        spec.name, spec.mapping, why);
  };
  if (text.size() % 2 != 0) wrong("odd length");
  int shift = std::countr_zero(static_cast<std::uint64_t>(spec.burst_bytes()));
  std::map<std::string, bool> seen;
  const auto set = [&](const std::string& name) {
    const auto& [field, extent] = fields.at(name);
    if (std::exchange(seen[name], true)) wrong("'" + name + "' occurs twice");
    *field = {shift, static_cast<std::uint64_t>(extent - 1)};
    shift += std::countr_zero(static_cast<std::uint64_t>(extent));
  };
  const bool with_groups = text.find("bg") != std::string::npos;
  for (std::size_t at = text.size(); at >= 2; at -= 2) {
    const std::string name = text.substr(at - 2, 2);
    if (!fields.contains(name)) wrong("unknown field '" + name + "'");
    if (name == "ba" && !with_groups) set("bg");
    set(name);
  }
  for (const auto& [name, field] : fields) {
    if (field.second > 1 && !seen[name]) wrong("'" + name + "' is missing");
  }
}

DramPlace DramAddressMap::place(std::uint64_t address) const {
  const int rank_group =
      static_cast<int>(rank_.of(address)) * bank_groups_ + static_cast<int>(group_.of(address));
  return {static_cast<int>(channel_.of(address)),
          rank_group * banks_per_group_ + static_cast<int>(bank_.of(address)),
          static_cast<std::int64_t>(row_.of(address))};
}

}  // namespace syncopate::sim
