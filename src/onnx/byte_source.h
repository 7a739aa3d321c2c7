#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace syncopate::onnx {

/// Bytes that can be read at any place: a file or memory.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual std::uint64_t size() const = 0;
  /// Fills `to` from `offset`; the range lies within size(). InputError when the file shrank or
  /// cannot be read.
  virtual void read(std::uint64_t offset, std::span<std::byte> to) const = 0;
};

/// A regular file. InputError, naming it, when it cannot be opened.
std::unique_ptr<ByteSource> open_file(const std::string& path);

/// Borrowed memory.
class MemorySource : public ByteSource {
 public:
  explicit MemorySource(std::span<const std::byte> bytes) : bytes_(bytes) {}
  std::uint64_t size() const override { return bytes_.size(); }
  void read(std::uint64_t offset, std::span<std::byte> to) const override;

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace syncopate::onnx
