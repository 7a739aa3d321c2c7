#include <algorithm>
#include <set>
#include <utility>

#include "gconv/passes.h"

// Before:                             After (output y):
//   gconv a   x -> y                    gconv a   x -> y
//   gconv b   x -> z

namespace syncopate::gconv {

Chain remove_dead(Chain chain) {
  std::set<std::string> needed(chain.outputs.begin(), chain.outputs.end());
  std::vector<GConv> gconvs = std::exchange(chain.gconvs, {});
  for (auto gconv = gconvs.rbegin(); gconv != gconvs.rend(); ++gconv) {
    if (needed.contains(gconv->output.tensor)) {
      needed.insert(gconv->input.tensor);
      if (gconv->kernel) {
        needed.insert(gconv->kernel->tensor);
      }
      chain.gconvs.push_back(std::move(*gconv));
    }
  }
  std::reverse(chain.gconvs.begin(), chain.gconvs.end());
  needed.insert(chain.inputs.begin(), chain.inputs.end());
  std::erase_if(chain.tensors, [&](const auto& entry) { return !needed.contains(entry.first); });
  return chain;
}

}  // namespace syncopate::gconv
