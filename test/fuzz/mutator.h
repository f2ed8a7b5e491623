// One step from a file to a stranger one: some structure gets another value, and mostly all
// checksums are made right again. Threads: one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "anatomy.h"

namespace jvdb::fuzz {

// Changes bytes as libFuzzer likes, without making them more.
using MutateBytes = void (*)(std::span<std::byte> bytes);

void mutate(Image& image, std::uint32_t seed, MutateBytes mutate_bytes);

}  // namespace jvdb::fuzz
