#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace syncopate::arch {

/// One instruction: 128 bits. Bits 0..7 hold the opcode; each machine declares the rest.
struct Instruction {
  std::uint64_t low = 0, high = 0;
  bool operator==(const Instruction&) const = default;
};

/// How a field's value is written and printed.
enum class FieldStyle : std::uint8_t {
  unsigned_number,
  signed_number,
  hexadecimal,
  range_end  ///< The end of a half-open range whose begin is the field before: "out=0:16".
};

/// A bit field. Fields follow the opcode in order of declaration, without gaps.
struct Field {
  std::string name;
  int bits = 16;  ///< 1 to 63.
  FieldStyle style = FieldStyle::unsigned_number;
};

/// One kind of instruction.
struct Format {
  int opcode = 0;        ///< 0 to 255.
  std::string mnemonic;  ///< "conv"
  std::vector<Field> fields;
};

/// An instruction taken apart.
struct Decoded {
  const Format* format = nullptr;
  std::vector<std::int64_t> values;  ///< In order of Format::fields.
  /// Value of a field by name; InternalError when the format has none.
  std::int64_t operator[](std::string_view field) const;
};

/// A machine's instruction set, declared once: encoder, decoder, disassembler and assembler follow
/// from the table.
class InstructionSet {
 public:
  /// InternalError when opcodes, mnemonics or field names clash or a format exceeds 128 bits.
  InstructionSet(std::string machine, std::vector<Format> formats);

  using Values = std::initializer_list<std::pair<std::string_view, std::int64_t>>;
  /// Encodes by field names; fields left out are 0. InputError naming machine, instruction and
  /// field when a value does not fit; InternalError for a name that does not exist.
  Instruction encode(std::string_view mnemonic, Values values) const;
  /// Encodes values in order of the format's fields.
  Instruction encode(std::string_view mnemonic, std::span<const std::int64_t> values) const;
  /// InputError for an unknown opcode, or bits set beyond the last field.
  Decoded decode(const Instruction& instruction) const;
  /// The same into an object that is used again and again, without allocating.
  void decode(const Instruction& instruction, Decoded& result) const;
  /// "conv  out=0:16 in=0:256 first=1"; InputError as decode.
  std::string disassemble(const Instruction& instruction) const;
  /// Inverse of disassemble; fields left out are 0. InputError for anything malformed.
  Instruction assemble(std::string_view text) const;
  const std::vector<Format>& formats() const { return formats_; }

 private:
  /// Where a field lies, in few bytes: decoding a long program reads little else.
  struct Slot {
    std::uint8_t begin, bits;
    bool is_signed;
  };
  const Format& format(std::string_view mnemonic) const;

  std::string machine_;
  std::vector<Format> formats_;
  std::vector<std::vector<Slot>> slots_;  ///< Of each format's fields.
  std::array<int, 256> by_opcode_;        ///< Index in formats_, or -1.
};

}  // namespace syncopate::arch
