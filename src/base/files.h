#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace syncopate::base {

/// Whole contents of a file; InputError naming the path and the system's reason. Files over
/// `limit` bytes are refused before anything is allocated.
std::vector<std::byte> read_file(const std::string& path, std::size_t limit = std::size_t{1} << 36);

/// Replaces `path` in one step: writes a temporary file beside it, flushes it to disk, renames it.
/// Readers see the old contents or the new, never a part. InputError naming the path and the
/// system's reason; then nothing is left behind.
void write_file_atomically(const std::string& path, std::span<const std::byte> contents);
void write_file_atomically(const std::string& path, std::string_view contents);

/// A file that appears, or replaces an older one, only when it is complete: written piece by piece
/// to a temporary file beside it, flushed and renamed by commit(). Destroyed before that, it leaves
/// nothing behind; killed, the older file is still whole. InputError naming the path and the
/// system's reason.
class AtomicFile {
 public:
  explicit AtomicFile(std::string path);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();
  void write(std::span<const std::byte> bytes);
  void commit();

 private:
  std::string path_, temporary_;
  int descriptor_ = -1;
};

/// The same from parts, one behind the other, for contents that would be large in one piece.
void write_parts_atomically(const std::string& path,
                            std::span<const std::span<const std::byte>> parts);

}  // namespace syncopate::base
