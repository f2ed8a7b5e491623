// Chooses the level. A processor's features are asked of the compiler's runtime, which also checks
// that the operating system keeps the wide registers.
#include <cstdlib>
#include <cstring>

#include "base/cpu.h"
#include "base/text.h"
#include "simd/kernels.h"

namespace jvdb::simd {
namespace {

const Kernels* best() noexcept {
  return supported(avx2()) ? avx2() : scalar();
}

Result<const Kernels*> by_name(const char* name) {
  for (const Kernels* level : {scalar(), avx2()}) {
    if (level == nullptr || std::strcmp(level->name, name) != 0) continue;
    if (supported(level)) return level;
    return Status(Code::invalid_argument,
                  text("JVDB_SIMD=", name, ": this processor lacks it; it has ", best()->name));
  }
  return Status(Code::invalid_argument,
                text("JVDB_SIMD=", name, " is not a level of this build; use scalar or avx2"));
}

Result<const Kernels*> decide() {
  const char* forced = std::getenv("JVDB_SIMD");
  return forced == nullptr || *forced == '\0' ? Result<const Kernels*>(best()) : by_name(forced);
}

}  // namespace

bool supported(const Kernels* level) noexcept {
  if (level == nullptr) return false;
#if defined(JVDB_X86_64)
  if (level == avx2()) return has_avx2_and_fma();
#endif
  return true;
}

Result<const Kernels*> choose() {
  static const Result<const Kernels*> decision = decide();
  return decision;
}

const Kernels& kernels() {
  static const Kernels& chosen = **choose();
  return chosen;
}

}  // namespace jvdb::simd
