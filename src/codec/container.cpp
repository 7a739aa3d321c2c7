#include "codec/container.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "base/checksum.h"
#include "codec/byte_coder.h"

namespace syncopate::codec {
namespace {

constexpr std::array<char, 8> kMagic = {'\x89', 'S', 'Y', 'N', 'C', '\r', '\n', '\x1a'};
constexpr std::uint16_t kVersion = 2;
constexpr std::size_t kHeaderBytes = 16;
constexpr std::size_t kLongestHead = 8192;
constexpr std::uint64_t kMostRank = 16;
/// Other records than tensors decode to at most this many bytes for each of their payload.
constexpr std::uint64_t kBytesPerByte = 4096;

std::uint32_t check_of(std::span<const std::byte> bytes) {
  return static_cast<std::uint32_t>(base::checksum(bytes));
}

Bytes header_bytes() {
  Bytes header;
  ByteWriter writer(header);
  writer.bytes(std::as_bytes(std::span(kMagic)));
  writer.put(kVersion);
  writer.put(std::uint16_t{0});
  writer.put(check_of(header));
  return header;
}

Bytes head_bytes(const Record& record) {
  Bytes head;
  ByteWriter writer(head);
  writer.put(static_cast<std::uint8_t>(record.kind));
  writer.text(record.name);
  writer.varint(record.payload_bytes);
  if (record.kind != RecordKind::tensor) return head;
  writer.put(static_cast<std::uint8_t>(record.tensor.dtype));
  writer.put(static_cast<std::uint8_t>(record.tensor.form));
  writer.put(static_cast<std::uint8_t>(record.tensor.mode));
  writer.varint(record.tensor.shape.size());
  for (const std::int64_t extent : record.tensor.shape) {
    writer.varint(static_cast<std::uint64_t>(extent));
  }
  return head;
}

template <class Enum>
Enum take_enum(ByteReader& reader, Enum last, std::string_view what) {
  const auto value = reader.take<std::uint8_t>();
  if (value > static_cast<std::uint8_t>(last)) fail("its {} is unknown ({})", what, value);
  return static_cast<Enum>(value);
}

Record read_head(std::span<const std::byte> head) {
  ByteReader reader(head);
  Record record;
  const auto kind = reader.take<std::uint8_t>();
  if ((kind < 1 || kind > 4) && kind != 255) fail("its kind is unknown ({})", kind);
  record.kind = static_cast<RecordKind>(kind);
  record.name = reader.text();
  record.payload_bytes = reader.varint("its size", std::uint64_t{1} << 48);
  if (record.kind == RecordKind::tensor) {
    record.tensor.dtype = take_enum(reader, DType::boolean, "element type");
    record.tensor.form = take_enum(reader, Form::sparse_floats, "form");
    record.tensor.mode = take_enum(reader, Mode::max, "coding mode");
    const std::uint64_t rank = reader.varint("its rank", kMostRank);
    for (std::uint64_t d = 0; d < rank; ++d) {
      record.tensor.shape.push_back(
          static_cast<std::int64_t>(reader.varint("an extent", std::uint64_t{1} << 40)));
    }
    if (element_count(record.tensor.shape) > kMostElements) {
      fail("a tensor of {} is too large", to_string(record.tensor.shape));
    }
  }
  if (reader.left() != 0) fail("its head is longer than what it says");
  return record;
}

class MemorySource : public SyncSource {
 public:
  explicit MemorySource(Bytes bytes) : bytes_(std::move(bytes)) {}
  std::uint64_t size() const override { return bytes_.size(); }
  Bytes read(std::uint64_t at, std::size_t count) const override {
    const std::byte* begin = bytes_.data() + at;
    return {begin, begin + count};
  }

 private:
  Bytes bytes_;
};

class FileSource : public SyncSource {
 public:
  FileSource(std::string path, int descriptor, std::uint64_t size)
      : path_(std::move(path)), descriptor_(descriptor), size_(size) {}
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;
  ~FileSource() override { ::close(descriptor_); }
  std::uint64_t size() const override { return size_; }
  Bytes read(std::uint64_t at, std::size_t count) const override {
    Bytes bytes(count);
    std::size_t done = 0;
    while (done < count) {
      const ssize_t got =
          ::pread(descriptor_, bytes.data() + done, count - done, static_cast<off_t>(at + done));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) {
        fail("cannot read '{}': {}", path_,
             got < 0 ? std::generic_category().message(errno) : "it became shorter");
      }
      done += static_cast<std::size_t>(got);
    }
    return bytes;
  }

 private:
  std::string path_;
  int descriptor_;
  std::uint64_t size_;
};

/// A source for a path: seeking where that is possible.
std::unique_ptr<SyncSource> open_source(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat info{};
  if (descriptor >= 0 && ::fstat(descriptor, &info) == 0 && S_ISREG(info.st_mode)) {
    return std::make_unique<FileSource>(path, descriptor, static_cast<std::uint64_t>(info.st_size));
  }
  if (descriptor >= 0) ::close(descriptor);
  return std::make_unique<MemorySource>(base::read_file(path));
}

}  // namespace

SyncWriter::SyncWriter(Sink sink) : sink_(std::move(sink)) { write(header_bytes()); }

void SyncWriter::write(std::span<const std::byte> bytes) {
  bytes_ += bytes.size();
  sink_(bytes);
}

void SyncWriter::put(Record head, std::span<const std::byte> payload) {
  if (head.name.size() > kLongestName) {
    fail("the name '{}...' has over {} bytes", head.name.substr(0, 60), kLongestName);
  }
  const std::string key = static_cast<char>(head.kind) + head.name;
  if (std::find(names_.begin(), names_.end(), key) != names_.end()) {
    fail("two things are called '{}'", head.name);
  }
  names_.push_back(key);
  if (head.kind != RecordKind::end) head.payload_bytes = payload.size();
  const Bytes bytes = head_bytes(head);
  Bytes out;
  ByteWriter writer(out);
  writer.put(static_cast<std::uint16_t>(bytes.size()));
  writer.bytes(bytes);
  writer.put(check_of(bytes));
  write(out);
  if (head.kind == RecordKind::end) return;
  write(payload);
  Bytes check;
  ByteWriter(check).put(check_of(payload));
  write(check);
}

void SyncWriter::add(const std::string& name, const CodedTensor& tensor) {
  Record record{RecordKind::tensor, name, 0, {}, 0};
  record.tensor = {tensor.dtype, tensor.shape, tensor.form, tensor.mode, {}};
  put(std::move(record), tensor.payload);
}

void SyncWriter::add(RecordKind kind, const std::string& name, std::span<const std::byte> bytes) {
  if (kind == RecordKind::tensor || kind == RecordKind::end) broken("not a record of bytes");
  Bytes payload;
  ByteWriter writer(payload);
  const Bytes coded = encode_bytes(bytes);
  const bool shorter = coded.size() < bytes.size() && bytes.size() / kBytesPerByte <= coded.size();
  writer.varint(shorter ? bytes.size() * 2 + 1 : 0);
  writer.bytes(shorter ? std::span<const std::byte>(coded) : bytes);
  put({kind, name, 0, {}, 0}, payload);
}

void SyncWriter::copy(const SyncReader& reader, const Record& record) {
  put(record, reader.payload(record));
}

void SyncWriter::finish() { put({RecordKind::end, "", names_.size(), {}, 0}, {}); }

SyncReader::SyncReader(const std::string& path) : name_(path), source_(open_source(path)) {
  open();
}

SyncReader::SyncReader(Bytes bytes, std::string name)
    : name_(std::move(name)), source_(std::make_unique<MemorySource>(std::move(bytes))) {
  open();
}

void SyncReader::refuse(std::string_view where, std::string_view why) const {
  fail("'{}' is damaged: {}: {}", name_, where, why);
}

void SyncReader::open() {
  const std::uint64_t size = source_->size();
  const Bytes header =
      source_->read(0, static_cast<std::size_t>(std::min<std::uint64_t>(size, kHeaderBytes)));
  if (!is_sync(header)) fail("'{}' is no .sync file (make one with `syncopate compress`)", name_);
  const Bytes expected = header_bytes();
  if (header.size() == kHeaderBytes && header[8] != expected[8]) {
    fail("'{}' is a .sync file of format version {}, expected {}: compress it again", name_,
         static_cast<unsigned>(header[8]), kVersion);
  }
  if (header != expected) refuse("header", "its checksum is wrong");
  for (std::uint64_t at = kHeaderBytes;;) {
    const std::string where = fmt::format("record {}", records_.size() + 1);
    if (size - at < 2) refuse(where, "the file is truncated");
    const Bytes first = source_->read(at, 2);
    const std::size_t head_size = ByteReader(first).take<std::uint16_t>();
    if (head_size > kLongestHead) refuse(where, "its head is too long");
    if (size - at - 2 < head_size + 4) refuse(where, "the file is truncated");
    const Bytes bytes = source_->read(at + 2, head_size + 4);
    const auto head = std::span(bytes).first(head_size);
    if (ByteReader(std::span(bytes).subspan(head_size)).take<std::uint32_t>() != check_of(head)) {
      refuse(where, "its checksum is wrong");
    }
    Record record;
    try {
      record = read_head(head);
    } catch (const InputError& error) {
      refuse(where, error.what());
    }
    at += 2 + head_size + 4;
    if (record.kind == RecordKind::end) {
      if (record.payload_bytes != records_.size()) refuse(where, "records are missing");
      if (at != size) refuse(where, "there are bytes after the end");
      return;
    }
    if (find(record.kind, record.name) != nullptr) refuse(where, "its name is taken");
    record.at = at;
    if (size - at < 4 || size - at - 4 < record.payload_bytes)
      refuse(where, "the file is truncated");
    at += record.payload_bytes + 4;
    records_.push_back(std::move(record));
  }
}

const Record* SyncReader::find(RecordKind kind, std::string_view name) const {
  const auto it = std::find_if(records_.begin(), records_.end(), [&](const Record& record) {
    return record.kind == kind && record.name == name;
  });
  return it == records_.end() ? nullptr : &*it;
}

Bytes SyncReader::payload(const Record& record) const {
  Bytes bytes = source_->read(record.at, static_cast<std::size_t>(record.payload_bytes) + 4);
  const auto check = ByteReader(std::span(bytes).last(4)).take<std::uint32_t>();
  bytes.resize(bytes.size() - 4);
  if (check != check_of(bytes)) {
    refuse(fmt::format("'{}'", record.name), "its checksum is wrong");
  }
  return bytes;
}

CodedTensor SyncReader::coded(const Record& record) const {
  if (record.kind != RecordKind::tensor) broken("record '{}' is no tensor", record.name);
  CodedTensor coded = record.tensor;
  coded.payload = payload(record);
  return coded;
}

Tensor SyncReader::tensor(const Record& record) const {
  const CodedTensor with_payload = coded(record);
  try {
    return decode_tensor(with_payload);
  } catch (const InputError& error) {
    refuse(fmt::format("tensor '{}'", record.name), error.what());
  }
}

Bytes SyncReader::bytes(const Record& record) const {
  const Bytes all = payload(record);
  try {
    ByteReader reader(all);
    const std::uint64_t size = reader.varint();
    const auto rest = reader.rest();
    if (size == 0) return {rest.begin(), rest.end()};
    if (size / 2 / kBytesPerByte > rest.size())
      fail("it claims {} bytes in {}", size / 2, rest.size());
    return decode_bytes(rest, static_cast<std::size_t>(size / 2));
  } catch (const InputError& error) {
    refuse(fmt::format("'{}'", record.name), error.what());
  }
}

bool is_sync(std::span<const std::byte> beginning) {
  const auto magic = std::as_bytes(std::span(kMagic));
  return beginning.size() >= magic.size() &&
         std::equal(magic.begin(), magic.end(), beginning.begin());
}

bool is_sync_file(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  struct stat info{};
  std::array<std::byte, 8> first{};
  // A pipe's bytes could not be put back.
  const bool regular = ::fstat(descriptor, &info) == 0 && S_ISREG(info.st_mode);
  const ssize_t got = regular ? ::read(descriptor, first.data(), first.size()) : 0;
  ::close(descriptor);
  return got == static_cast<ssize_t>(first.size()) && is_sync(first);
}

Bytes reseal(Bytes bytes) {
  const Bytes header = header_bytes();
  if (bytes.size() < header.size()) return bytes;
  std::copy(header.begin(), header.end(), bytes.begin());
  const auto put_check = [&](std::size_t at, std::span<const std::byte> over) {
    const std::uint32_t check = check_of(over);
    std::memcpy(bytes.data() + at, &check, 4);
  };
  for (std::size_t at = kHeaderBytes; bytes.size() - at >= 6;) {
    std::uint16_t head_size = 0;
    std::memcpy(&head_size, bytes.data() + at, 2);
    if (bytes.size() - at - 2 < std::size_t{head_size} + 4) break;
    const auto head = std::span(bytes).subspan(at + 2, head_size);
    put_check(at + 2 + head_size, head);
    at += std::size_t{2} + head_size + 4;
    try {
      const Record record = read_head(head);
      if (record.kind == RecordKind::end || bytes.size() - at < 4 ||
          bytes.size() - at - 4 < record.payload_bytes) {
        break;
      }
      put_check(at + record.payload_bytes, std::span(bytes).subspan(at, record.payload_bytes));
      at += record.payload_bytes + 4;
    } catch (const InputError&) {
      break;
    }
  }
  return bytes;
}

}  // namespace syncopate::codec
