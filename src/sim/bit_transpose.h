#pragma once

#include <cstdint>
#include <vector>

namespace syncopate::sim {

/// Turns a stream of bits [ins][kernel], as masks of weights in ONNX order are, into `kernel` rows
/// of `ins` bits.
class BitTranspose {
 public:
  explicit BitTranspose(std::int64_t kernel);

  /// `bits` may be read two words beyond its last bit, where all is zero. Rows are `words` words
  /// apart.
  void operator()(const std::uint64_t* bits, std::int64_t ins, std::uint64_t* rows,
                  std::int64_t words) const;

 private:
  std::int64_t kernel_;
  /// Of 64 inputs: per word of the stream and kernel position, the bits that belong to it, and the
  /// first input they belong to. Empty where whole matrices are transposed instead.
  std::vector<std::uint64_t> masks_;
  std::vector<int> first_;
};

}  // namespace syncopate::sim
