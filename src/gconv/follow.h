#pragma once

#include "gconv/chain.h"

namespace syncopate::gconv {

/// Whether every element of `next` is one post applied to the same element of what `first` wrote,
/// so that its post could be part of the post of `first`: no pre, main or reduction, and views of
/// the tensor between them that agree dimension by dimension.
bool follows(const GConv& first, const GConv& next);

/// Whether all operations of the posts, `first` then `second`, have a single fixed-point form:
/// affine ones, then clamps, then at most one function.
bool has_one_form(const std::vector<PostOp>& first, const std::vector<PostOp>& second);

}  // namespace syncopate::gconv
