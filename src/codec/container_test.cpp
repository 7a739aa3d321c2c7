#include "codec/container.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "base/random.h"
#include "codec/byte_coder.h"

namespace syncopate::codec {
namespace {

Tensor random_tensor(Random& random, DType dtype) {
  Shape shape;
  for (std::int64_t d = random.integer(0, 4); d > 0; --d) shape.push_back(random.integer(0, 9));
  Tensor tensor(dtype, shape);
  const std::int64_t kind = random.integer(0, 4);
  if (dtype != DType::f32) {
    for (auto& byte : tensor.mutable_raw()) {
      byte = dtype == DType::boolean ? static_cast<std::byte>(random.integer(0, 1))
             : kind < 3              ? std::byte{0}
                                     : static_cast<std::byte>(random.bits());
    }
    return tensor;
  }
  const float values[] = {0.0F,   -0.0F,   std::numeric_limits<float>::infinity(),
                          1e-42F, 3.4e38F, -1.5F};
  for (float& value : tensor.mutable_data<float>()) {
    value = kind == 0   ? values[random.integer(0, 5)]
            : kind == 1 ? 0.03F * static_cast<float>(random.integer(-7, 7))
            : kind == 2 ? values[random.integer(0, 1) * 5]
            : kind == 3 ? std::nanf("7")
                        : static_cast<float>(random.normal());
  }
  return tensor;
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() &&
         std::equal(a.raw().begin(), a.raw().end(), b.raw().begin(), b.raw().end());
}

struct File {
  Bytes bytes;
  std::vector<Tensor> tensors;
};

File random_file(std::uint64_t seed) {
  Random random(seed);
  File file;
  SyncWriter writer([&](std::span<const std::byte> b) {
    file.bytes.insert(file.bytes.end(), b.begin(), b.end());
  });
  const std::string words = "a note, a note, a note about a file of notes";
  writer.add(RecordKind::note, "origin", std::as_bytes(std::span(words.data(), words.size())));
  for (int i = 0; i < 12; ++i) {
    file.tensors.push_back(random_tensor(random, static_cast<DType>(i % 9)));
    writer.add(fmt::format("tensor {}", i),
               encode_exact(file.tensors.back(), static_cast<Mode>(seed % 3)));
  }
  writer.finish();
  return file;
}

TEST(Container, TensorsComeBackBitForBitInAnyOrder) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const File file = random_file(seed);
    const SyncReader reader(file.bytes, "memory");
    for (std::size_t i = file.tensors.size(); i-- > 0;) {
      const Record* record = reader.find(RecordKind::tensor, fmt::format("tensor {}", i));
      ASSERT_NE(record, nullptr);
      ASSERT_TRUE(same_bits(reader.tensor(*record), file.tensors[i])) << seed << " tensor " << i;
    }
    const Bytes note = reader.bytes(reader.records()[0]);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(note.data()), note.size()).substr(0, 6),
              "a note");
  }
}

TEST(Container, CodedWeightsAreWhatTheyStandFor) {
  Random random(4);
  Tensor weights(DType::f32, {32, 16, 3, 3});
  for (float& value : weights.mutable_data<float>())
    value = random.chance(0.4) ? static_cast<float>(random.normal()) : 0;
  for (const Mode mode : {Mode::huffman, Mode::fast, Mode::max}) {
    const Codebooks books = cluster(weights, {.bits = 4, .rows_per_book = 8});
    const CodedTensor coded = encode_codebooks(books, mode);
    EXPECT_TRUE(same_bits(decode_tensor(coded), expand(books)));
    EXPECT_EQ(decode_codebooks(coded).assignment, books.assignment);
    const Uniform uniform = quantize_uniform(weights, 5);
    const Tensor back = decode_tensor(encode_uniform(uniform, weights.shape(), mode));
    // What was quantized once is recognized: nothing more is lost, and it costs no more.
    const CodedTensor again = encode_exact(back, mode);
    EXPECT_EQ(again.form, Form::scaled);
    EXPECT_TRUE(same_bits(decode_tensor(again), back));
    EXPECT_EQ(encode_exact(expand(books), mode).form, Form::codebook);
  }
}

TEST(Container, PrunedFloatsCostTheirWeightsAndAMap) {
  Random random(5);
  Tensor weights(DType::f32, {32, 16, 3, 3});
  for (float& value : weights.mutable_data<float>())
    value = random.chance(0.2) ? static_cast<float>(random.normal()) : 0;
  weights.mutable_data<float>()[3] = -0.0F;  // No zero of pruning: its sign must come back.
  weights.mutable_data<float>()[4] = std::numeric_limits<float>::quiet_NaN();
  const auto count = static_cast<std::size_t>(weights.size());
  for (const Mode mode : {Mode::huffman, Mode::fast, Mode::max}) {
    const CodedTensor coded = encode_exact(weights, mode);
    EXPECT_EQ(coded.form, Form::sparse_floats);
    EXPECT_TRUE(same_bits(decode_tensor(coded), weights));
    EXPECT_LT(coded.payload.size(), count * 4 / 5 + count / 8)
        << "a fifth of the floats, a bit each";
  }
}

// 150 values, each different, would be a codebook larger than the values.
TEST(Container, FewWeightsAreNoCodebook) {
  Random random(12);
  Tensor weights(DType::f32, {40, 30});
  for (std::size_t i = 0; i < 150; ++i) {
    weights.mutable_data<float>()[i * 8] = static_cast<float>(random.normal());
  }
  for (const Mode mode : {Mode::huffman, Mode::fast, Mode::max}) {
    const CodedTensor coded = encode_exact(weights, mode);
    EXPECT_EQ(coded.form, Form::sparse_floats);
    EXPECT_EQ(decode_tensor(coded), weights);
  }
}

TEST(Container, RoundedFloatsKeepTheirUpperBits) {
  const Tensor tensor = Tensor::from<float>({5}, {1.0F + 1.0F / 256, 1.0F + 3.0F / 512, -3.4e38F,
                                                  std::numeric_limits<float>::infinity(), 0});
  const Tensor result = rounded(tensor, 16);
  EXPECT_EQ(result.data<float>()[0], 1.0F) << "half to even";
  EXPECT_EQ(result.data<float>()[1], 1.0F + 1.0F / 128);
  EXPECT_TRUE(std::isfinite(result.data<float>()[2]));
  EXPECT_TRUE(std::isinf(result.data<float>()[3]));
  EXPECT_TRUE(same_bits(rounded(tensor, 32), tensor));
}

TEST(Container, BytesOfAllSizes) {
  Random random(9);
  for (const std::size_t size : {0UL, 1UL, 2UL, 1000UL, 70000UL}) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i)
      bytes[i] =
          static_cast<std::byte>(random.integer(0, 3) + static_cast<std::int64_t>(i % 7) * 16);
    EXPECT_EQ(decode_bytes(encode_bytes(bytes), size), bytes);
  }
}

TEST(Container, EveryTruncationIsAnError) {
  const File file = random_file(5);
  for (std::size_t size = 0; size < file.bytes.size(); ++size) {
    Bytes cut(file.bytes.begin(), file.bytes.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_THROW(SyncReader(std::move(cut), "cut"), InputError) << size;
  }
}

TEST(Container, EveryChangedByteIsNoticed) {
  const File file = random_file(6);
  for (std::size_t at = 0; at < file.bytes.size(); ++at) {
    Bytes changed = file.bytes;
    changed[at] ^= std::byte{0x10};
    EXPECT_THROW(
        {
          const SyncReader reader(std::move(changed), "changed");
          for (const Record& record : reader.records()) {
            if (record.kind == RecordKind::tensor) {
              static_cast<void>(reader.tensor(record));
            } else {
              static_cast<void>(reader.bytes(record));
            }
          }
        },
        InputError)
        << at;
  }
}

/// Damage behind right checksums: never a fault, and no more memory than the file allows.
TEST(Container, HostileFilesGiveErrorsOrValues) {
  Random random(10);
  for (int round = 0; round < 400; ++round) {
    Bytes bytes = random_file(static_cast<std::uint64_t>(round % 6)).bytes;
    for (int i = 0; i < 4; ++i) {
      bytes[static_cast<std::size_t>(
          random.integer(16, static_cast<std::int64_t>(bytes.size()) - 1))] =
          static_cast<std::byte>(random.bits());
    }
    try {
      const SyncReader reader(reseal(std::move(bytes)), "hostile");
      for (const Record& record : reader.records()) {
        if (record.kind == RecordKind::tensor) static_cast<void>(reader.tensor(record));
      }
    } catch (const InputError& error) {
      EXPECT_TRUE(std::string(error.what()).starts_with("'hostile' is ")) << error.what();
    }
  }
}

TEST(Container, ClaimedSizesAreCheckedBeforeAnythingIsAllocated) {
  CodedTensor coded{DType::f32, {1 << 15, 1 << 14}, Form::scaled, Mode::max, Bytes(5)};
  EXPECT_THROW(static_cast<void>(decode_tensor(coded)), InputError);
  Bytes bytes;
  SyncWriter writer(
      [&](std::span<const std::byte> b) { bytes.insert(bytes.end(), b.begin(), b.end()); });
  // An honest tensor of zeros is padded, so that it passes the same check.
  const Tensor zeros(DType::f32, {64, 64, 64});
  writer.add("zeros", encode_exact(zeros, Mode::max));
  writer.finish();
  const SyncReader reader(bytes, "memory");
  EXPECT_TRUE(same_bits(reader.tensor(reader.records()[0]), zeros));
  EXPECT_LT(bytes.size(), 500U);
}

TEST(Container, OldFilesSurviveAWriterThatDies) {
  const auto folder = std::filesystem::temp_directory_path() / fmt::format("sync-{}", ::getpid());
  std::filesystem::create_directory(folder);
  const std::string path = folder / "net.sync";
  base::write_file_atomically(path, "old");
  {
    base::AtomicFile file(path);
    SyncWriter writer([&](std::span<const std::byte> b) { file.write(b); });
    writer.add("x", encode_exact(Tensor(DType::f32, {100}), Mode::fast));
  }  // neither finished nor committed
  EXPECT_EQ(base::read_file(path).size(), 3U);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);
  {
    base::AtomicFile file(path);
    SyncWriter writer([&](std::span<const std::byte> b) { file.write(b); });
    writer.add("x", encode_exact(Tensor(DType::f32, {100}), Mode::fast));
    writer.finish();
    file.commit();
  }
  EXPECT_EQ(SyncReader(path).records().size(), 1U);
  EXPECT_TRUE(is_sync_file(path));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);
  std::filesystem::remove_all(folder);
}

TEST(Container, NamesAreUniqueAndVersionsNamed) {
  SyncWriter writer([](std::span<const std::byte>) {});
  writer.add("x", encode_exact(Tensor(DType::i8, {3}), Mode::fast));
  EXPECT_THROW(writer.add("x", encode_exact(Tensor(DType::i8, {3}), Mode::fast)), InputError);
  Bytes bytes = random_file(1).bytes;
  bytes[8] = std::byte{9};
  try {
    const SyncReader reader(std::move(bytes), "new.sync");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_STREQ(error.what(),
                 "'new.sync' is a .sync file of format version 9, expected 2: compress it again");
  }
}

}  // namespace
}  // namespace syncopate::codec
