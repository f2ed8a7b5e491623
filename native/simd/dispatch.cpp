// Chooses the level.
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/cpu.h"
#include "base/text.h"
#include "simd/kernels.h"

namespace jvdb::simd {
namespace {

struct Level {
  const Kernels* kernels;
  bool (*supported)() noexcept;
};

bool always() noexcept {
  return true;
}

// From the plainest to the best.
const std::vector<Level>& levels_of_build() {
  static const std::vector<Level> levels = {
      {scalar(), always},
#if defined(JVDB_X86_64)
      {sse41(), has_sse41},   {avx2(), has_avx2_and_fma},      {avxvnni(), has_avx_vnni},
      {avx512(), has_avx512}, {avx512vnni(), has_avx512_vnni},
#elif defined(JVDB_ARM64)
      {neon(), always},
      {neondot(), has_dotprod},
#endif
  };
  return levels;
}

std::string names(std::span<const Kernels* const> levels) {
  std::string out;
  for (const Kernels* level : levels) out += text(out.empty() ? "" : ", ", level->name);
  return out;
}

Result<const Kernels*> by_name(const char* name) {
  for (const Kernels* level : supported_levels()) {
    if (std::strcmp(level->name, name) == 0) return level;
  }
  std::vector<const Kernels*> all;
  for (const Level& level : levels_of_build()) {
    all.push_back(level.kernels);
    if (std::strcmp(level.kernels->name, name) != 0) continue;
    return Status(
        Code::invalid_argument,
        text("JVDB_SIMD=", name, ": this processor lacks it; use ", names(supported_levels())));
  }
  return Status(Code::invalid_argument,
                text("JVDB_SIMD=", name, " is not a level of this build; use one of ", names(all)));
}

Result<const Kernels*> decide() {
  const char* forced = std::getenv("JVDB_SIMD");
  if (forced == nullptr || *forced == '\0') return supported_levels().back();
  return by_name(forced);
}

}  // namespace

std::span<const Kernels* const> supported_levels() {
  static const std::vector<const Kernels*> supported = [] {
    std::vector<const Kernels*> out;
    for (const Level& level : levels_of_build()) {
      if (level.supported()) out.push_back(level.kernels);
    }
    return out;
  }();
  return supported;
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
