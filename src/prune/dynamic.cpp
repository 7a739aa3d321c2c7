#include "prune/dynamic.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/checksum.h"

namespace syncopate::prune {
namespace {

/// Share of the choices after which the density is what it is in the end; the others only exchange
/// weights [assumed].
constexpr double kFallen = 0.75;

std::string text_of(const Block& b) {
  return fmt::format("{},{},{},{}", b.inputs, b.outputs, b.height, b.width);
}

}  // namespace

double DynamicMask::density(double share) const {
  return last + (first - last) * std::pow(1 - std::min(share / kFallen, 1.0), 3);
}

Mask DynamicMask::choose(std::span<const float> weights, double share) const {
  return layer_mask(weights, layer, density(share), how, older.empty() ? nullptr : &older);
}

std::string DynamicMask::text() const {
  return fmt::format("{} from {} to {}, {} {} {} {} {} {} {} {} {} {}, {:016x}", layer.value, first,
                     last, name_of(how.method), static_cast<int>(how.criterion), text_of(how.conv),
                     text_of(how.fc_large), text_of(how.fc_small), text_of(how.conv_stride),
                     text_of(how.fc_stride), how.m, static_cast<int>(how.q_rounding), how.group_1x1,
                     base::checksum(std::as_bytes(std::span(older))));
}

}  // namespace syncopate::prune
