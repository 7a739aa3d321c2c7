#include "array/sequence.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/random.h"

namespace syncopate::array {
namespace {

/// An image of zeros.
class EmptyImage : public sim::Image {
 public:
  std::vector<std::byte> read(std::uint64_t, std::int64_t bytes) const override {
    return std::vector<std::byte>(static_cast<std::size_t>(bytes));
  }
  std::int64_t bytes() const override { return 1 << 16; }
};

const arch::InstructionSet& isa() {
  static const arch::InstructionSet set("test", base_formats());
  return set;
}

/// A 3x3 convolution of 64 to 32 channels on 12x12 pixels in 24 tiles.
std::vector<std::string> lines() {
  return {"shape kind=0 batch=1 groups=1 weights=1 second=0",
          "channels outs=32 ins=64",
          "output t=1 h=12 w=12",
          "input t=1 h=12 w=12",
          "kernel t=1 h=3 w=3",
          "stride t=1 h=1 w=1",
          "dilation t=1 h=1 w=1",
          "pad t=0 h=1 w=1",
          "tiling synapse_reuse=0 resident=0 streamed=0 outs=16 ins=32",
          "block t=1 h=4 w=6",
          "neurons input=0x1000 output=0x9000 block=16 bits=16 nonzero_bits=0 offset_bits=0",
          "weights directory=0x0 table=0x0 table_bytes=0",
          "run tiles=24"};
}

sim::Program program_of(const std::vector<std::string>& code) {
  sim::Program program;
  for (const std::string& line : code) program.code.push_back(isa().assemble(line));
  sim::LayerCode layer;
  layer.end = program.code.size();
  program.layers.push_back(layer);
  program.image = std::make_shared<EmptyImage>();
  return program;
}

/// Lists all tiles; true when that worked.
bool lists(const sim::Program& program) {
  try {
    return !disassemble(isa(), program, true).empty();
  } catch (const InputError&) {
    return false;
  }
}

TEST(TileSequence, ListsWhatEachTileMoves) {
  const std::string text = disassemble(isa(), program_of(lines()), true);
  EXPECT_NE(text.find("run"), std::string::npos);
  EXPECT_NE(text.find("#   tile 23\n"), std::string::npos);
  EXPECT_EQ(text.find("#   tile 24\n"), std::string::npos);
  // The first tile reads 5 lines of 7 pixels in two blocks of 16 channels and stores nothing.
  const std::size_t second = text.find("#   tile 1\n");
  const std::string first = text.substr(0, second);
  EXPECT_NE(first.find("load neurons 0x1000 224 x5 pitch 384"), std::string::npos) << first;
  EXPECT_NE(first.find("compute batch 0 group 0 outs 0:16 ins 0:32 t 0:1 h 0:4 w 0:6"),
            std::string::npos);
  EXPECT_EQ(first.find("store"), std::string::npos);
  EXPECT_NE(text.find("store outputs 0x9000 192 x4 pitch 384"), std::string::npos);
}

TEST(TileSequence, RefusesCodeWithoutOneRunAtTheEnd) {
  std::vector<std::string> code = lines();
  code.pop_back();
  EXPECT_FALSE(lists(program_of(code)));
  code = lines();
  code.push_back(code.back());
  EXPECT_FALSE(lists(program_of(code)));
  code = lines();
  code.back() = "run tiles=25";
  EXPECT_FALSE(lists(program_of(code)));
}

TEST(TileSequence, RefusesAbsurdConfigurations) {
  const std::pair<std::size_t, const char*> changes[] = {
      {0, "shape kind=0 batch=4294967295 groups=4294967295 weights=1 second=0"},
      {1, "channels outs=0 ins=64"},
      {1, "channels outs=1099511627775 ins=1099511627775"},
      {2, "output t=4294967295 h=4294967295 w=4294967295"},
      {3, "input t=1 h=0 w=12"},
      {4, "kernel t=1 h=4294967295 w=4294967295"},
      {6, "dilation t=1 h=4294967295 w=1"},
      {8, "tiling synapse_reuse=0 resident=0 streamed=0 outs=0 ins=32"},
      {9, "block t=0 h=4 w=6"},
      {11, "weights directory=0xffffffff table=0x0 table_bytes=0"}};
  for (const auto& [line, text] : changes) {
    std::vector<std::string> code = lines();
    code[line] = text;
    EXPECT_FALSE(lists(program_of(code))) << text;
  }
}

// Damaged programs end in a message or in a listing, soon.
TEST(TileSequence, SurvivesDamage) {
  Random random(1);
  int listed = 0;
  for (int i = 0; i < 3000; ++i) {
    sim::Program program = program_of(lines());
    for (std::int64_t n = random.integer(1, 3); n > 0; --n) {
      const std::int64_t at = random.integer(0, std::ssize(program.code) - 1);
      const std::uint64_t bit = 1ULL << random.integer(0, 63);
      sim::Instruction& instruction = program.code[static_cast<std::size_t>(at)];
      (random.chance(0.5) ? instruction.low : instruction.high) ^= bit;
    }
    listed += lists(program);
  }
  EXPECT_GT(listed, 0);
}

}  // namespace
}  // namespace syncopate::array
