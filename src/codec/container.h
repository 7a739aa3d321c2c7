#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/files.h"
#include "codec/tensor_coder.h"

// The container file `.sync`, little-endian:
//
//   header   "\x89SYNC\r\n\x1a", version (u16), 0 (u16), checksum of these (u32)
//   records  one after another, each: size of the head (u16), head, its checksum (u32), payload,
//            its checksum (u32)
//   end      a record of kind `end`, whose name is empty and whose size is the number of records
//
//   head     kind (u8), name (length, bytes), size of the payload; of tensors also dtype, form and
//            mode (u8 each), rank and extents. Sizes and lengths are variable-length integers.
//
// Nothing points backward or forward, so files are written and read as streams; a reader that can
// seek finds the records by hopping over payloads. Checksums are the lower half of base::checksum.

namespace syncopate::codec {

enum class RecordKind : std::uint8_t {
  structure = 1,  ///< The network without its weights (codec/model_file.h).
  tensor = 2,
  program = 3,  ///< A compiled program, as sim/program_file writes it.
  note = 4,     ///< UTF-8 text about the file, e.g. where it came from.
  end = 255
};

/// What a head says.
struct Record {
  RecordKind kind = RecordKind::tensor;
  std::string name;
  std::uint64_t payload_bytes = 0;
  CodedTensor tensor;    ///< Of tensors: all but the payload.
  std::uint64_t at = 0;  ///< Where the payload begins.
};

class SyncReader;

/// Writes a container piece by piece; holds one record at a time.
class SyncWriter {
 public:
  using Sink = std::function<void(std::span<const std::byte>)>;
  /// Writes the header. The sink takes bytes in file order.
  explicit SyncWriter(Sink sink);
  /// InputError for names that are longer than kLongestName or taken by the same kind.
  void add(const std::string& name, const CodedTensor& tensor);
  /// Bytes of any other kind: coded by context mixing when that is shorter.
  void add(RecordKind kind, const std::string& name, std::span<const std::byte> bytes);
  /// A record of another container, as it is.
  void copy(const SyncReader& reader, const Record& record);
  /// Writes the end. Without it a file is truncated.
  void finish();
  /// Bytes written so far.
  std::uint64_t bytes() const { return bytes_; }

 private:
  void put(Record head, std::span<const std::byte> payload);
  void write(std::span<const std::byte> bytes);

  Sink sink_;
  std::vector<std::string> names_;
  std::uint64_t bytes_ = 0;
};

inline constexpr std::size_t kLongestName = 4000;

/// Where a reader's bytes come from.
class SyncSource {
 public:
  virtual ~SyncSource() = default;
  virtual std::uint64_t size() const = 0;
  /// `count` bytes at `at`, both within size().
  virtual Bytes read(std::uint64_t at, std::size_t count) const = 0;
};

/// Reads a container, tensor by tensor. Opening reads heads alone; payloads are read and checked
/// when asked for. Every error is an InputError that names the file. Thread-safe once open.
class SyncReader {
 public:
  /// A file; a pipe is read into memory.
  explicit SyncReader(const std::string& path);
  /// Bytes in memory; `name` stands for the file in messages.
  SyncReader(Bytes bytes, std::string name);

  const std::vector<Record>& records() const { return records_; }
  /// The record of that kind and name, or none.
  const Record* find(RecordKind kind, std::string_view name) const;
  /// A tensor record with its payload, checked.
  CodedTensor coded(const Record& record) const;
  /// Decodes a tensor.
  Tensor tensor(const Record& record) const;
  /// Bytes of another kind, decoded.
  Bytes bytes(const Record& record) const;
  /// A record's payload as it is in the file, checked.
  Bytes payload(const Record& record) const;
  const std::string& name() const { return name_; }
  std::uint64_t file_bytes() const { return source_->size(); }

 private:
  void open();
  [[noreturn]] void refuse(std::string_view where, std::string_view why) const;

  std::string name_;
  std::unique_ptr<SyncSource> source_;
  std::vector<Record> records_;
};

/// Whether bytes begin as a container does.
bool is_sync(std::span<const std::byte> beginning);
/// Whether a file does; false when it cannot be read.
bool is_sync_file(const std::string& path);

/// Recomputes every checksum of bytes that are nearly a container; what fuzzers use to get past
/// them. Returns the bytes as they are from where they stop being one.
Bytes reseal(Bytes bytes);

}  // namespace syncopate::codec
