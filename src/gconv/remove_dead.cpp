#include <algorithm>
#include <set>

#include "gconv/passes.h"

// Before:                             After (output y):
//   gconv a   x -> y                    gconv a   x -> y
//   gconv b   x -> z

namespace syncopate::gconv {

Chain remove_dead(const Chain& chain) {
  std::set<std::string> needed(chain.outputs.begin(), chain.outputs.end());
  Chain result = chain;
  result.gconvs.clear();
  for (auto gconv = chain.gconvs.rbegin(); gconv != chain.gconvs.rend(); ++gconv) {
    if (needed.contains(gconv->output.tensor)) {
      needed.insert(gconv->input.tensor);
      if (gconv->kernel) {
        needed.insert(gconv->kernel->tensor);
      }
      result.gconvs.push_back(*gconv);
    }
  }
  std::reverse(result.gconvs.begin(), result.gconvs.end());
  needed.insert(chain.inputs.begin(), chain.inputs.end());
  std::erase_if(result.tensors, [&](const auto& entry) { return !needed.contains(entry.first); });
  return result;
}

}  // namespace syncopate::gconv
