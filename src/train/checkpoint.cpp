#include "train/checkpoint.h"

#include <algorithm>

#include "base/checksum.h"
#include "base/files.h"
#include "codec/bytes.h"

namespace syncopate::train {
namespace {

constexpr std::string_view kMagic = "syncopate checkpoint 1\n";
/// No shape of a parameter has more dimensions.
constexpr std::uint64_t kMostDimensions = 8;

void put(codec::ByteWriter& out, const EpochLog& log) {
  out.put(log.epoch);
  for (const double value :
       {log.loss, log.train_accuracy, log.test_accuracy, log.rate, log.seconds}) {
    out.put(value);
  }
}

EpochLog take_log(codec::ByteReader& in) {
  EpochLog log;
  log.epoch = in.take<std::int64_t>();
  for (double* value :
       {&log.loss, &log.train_accuracy, &log.test_accuracy, &log.rate, &log.seconds}) {
    *value = in.take<double>();
  }
  return log;
}

void put(codec::ByteWriter& out, const Tensor& tensor) {
  out.varint(tensor.shape().size());
  for (const std::int64_t extent : tensor.shape()) out.varint(static_cast<std::uint64_t>(extent));
  out.bytes(tensor.raw());
}

Tensor take_tensor(codec::ByteReader& in) {
  Shape shape;
  const std::uint64_t rank = in.varint("the number of dimensions", kMostDimensions);
  for (std::uint64_t d = 0; d < rank; ++d) {
    shape.push_back(static_cast<std::int64_t>(in.varint("an extent", in.left())));
  }
  const auto bytes = in.bytes(static_cast<std::size_t>(element_count(shape)) * sizeof(float));
  Tensor tensor = Tensor::uninitialized(DType::f32, shape);
  std::ranges::copy(bytes, tensor.mutable_raw().begin());
  return tensor;
}

Checkpoint parse(std::span<const std::byte> bytes) {
  codec::ByteReader in(bytes);
  if (bytes.size() < kMagic.size() + sizeof(std::uint64_t) ||
      !std::ranges::equal(in.bytes(kMagic.size()), std::as_bytes(std::span(kMagic)))) {
    fail("it is no checkpoint of training");
  }
  const auto sum = in.take<std::uint64_t>();
  codec::ByteReader body(in.rest());
  const std::span<const std::byte> contents = bytes.subspan(bytes.size() - body.left());
  if (base::checksum(contents) != sum) fail("it is damaged");
  Checkpoint result;
  for (std::uint64_t n = body.varint("the number of settings", body.left()); n > 0; --n) {
    std::string key = body.text();
    result.identity[std::move(key)] = body.text();
  }
  result.step = body.take<std::int64_t>();
  result.loss_sum = body.take<double>();
  result.correct_sum = body.take<double>();
  result.epoch_seconds = body.take<double>();
  for (std::uint64_t n = body.varint("the number of epochs", body.left()); n > 0; --n) {
    result.log.push_back(take_log(body));
  }
  for (std::uint64_t n = body.varint("the number of tensors", body.left()); n > 0; --n) {
    std::string name = body.text();
    result.tensors[std::move(name)] = take_tensor(body);
  }
  return result;
}

}  // namespace

void save_checkpoint(const Checkpoint& checkpoint, const std::string& path) {
  codec::Bytes body;
  codec::ByteWriter out(body);
  out.varint(checkpoint.identity.size());
  for (const auto& [key, value] : checkpoint.identity) {
    out.text(key);
    out.text(value);
  }
  out.put(checkpoint.step);
  out.put(checkpoint.loss_sum);
  out.put(checkpoint.correct_sum);
  out.put(checkpoint.epoch_seconds);
  out.varint(checkpoint.log.size());
  for (const EpochLog& log : checkpoint.log) put(out, log);
  out.varint(checkpoint.tensors.size());
  for (const auto& [name, tensor] : checkpoint.tensors) {
    out.text(name);
    put(out, tensor);
  }
  const std::uint64_t sum = base::checksum(body);
  const std::span<const std::byte> parts[] = {std::as_bytes(std::span(kMagic)),
                                              std::as_bytes(std::span(&sum, 1)), body};
  base::write_parts_atomically(path, parts);
}

Checkpoint load_checkpoint(const std::string& path,
                           const std::map<std::string, std::string>& expected) {
  const std::vector<std::byte> bytes = base::read_file(path);
  Checkpoint checkpoint;
  try {
    checkpoint = parse(bytes);
  } catch (const InputError& error) {
    fail("{}: cannot continue from it: {}; remove it to start again", path, error.what());
  }
  for (const auto& [key, value] : expected) {
    const auto found = checkpoint.identity.find(key);
    const std::string other = found == checkpoint.identity.end() ? "nothing" : found->second;
    if (other == value) continue;
    fail(
        "{}: belongs to another run ({}: {} there, {} here); remove it to start again, or name "
        "another file",
        path, key, other, value);
  }
  return checkpoint;
}

}  // namespace syncopate::train
