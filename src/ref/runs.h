#pragma once

#include <cstdint>

namespace syncopate::ref {

/// What a net is made ready for. A net that runs once packs the weights of each layer right before
/// it runs, into memory that layers share: what is packed is still in the cache when it is used,
/// and none of it is kept. One that runs often packs all weights when it is built. Either kind may
/// run any number of times, with the same results.
enum class Runs : std::uint8_t { once, often };

}  // namespace syncopate::ref
