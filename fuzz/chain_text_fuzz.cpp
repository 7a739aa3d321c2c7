// Hostile chain texts. What parses must print, and parse again to the same text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "gconv/chain.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static const std::map<std::string, syncopate::Tensor> constants{
      {"w", syncopate::Tensor(syncopate::DType::f32, {3, 4})},
      {"q", syncopate::Tensor(syncopate::DType::i16, {2, 2})}};
  std::string printed;
  try {
    printed = to_text(syncopate::gconv::parse_text(text, constants));
  } catch (const syncopate::InputError&) {
    return 0;
  }
  if (to_text(syncopate::gconv::parse_text(printed, constants)) != printed) {
    std::abort();
  }
  return 0;
}
