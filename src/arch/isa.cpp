#include "arch/isa.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "base/error.h"

namespace syncopate::arch {
namespace {

constexpr int kOpcodeBits = 8;
constexpr int kWordBits = 128;

using Wide = unsigned __int128;

Wide wide(const Instruction& instruction) {
  return (Wide{instruction.high} << 64) | instruction.low;
}

Instruction narrow(Wide bits) {
  return {static_cast<std::uint64_t>(bits), static_cast<std::uint64_t>(bits >> 64)};
}

std::int64_t lowest(const Field& field) {
  return field.style == FieldStyle::signed_number ? -(std::int64_t{1} << (field.bits - 1)) : 0;
}

std::int64_t highest(const Field& field) {
  const int magnitude = field.style == FieldStyle::signed_number ? field.bits - 1 : field.bits;
  return static_cast<std::int64_t>((std::uint64_t{1} << magnitude) - 1);
}

std::uint64_t mask(const Field& field) { return (std::uint64_t{1} << field.bits) - 1; }

/// `bits` (1 to 63) bits from `begin` on.
std::uint64_t extract(const Instruction& instruction, unsigned begin, unsigned bits) {
  std::uint64_t value = 0;
  if (begin >= 64) {
    value = instruction.high >> (begin - 64);
  } else {
    value = instruction.low >> begin;
    if (begin > 0) value |= instruction.high << (64 - begin);
  }
  return value & ((std::uint64_t{1} << bits) - 1);
}

std::int64_t sign_extend(std::uint64_t raw, unsigned bits) {
  return static_cast<std::int64_t>(raw << (64 - bits)) >> (64 - bits);
}

std::size_t field_index(const Format& format, std::string_view name) {
  for (std::size_t i = 0; i < format.fields.size(); ++i) {
    if (format.fields[i].name == name) return i;
  }
  return format.fields.size();
}

void check(const std::string& machine, const Format& format) {
  int bits = kOpcodeBits;
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < format.fields.size(); ++i) {
    const Field& field = format.fields[i];
    if (field.bits < 1 || field.bits > 63) {
      broken("{} {}: field '{}' has {} bits", machine, format.mnemonic, field.name, field.bits);
    }
    if (!names.insert(field.name).second) {
      broken("{} {}: two fields '{}'", machine, format.mnemonic, field.name);
    }
    if (i == 0 && field.style == FieldStyle::range_end) {
      broken("{} {}: '{}' ends a range that nothing begins", machine, format.mnemonic, field.name);
    }
    bits += field.bits;
  }
  if (bits > kWordBits) broken("{} {}: {} bits exceed 128", machine, format.mnemonic, bits);
}

/// Cuts the text up to `separator` off the front.
std::string_view cut(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view head = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return head;
}

}  // namespace

std::int64_t Decoded::operator[](std::string_view field) const {
  const std::size_t index = field_index(*format, field);
  if (index == values.size()) broken("instruction '{}' has no field '{}'", format->mnemonic, field);
  return values[index];
}

InstructionSet::InstructionSet(std::string machine, std::vector<Format> formats)
    : machine_(std::move(machine)), formats_(std::move(formats)) {
  by_opcode_.fill(-1);
  std::set<std::string_view> mnemonics;
  for (std::size_t i = 0; i < formats_.size(); ++i) {
    const Format& format = formats_[i];
    check(machine_, format);
    if (format.opcode < 0 || format.opcode > 255) {
      broken("{} {}: opcode {}", machine_, format.mnemonic, format.opcode);
    }
    int& slot = by_opcode_[static_cast<std::size_t>(format.opcode)];
    if (slot >= 0 || !mnemonics.insert(format.mnemonic).second) {
      broken("{}: opcode {} or mnemonic '{}' is taken", machine_, format.opcode, format.mnemonic);
    }
    slot = static_cast<int>(i);
    std::vector<Slot>& slots = slots_.emplace_back();
    int begin = kOpcodeBits;
    for (const Field& field : format.fields) {
      slots.push_back({static_cast<std::uint8_t>(begin), static_cast<std::uint8_t>(field.bits),
                       field.style == FieldStyle::signed_number});
      begin += field.bits;
    }
  }
}

const Format& InstructionSet::format(std::string_view mnemonic) const {
  for (const Format& candidate : formats_) {
    if (candidate.mnemonic == mnemonic) return candidate;
  }
  broken("{} has no instruction '{}'", machine_, mnemonic);
}

Instruction InstructionSet::encode(std::string_view mnemonic, Values values) const {
  const Format& chosen = format(mnemonic);
  std::vector<std::int64_t> ordered(chosen.fields.size(), 0);
  for (const auto& [name, value] : values) {
    const std::size_t index = field_index(chosen, name);
    if (index == ordered.size()) broken("{} {}: no field '{}'", machine_, mnemonic, name);
    ordered[index] = value;
  }
  return encode(mnemonic, ordered);
}

Instruction InstructionSet::encode(std::string_view mnemonic,
                                   std::span<const std::int64_t> values) const {
  const Format& chosen = format(mnemonic);
  if (values.size() != chosen.fields.size()) {
    broken("{} {}: {} values for {} fields", machine_, mnemonic, values.size(),
           chosen.fields.size());
  }
  Wide bits = static_cast<Wide>(chosen.opcode);
  int at = kOpcodeBits;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Field& field = chosen.fields[i];
    if (values[i] < lowest(field) || values[i] > highest(field)) {
      fail("{} instruction '{}': {} does not fit field '{}' ({} to {})", machine_, mnemonic,
           values[i], field.name, lowest(field), highest(field));
    }
    bits |= Wide{static_cast<std::uint64_t>(values[i]) & mask(field)} << at;
    at += field.bits;
  }
  return narrow(bits);
}

Decoded InstructionSet::decode(const Instruction& instruction) const {
  Decoded result;
  decode(instruction, result);
  return result;
}

void InstructionSet::decode(const Instruction& instruction, Decoded& result) const {
  const int index = by_opcode_[static_cast<std::size_t>(instruction.low & 0xff)];
  if (index < 0) fail("{}: unknown opcode {}", machine_, instruction.low & 0xff);
  result.format = &formats_[static_cast<std::size_t>(index)];
  const std::vector<Slot>& slots = slots_[static_cast<std::size_t>(index)];
  result.values.resize(slots.size());
  int end = kOpcodeBits;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const Slot slot = slots[i];
    const std::uint64_t raw = extract(instruction, slot.begin, slot.bits);
    result.values[i] =
        slot.is_signed ? sign_extend(raw, slot.bits) : static_cast<std::int64_t>(raw);
    end = slot.begin + slot.bits;
  }
  if (end < kWordBits && (wide(instruction) >> end) != 0) {
    fail("{} instruction '{}': bits set beyond the last field", machine_, result.format->mnemonic);
  }
}

std::string InstructionSet::disassemble(const Instruction& instruction) const {
  const Decoded decoded = decode(instruction);
  std::string text = decoded.format->mnemonic;
  for (std::size_t i = 0; i < decoded.values.size(); ++i) {
    const Field& field = decoded.format->fields[i];
    const std::int64_t value = decoded.values[i];
    if (field.style == FieldStyle::range_end) {
      text += fmt::format(":{}", value);
    } else if (field.style == FieldStyle::hexadecimal) {
      text += fmt::format(" {}=0x{:x}", field.name, value);
    } else {
      text += fmt::format(" {}={}", field.name, value);
    }
  }
  return text;
}

Instruction InstructionSet::assemble(std::string_view text) const {
  const std::string_view mnemonic = cut(text, ' ');
  const auto known = std::find_if(formats_.begin(), formats_.end(),
                                  [&](const Format& f) { return f.mnemonic == mnemonic; });
  if (known == formats_.end()) fail("{}: unknown instruction '{}'", machine_, mnemonic);
  std::vector<std::int64_t> values(known->fields.size(), 0);
  while (!text.empty()) {
    std::string_view word = cut(text, ' ');
    if (word.empty()) continue;
    const std::string_view name = cut(word, '=');
    std::size_t index = field_index(*known, name);
    if (index == values.size() || known->fields[index].style == FieldStyle::range_end) {
      fail("{} instruction '{}': unknown field '{}'", machine_, mnemonic, name);
    }
    while (true) {
      std::string_view number = cut(word, ':');
      const bool hexadecimal = number.starts_with("0x");
      if (hexadecimal) number.remove_prefix(2);
      const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(),
                                                values[index], hexadecimal ? 16 : 10);
      if (error != std::errc() || end != number.data() + number.size()) {
        fail("{} instruction '{}': field '{}' needs a number, not '{}'", machine_, mnemonic, name,
             number);
      }
      if (word.empty()) break;
      ++index;
      if (index == values.size() || known->fields[index].style != FieldStyle::range_end) {
        fail("{} instruction '{}': field '{}' is not a range", machine_, mnemonic, name);
      }
    }
  }
  return encode(mnemonic, values);
}

}  // namespace syncopate::arch
