// What a database is: fixed at creation, read from the identity at open.
// Threads: plain data.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/checked.h"
#include "format/layout.h"

namespace jvdb::format {

struct Schema {
  std::uint32_t dimension = 0;
  Metric metric = Metric::cosine;
  IdType id_type = IdType::int64;
  IndexType index_type = IndexType::flat;
  bool allow_non_finite = false;
  bool has_codes = true;  // the int8 column
  bool operator==(const Schema&) const = default;

  // Bytes of one vector, and from one slot to the next in each column.
  std::uint32_t vector_bytes() const noexcept { return dimension * 4; }
  std::uint32_t vector_stride() const noexcept {
    return static_cast<std::uint32_t>(align_up(vector_bytes(), kVectorAlignment));
  }
  std::uint32_t code_stride() const noexcept {
    return has_codes ? static_cast<std::uint32_t>(align_up(dimension, kVectorAlignment)) : 0;
  }
};

inline const char* name_of(Metric metric) noexcept {
  constexpr std::array names = {"cosine", "dot", "euclidean"};
  return names[static_cast<std::size_t>(metric)];
}

inline const char* name_of(IdType type) noexcept {
  return type == IdType::int64 ? "int64" : "string";
}

}  // namespace jvdb::format
