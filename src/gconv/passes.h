#pragma once

#include "gconv/chain.h"

namespace syncopate::gconv {

/// Each pass returns a chain with the same outputs, bit for bit; its .cpp shows a chain before and
/// after. Move a chain in that is not needed any more: copies of large networks take milliseconds.

/// Folds bias, scale, activation and requantization GCONVs (no reduction, one input) into the post
/// of the GCONV that feeds them, when they are its only reader.
Chain fuse_post(Chain chain);
/// Removes identity GCONVs whose reader or writer can address the other tensor by a view.
Chain forward_views(Chain chain);
/// Drops GCONVs and tensors that reach no output.
Chain remove_dead(Chain chain);
/// All of the above in the order that `syncopate run` uses.
Chain optimize(Chain chain);

}  // namespace syncopate::gconv
