#include "gconv/passes.h"

// Before:                                        After:
//   gconv conv1      x -> conv1/sum                gconv conv1   x -> cat[0:64]
//   gconv relu1      conv1/sum -> a
//   gconv cat/part0  a -> cat[0:64]

namespace syncopate::gconv {

Chain optimize(Chain chain) {
  return remove_dead(fuse_post(forward_views(fuse_post(remove_dead(std::move(chain))))));
}

}  // namespace syncopate::gconv
