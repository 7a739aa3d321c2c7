// Hostile program files: raw bytes, and the same bytes behind a header with the right checksum.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/error.h"
#include "sim/program_file.h"

namespace {

void parse(std::vector<std::byte> file) {
  try {
    const auto program = syncopate::sim::parse_program(std::move(file), "fuzz");
    static_cast<void>(program.image->read(0, program.image->bytes()));
  } catch (const syncopate::InputError&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  parse({bytes.begin(), bytes.end()});
  parse(syncopate::sim::seal_program(bytes));
  return 0;
}
