#include "sim/program_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"
#include "base/random.h"

namespace syncopate::sim {
namespace {

class MemoryImage : public Image {
 public:
  explicit MemoryImage(std::vector<std::byte> bytes) : bytes_(std::move(bytes)) {}
  std::vector<std::byte> read(std::uint64_t address, std::int64_t count) const override {
    const std::byte* at = bytes_.data() + address;
    return {at, at + count};
  }
  std::int64_t bytes() const override { return static_cast<std::int64_t>(bytes_.size()); }

 private:
  std::vector<std::byte> bytes_;
};

Program random_program(Random& random) {
  Program program;
  program.machine = "toy";
  const std::int64_t instructions = random.integer(0, 50);
  for (std::int64_t i = 0; i < instructions; ++i) {
    program.code.push_back({random.bits(), random.bits()});
  }
  for (std::int64_t i = random.integer(0, 4); i > 0; --i) {
    LayerCode layer;
    layer.gconv = static_cast<std::size_t>(random.integer(0, 9));
    layer.begin = static_cast<std::size_t>(random.integer(0, instructions));
    layer.end = static_cast<std::size_t>(
        random.integer(static_cast<std::int64_t>(layer.begin), instructions));
    layer.loops.kind = static_cast<map::WorkKind>(random.integer(0, 2));
    layer.loops.outs = random.integer(1, 100);
    layer.loops.kernel = {1, random.integer(1, 3), 3};
    layer.loops.pad = {0, random.integer(-2, 2), 1};
    layer.loops.weights = random.chance(0.5);
    layer.tiling = {map::Order::synapse_reuse, 32, 16, {1, 2, random.integer(1, 9)}, true, true};
    program.layers.push_back(layer);
  }
  std::vector<std::byte> image(static_cast<std::size_t>(random.integer(0, 5000)));
  for (auto& byte : image) byte = static_cast<std::byte>(random.integer(0, 255));
  program.image = std::make_shared<MemoryImage>(image);
  return program;
}

void expect_equal(const Program& a, const Program& b) {
  EXPECT_EQ(a.machine, b.machine);
  EXPECT_EQ(a.code, b.code);
  ASSERT_EQ(a.layers.size(), b.layers.size());
  for (std::size_t i = 0; i < a.layers.size(); ++i) {
    EXPECT_EQ(a.layers[i].gconv, b.layers[i].gconv);
    EXPECT_EQ(a.layers[i].begin, b.layers[i].begin);
    EXPECT_EQ(a.layers[i].end, b.layers[i].end);
    EXPECT_EQ(a.layers[i].loops, b.layers[i].loops);
    EXPECT_EQ(a.layers[i].tiling, b.layers[i].tiling);
  }
  ASSERT_EQ(a.image->bytes(), b.image->bytes());
  EXPECT_EQ(a.image->read(0, a.image->bytes()), b.image->read(0, b.image->bytes()));
}

TEST(ProgramFile, RoundTrips) {
  Random random(1);
  for (int i = 0; i < 50; ++i) {
    const Program program = random_program(random);
    expect_equal(program, parse_program(to_bytes(program), "memory"));
  }
  const Program program = random_program(random);
  const std::string path =
      (std::filesystem::temp_directory_path() / fmt::format("program-{}", ::getpid())).string();
  write_program(path, program);
  expect_equal(program, read_program(path));
  std::filesystem::remove(path);
}

TEST(ProgramFile, RefusesTruncationAndDamage) {
  Random random(2);
  const std::vector<std::byte> good = to_bytes(random_program(random));
  for (int i = 0; i < 300; ++i) {
    std::vector<std::byte> bad = good;
    if (random.chance(0.5)) {
      bad.resize(static_cast<std::size_t>(random.integer(0, std::ssize(good) - 1)));
    } else {
      const auto at = static_cast<std::size_t>(random.integer(0, std::ssize(good) - 1));
      bad[at] ^= static_cast<std::byte>(1 << random.integer(0, 7));
    }
    EXPECT_THROW(parse_program(bad, "bad"), InputError);
  }
}

TEST(ProgramFile, SealedNonsenseIsRefusedOrHarmless) {
  Random random(3);
  int refused = 0;
  for (int i = 0; i < 2000; ++i) {
    std::vector<std::byte> file = to_bytes(random_program(random));
    std::vector<std::byte> payload(file.begin() + 32, file.end());
    for (std::int64_t n = random.integer(1, 4); n > 0; --n) {
      const auto at = static_cast<std::size_t>(random.integer(0, std::ssize(payload) - 1));
      payload[at] = static_cast<std::byte>(random.integer(0, 255));
    }
    try {
      const Program program = parse_program(seal_program(payload), "hostile");
      EXPECT_THROW(program.image->read(1, program.image->bytes()), InputError);
      for (const LayerCode& layer : program.layers) {
        EXPECT_LE(layer.begin, layer.end);
        EXPECT_LE(layer.end, program.code.size());
        EXPECT_GT(layer.loops.pairs(), 0);
      }
    } catch (const InputError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 100);
}

TEST(ProgramFile, MessagesNameFileAndRemedy) {
  try {
    parse_program({}, "x.bin");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_EQ(std::string(error.what()),
              "'x.bin' is no compiled program (make one with `syncopate compile`)");
  }
  Random random(4);
  std::vector<std::byte> file = to_bytes(random_program(random));
  file[8] = std::byte{9};
  try {
    parse_program(file, "x.bin");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_EQ(std::string(error.what()),
              "'x.bin' is a program of format version 9, expected 1: compile it again");
  }
}

}  // namespace
}  // namespace syncopate::sim
