// Any bytes as a file of machine parameters: refused with one line, or a map of words that readers
// accept or refuse in turn.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "base/params.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    const syncopate::Params params = syncopate::Params::from_yaml(text, "input");
    syncopate::ParamReader reader(params, "machine");
    reader.integer("Tn", 16, "", 1, 256);
    reader.real("slack", 1, "", 0, 10);
    reader.flag("skip", true, "");
    reader.finish();
  } catch (const syncopate::InputError& error) {
    if (std::string(error.what()).find('\n') != std::string::npos) std::abort();
  }
  return 0;
}
