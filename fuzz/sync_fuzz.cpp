// Hostile .sync files: raw bytes opened, the same with every checksum made right and all decoded,
// and payloads straight into the decoders.
#include <cstddef>
#include <cstdint>
#include <span>

#include "codec/container.h"
#include "codec/sparse.h"

namespace {

using namespace syncopate;

void read_all(codec::Bytes bytes) {
  try {
    const codec::SyncReader reader(std::move(bytes), "fuzz");
    for (const codec::Record& record : reader.records()) {
      try {
        if (record.kind == codec::RecordKind::tensor) {
          static_cast<void>(reader.tensor(record));
        } else {
          static_cast<void>(reader.bytes(record));
        }
      } catch (const InputError&) {
      }
    }
  } catch (const InputError&) {
  }
}

/// The first bytes choose what the rest is taken for.
void decode(std::span<const std::byte> bytes) {
  if (bytes.size() < 4) return;
  const auto at = [&](std::size_t i) { return std::to_integer<int>(bytes[i]); };
  codec::CodedTensor coded;
  coded.dtype = static_cast<DType>(at(0) % 9);
  coded.form = static_cast<codec::Form>(at(0) / 9 % 4);
  coded.mode = static_cast<codec::Mode>(at(1) % 3);
  coded.shape = {at(2) % 40, at(1) / 3 % 20, 1 + at(3) % 5, 1 + at(3) / 5 % 5};
  coded.payload.assign(bytes.begin() + 4, bytes.end());
  try {
    static_cast<void>(codec::decode_tensor(coded));
  } catch (const InputError&) {
  }
  codec::IndexOptions index;
  index.format = codec::index_formats()[static_cast<std::size_t>(at(0)) % 6];
  index.rows = at(1) % 30;
  index.columns = at(2) % 60;
  index.block_rows = 1 + at(3) % 16;
  try {
    static_cast<void>(codec::decode_index(bytes.subspan(4), index));
  } catch (const InputError&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    codec::SyncReader({bytes.begin(), bytes.end()}, "fuzz");
  } catch (const InputError&) {
  }
  read_all(codec::reseal({bytes.begin(), bytes.end()}));
  decode(bytes);
  return 0;
}
