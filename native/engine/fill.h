// How much of an extent is in use. Threads: plain data.
#pragma once

#include <cstdint>

namespace jvdb::engine {

struct Fill {
  std::uint32_t records = 0;
  std::uint32_t slots = 0;
  std::uint64_t heap = 0;  // bytes
};

}  // namespace jvdb::engine
