#pragma once

#include "arch/spec.h"
#include "base/params.h"

namespace syncopate::accel::diannao {

/// The published machine with overrides; InputError for unknown or impossible parameters.
arch::Spec spec(const Params& overrides);

}  // namespace syncopate::accel::diannao
