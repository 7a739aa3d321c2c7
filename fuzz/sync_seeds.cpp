// Writes the seeds of sync_fuzz: one small container per mode. Usage: sync_seeds FOLDER
#include <fmt/core.h>

#include "base/files.h"
#include "base/random.h"
#include "codec/container.h"

int main(int argc, char** argv) {
  using namespace syncopate;
  if (argc != 2) return 2;
  Random random(1);
  Tensor weights(DType::f32, {8, 2, 3, 3});
  for (float& value : weights.mutable_data<float>()) {
    if (random.chance(0.3)) value = static_cast<float>(random.normal());
  }
  for (int mode = 0; mode < 3; ++mode) {
    const auto how = static_cast<codec::Mode>(mode);
    codec::Bytes bytes;
    codec::SyncWriter writer(
        [&](std::span<const std::byte> b) { bytes.insert(bytes.end(), b.begin(), b.end()); });
    const std::string note = "structure structure structure";
    writer.add(codec::RecordKind::structure, "network", std::as_bytes(std::span(note)));
    writer.add("a", codec::encode_codebooks(
                        codec::cluster(weights, {.bits = 3, .rows_per_book = 4}), how));
    writer.add("b",
               codec::encode_uniform(codec::quantize_uniform(weights, 5), weights.shape(), how));
    writer.add("c", codec::encode_exact(weights, how));
    Tensor dense(DType::f32, {64});
    for (float& value : dense.mutable_data<float>()) value = static_cast<float>(random.normal());
    writer.add("e", codec::encode_exact(dense, how));
    writer.add("d", codec::encode_exact(Tensor(DType::i64, {5}), how));
    writer.finish();
    base::write_file_atomically(fmt::format("{}/mode{}.sync", argv[1], mode),
                                std::span<const std::byte>(bytes));
  }
  return 0;
}
