#include "arch/spec.h"

#include "base/error.h"

namespace syncopate::arch {

const std::string& Spec::param(std::string_view name) const {
  for (const ParamInfo& info : params) {
    if (info.name == name) return info.value;
  }
  broken("{} declares no parameter '{}'", machine, name);
}

std::int64_t Spec::integer(std::string_view name) const { return std::stoll(param(name)); }

bool Spec::flag(std::string_view name) const { return param(name) == "true"; }

std::int64_t Spec::buffer_bytes(std::string_view name) const {
  for (const Buffer& buffer : buffers) {
    if (buffer.name == name) return buffer.bytes;
  }
  broken("{} has no buffer '{}'", machine, name);
}

}  // namespace syncopate::arch
