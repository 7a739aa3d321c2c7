#include "sim/program_file.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/checksum.h"
#include "base/error.h"
#include "base/files.h"

namespace syncopate::sim {
namespace {

static_assert(std::endian::native == std::endian::little, "program files are little-endian");

constexpr char kMagic[9] = "SYNCOPRG";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kHeader = 32;
constexpr std::int64_t kMaxExtent = std::int64_t{1} << 40;

class Writer {
 public:
  explicit Writer(std::vector<std::byte>& out) : out_(out) {}
  template <class T>
  void put(T value) {
    const std::size_t at = out_.size();
    out_.resize(at + sizeof(T));
    std::memcpy(out_.data() + at, &value, sizeof(T));
  }
  void numbers(std::initializer_list<std::int64_t> values) {
    for (const std::int64_t value : values) put(value);
  }
  void numbers(const std::array<std::int64_t, 3>& values) {
    for (const std::int64_t value : values) put(value);
  }

 private:
  std::vector<std::byte>& out_;
};

void write_layer(Writer& writer, const LayerCode& layer) {
  const map::Loops& l = layer.loops;
  writer.numbers({static_cast<std::int64_t>(layer.gconv), static_cast<std::int64_t>(layer.begin),
                  static_cast<std::int64_t>(layer.end)});
  writer.numbers({static_cast<std::int64_t>(l.kind), l.weights, l.second_operand, l.batch, l.groups,
                  l.outs, l.ins});
  for (const auto* extents : {&l.out, &l.in, &l.kernel, &l.stride, &l.dilation, &l.pad}) {
    writer.numbers(*extents);
  }
  const map::Tiling& t = layer.tiling;
  writer.numbers({static_cast<std::int64_t>(t.order), t.outs, t.ins, t.resident, t.streamed});
  writer.numbers(t.block);
}

/// Takes values off the front of a payload; every reading is checked against what is left.
class Reader {
 public:
  Reader(std::span<const std::byte> bytes, std::string_view name) : bytes_(bytes), name_(name) {}

  template <class T>
  T take() {
    T value;
    std::memcpy(&value, skip(sizeof(T)).data(), sizeof(T));
    return value;
  }
  std::span<const std::byte> skip(std::size_t count) {
    if (count > bytes_.size() - at_) refuse("is truncated");
    at_ += count;
    return bytes_.subspan(at_ - count, count);
  }
  /// A number of items of `size` bytes each, which must still follow.
  std::size_t count(std::size_t size) {
    const auto items = take<std::uint64_t>();
    if (items > (bytes_.size() - at_) / size) refuse("is truncated");
    return static_cast<std::size_t>(items);
  }
  std::int64_t number(std::string_view what, std::int64_t low, std::int64_t high = kMaxExtent) {
    const auto value = take<std::int64_t>();
    if (value < low || value > high) {
      fail("'{}' is no valid program: {} is {}, expected {} to {}", name_, what, value, low, high);
    }
    return value;
  }
  std::array<std::int64_t, 3> numbers(std::string_view what, std::int64_t low) {
    std::array<std::int64_t, 3> values;
    for (auto& value : values) value = number(what, low);
    return values;
  }
  [[noreturn]] void refuse(std::string_view why) const {
    fail("'{}' is no valid program: the file {}", name_, why);
  }
  std::size_t at() const { return at_; }
  bool done() const { return at_ == bytes_.size(); }

 private:
  std::span<const std::byte> bytes_;
  std::string_view name_;
  std::size_t at_ = 0;
};

constexpr std::size_t kLayerBytes = 8 * (3 + 7 + 18 + 8);

LayerCode read_layer(Reader& reader, std::size_t instructions) {
  LayerCode layer;
  layer.gconv = static_cast<std::size_t>(reader.number("gconv", 0));
  const auto last = static_cast<std::int64_t>(instructions);
  layer.begin = static_cast<std::size_t>(reader.number("first instruction", 0, last));
  layer.end = static_cast<std::size_t>(
      reader.number("end of instructions", static_cast<std::int64_t>(layer.begin), last));
  map::Loops& l = layer.loops;
  l.kind = static_cast<map::WorkKind>(reader.number("kind", 0, 2));
  l.weights = reader.number("weights", 0, 1) != 0;
  l.second_operand = reader.number("second operand", 0, 1) != 0;
  l.batch = reader.number("batch", 1);
  l.groups = reader.number("groups", 1);
  l.outs = reader.number("outs", 1);
  l.ins = reader.number("ins", 1);
  l.out = reader.numbers("output extent", 1);
  l.in = reader.numbers("input extent", 1);
  l.kernel = reader.numbers("kernel", 1);
  l.stride = reader.numbers("stride", 1);
  l.dilation = reader.numbers("dilation", 1);
  l.pad = reader.numbers("padding", -kMaxExtent);
  map::Tiling& t = layer.tiling;
  t.order = static_cast<map::Order>(reader.number("order", 0, 1));
  t.outs = reader.number("tile outs", 1);
  t.ins = reader.number("tile ins", 1);
  t.resident = reader.number("resident", 0, 1) != 0;
  t.streamed = reader.number("streamed", 0, 1) != 0;
  t.block = reader.numbers("tile block", 1);
  double pairs = 1;
  for (const std::int64_t extent : {l.batch, l.groups, l.outs, l.ins}) {
    pairs *= static_cast<double>(extent);
  }
  for (std::size_t d = 0; d < 3; ++d) {
    pairs *= static_cast<double>(l.out[d]) * static_cast<double>(l.kernel[d]);
    if (l.in[d] > (std::int64_t{1} << 31)) reader.refuse("has a layer over 2^31 wide");
  }
  if (pairs > 0x1p60) reader.refuse("has a layer of over 2^60 operations");
  return layer;
}

/// An image that lies in a file's contents.
class FileImage : public Image {
 public:
  FileImage(std::vector<std::byte> contents, std::size_t begin)
      : contents_(std::move(contents)), begin_(begin) {}

  std::vector<std::byte> read(std::uint64_t address, std::int64_t count) const override {
    const auto size = static_cast<std::uint64_t>(bytes());
    if (count < 0 || address > size || static_cast<std::uint64_t>(count) > size - address) {
      fail("a program reads {} bytes at address {} of an image of {}: the file is damaged", count,
           address, size);
    }
    const std::byte* at = contents_.data() + begin_ + address;
    return {at, at + count};
  }
  std::int64_t bytes() const override {
    return static_cast<std::int64_t>(contents_.size() - begin_);
  }

 private:
  std::vector<std::byte> contents_;
  std::size_t begin_;
};

void append_image(const Image& image, std::vector<std::byte>& out) {
  constexpr std::int64_t kPiece = std::int64_t{1} << 22;
  out.reserve(out.size() + static_cast<std::size_t>(image.bytes()));
  for (std::int64_t at = 0; at < image.bytes(); at += kPiece) {
    const auto piece =
        image.read(static_cast<std::uint64_t>(at), std::min(kPiece, image.bytes() - at));
    out.insert(out.end(), piece.begin(), piece.end());
  }
}

/// Fills in the header of a file whose payload is complete.
void seal(std::vector<std::byte>& file) {
  const std::span<const std::byte> payload = std::span(file).subspan(kHeader);
  const std::uint32_t version[2] = {kVersion, 0};
  const std::uint64_t sizes[2] = {base::checksum(payload), payload.size()};
  std::memcpy(file.data(), kMagic, 8);
  std::memcpy(file.data() + 8, version, 8);
  std::memcpy(file.data() + 16, sizes, 16);
}

void check_header(std::span<const std::byte> file, std::string_view name) {
  if (file.size() < kHeader || std::memcmp(file.data(), kMagic, 8) != 0) {
    fail("'{}' is no compiled program (make one with `syncopate compile`)", name);
  }
  std::uint32_t version[2];
  std::uint64_t sizes[2];
  std::memcpy(version, file.data() + 8, 8);
  std::memcpy(sizes, file.data() + 16, 16);
  if (version[0] != kVersion || version[1] != 0) {
    fail("'{}' is a program of format version {}, expected {}: compile it again", name, version[0],
         kVersion);
  }
  const std::span<const std::byte> payload = file.subspan(kHeader);
  if (sizes[1] != payload.size() || sizes[0] != base::checksum(payload)) {
    fail("'{}' is truncated or damaged (checksum): compile it again", name);
  }
}

}  // namespace

std::vector<std::byte> to_bytes(const Program& program) {
  std::vector<std::byte> file(kHeader);
  Writer writer(file);
  writer.put(static_cast<std::uint32_t>(program.machine.size()));
  for (const char letter : program.machine) writer.put(letter);
  writer.put(static_cast<std::uint64_t>(program.code.size()));
  for (const Instruction& instruction : program.code) {
    writer.put(instruction.low);
    writer.put(instruction.high);
  }
  writer.put(static_cast<std::uint64_t>(program.layers.size()));
  for (const LayerCode& layer : program.layers) write_layer(writer, layer);
  writer.put(static_cast<std::uint64_t>(program.image ? program.image->bytes() : 0));
  if (program.image) append_image(*program.image, file);
  seal(file);
  return file;
}

std::vector<std::byte> seal_program(std::span<const std::byte> payload) {
  std::vector<std::byte> file(kHeader + payload.size());
  std::copy(payload.begin(), payload.end(), file.begin() + kHeader);
  seal(file);
  return file;
}

Program parse_program(std::vector<std::byte> bytes, std::string_view name) {
  check_header(bytes, name);
  Reader reader(std::span<const std::byte>(bytes).subspan(kHeader), name);
  Program program;
  const auto letters = reader.skip(reader.take<std::uint32_t>());
  program.machine.assign(reinterpret_cast<const char*>(letters.data()), letters.size());
  program.code.resize(reader.count(16));
  for (Instruction& instruction : program.code) {
    instruction.low = reader.take<std::uint64_t>();
    instruction.high = reader.take<std::uint64_t>();
  }
  const std::size_t layers = reader.count(kLayerBytes);
  for (std::size_t i = 0; i < layers; ++i) {
    program.layers.push_back(read_layer(reader, program.code.size()));
  }
  const std::size_t image_bytes = reader.count(1);
  const std::size_t image_begin = kHeader + reader.at();
  reader.skip(image_bytes);
  if (!reader.done()) reader.refuse("has bytes after its end");
  program.image = std::make_shared<FileImage>(std::move(bytes), image_begin);
  return program;
}

void write_program(const std::string& path, const Program& program) {
  base::write_file_atomically(path, std::span<const std::byte>(to_bytes(program)));
}

Program read_program(const std::string& path) { return parse_program(base::read_file(path), path); }

}  // namespace syncopate::sim
