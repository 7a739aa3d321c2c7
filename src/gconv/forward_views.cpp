#include "gconv/passes.h"

namespace syncopate::gconv {

Chain forward_views(const Chain& chain) { return chain; }

}  // namespace syncopate::gconv
