// Ids of both types. Threads: plain data; `text` must outlive the call it is passed to.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/hash.h"
#include "format/schema.h"

namespace jvdb::engine {

struct Id {
  std::uint64_t number = 0;  // of an int64 store
  std::string_view text;     // of a string store
};

inline std::uint64_t hash_of(const Id& id, format::IdType type, std::uint64_t seed) noexcept {
  return type == format::IdType::int64 ? hash_number(id.number, seed) : hash_text(id.text, seed);
}

}  // namespace jvdb::engine
