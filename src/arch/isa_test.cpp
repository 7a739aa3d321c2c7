#include "arch/isa.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/random.h"

namespace syncopate::arch {
namespace {

InstructionSet toy() {
  return InstructionSet("toy", {{1,
                                 "conv",
                                 {{"out", 16},
                                  {"out_end", 16, FieldStyle::range_end},
                                  {"in", 20},
                                  {"in_end", 20, FieldStyle::range_end},
                                  {"first", 1}}},
                                {2, "load", {{"address", 40, FieldStyle::hexadecimal}}},
                                {3, "pad", {{"before", 5, FieldStyle::signed_number}}},
                                {255, "stop", {}}});
}

std::string message(const auto& action) {
  try {
    action();
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

TEST(InstructionSet, EncodesDecodesAndPrints) {
  const InstructionSet set = toy();
  const Instruction conv =
      set.encode("conv", {{"out", 0}, {"out_end", 16}, {"in", 0}, {"in_end", 256}, {"first", 1}});
  EXPECT_EQ(conv.low & 0xff, 1U);
  EXPECT_EQ(set.disassemble(conv), "conv out=0:16 in=0:256 first=1");
  EXPECT_EQ(set.decode(conv)["in_end"], 256);
  EXPECT_EQ(set.disassemble(set.encode("load", {{"address", 4096}})), "load address=0x1000");
  EXPECT_EQ(set.disassemble(set.encode("pad", {{"before", -3}})), "pad before=-3");
  EXPECT_EQ(set.disassemble(set.encode("stop", {})), "stop");
}

TEST(InstructionSet, RandomRoundTrips) {
  Random random(1);
  for (int i = 0; i < 2000; ++i) {
    Format format{static_cast<int>(random.integer(0, 255)), "op", {}};
    int left = 120;
    while (left > 0 && random.chance(0.9)) {
      Field field{fmt::format("f{}", left), static_cast<int>(random.integer(1, 63))};
      field.bits = std::min(field.bits, left);
      left -= field.bits;
      field.style = static_cast<FieldStyle>(random.integer(0, format.fields.empty() ? 2 : 3));
      format.fields.push_back(field);
    }
    const InstructionSet set("random", {format});
    std::vector<std::int64_t> values;
    for (const Field& field : format.fields) {
      const bool is_signed = field.style == FieldStyle::signed_number;
      const int bits = is_signed ? field.bits - 1 : field.bits;
      const auto top = static_cast<std::int64_t>((std::uint64_t{1} << bits) - 1);
      values.push_back(random.integer(is_signed ? -top - 1 : 0, top));
    }
    const Instruction word = set.encode("op", values);
    EXPECT_EQ(set.decode(word).values, values);
    EXPECT_EQ(set.assemble(set.disassemble(word)), word);
  }
}

TEST(InstructionSet, ErrorsNameInstructionAndField) {
  const InstructionSet set = toy();
  EXPECT_EQ(message([&] { set.encode("conv", {{"out", 65536}}); }),
            "toy instruction 'conv': 65536 does not fit field 'out' (0 to 65535)");
  EXPECT_EQ(message([&] { set.encode("pad", {{"before", -17}}); }),
            "toy instruction 'pad': -17 does not fit field 'before' (-16 to 15)");
  EXPECT_EQ(message([&] { set.decode({7, 0}); }), "toy: unknown opcode 7");
  EXPECT_EQ(message([&] { set.decode({255 | 256, 0}); }),
            "toy instruction 'stop': bits set beyond the last field");
  EXPECT_EQ(message([&] { set.assemble("jump"); }), "toy: unknown instruction 'jump'");
  EXPECT_EQ(message([&] { set.assemble("pad before=x"); }),
            "toy instruction 'pad': field 'before' needs a number, not 'x'");
  EXPECT_EQ(message([&] { set.assemble("pad after=1"); }),
            "toy instruction 'pad': unknown field 'after'");
  EXPECT_EQ(message([&] { set.assemble("pad before=1:2"); }),
            "toy instruction 'pad': field 'before' is not a range");
}

TEST(InstructionSet, RefusesBadTables) {
  EXPECT_THROW(InstructionSet("t", {{1, "a", {{"x", 63}, {"y", 58}}}}), InternalError);
  EXPECT_THROW(InstructionSet("t", {{1, "a", {}}, {1, "b", {}}}), InternalError);
  EXPECT_THROW(InstructionSet("t", {{1, "a", {}}, {2, "a", {}}}), InternalError);
  EXPECT_THROW(InstructionSet("t", {{1, "a", {{"x", 3}, {"x", 3}}}}), InternalError);
  EXPECT_THROW(InstructionSet("t", {{1, "a", {{"x", 3, FieldStyle::range_end}}}}), InternalError);
  EXPECT_THROW(toy().encode("conv", {{"nothing", 0}}), InternalError);
}

}  // namespace
}  // namespace syncopate::arch
