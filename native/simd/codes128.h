// Products of codes in registers of 128 bits. Whoever includes this has defined JVDB_CODES, the
// target attribute of its own `Products`. Threads: free functions.
#pragma once

#include "simd/registers128.h"
#include "simd/tiles.h"

namespace jvdb::simd {
namespace {  // a copy for each file, for its processors

// Products::add(sum, row, query) adds sixteen products to four sums, exactly; Products::kQueries
// are those of a tile.
template <typename Products>
struct CodeTile {
  static constexpr std::size_t kQueries = Products::kQueries;
  static constexpr std::size_t kRows = 4;

  JVDB_CODES static void tile(const std::int8_t* queries, const std::uint8_t* rows,
                              std::size_t stride, std::int32_t* out) noexcept {
    Words sums[kQueries][kRows];
    for (auto& of_query : sums) {
      for (Words& sum : of_query) sum = zero_words();
    }
    for (std::size_t i = 0; i < stride; i += 16) {
      Bytes query[kQueries];
      for (std::size_t q = 0; q < kQueries; ++q) query[q] = load_bytes(queries + q * stride + i);
      for (std::size_t r = 0; r < kRows; ++r) {
        const Bytes row = flip_bias(load_bytes(rows + r * stride + i));
        for (std::size_t q = 0; q < kQueries; ++q) {
          sums[q][r] = Products::add(sums[q][r], row, query[q]);
        }
      }
    }
    for (std::size_t q = 0; q < kQueries; ++q) store_totals(out + q * kRowsAtOnce, sums[q]);
  }

  JVDB_CODES static void single(const std::int8_t* query, const std::uint8_t* rows,
                                std::size_t count, std::size_t stride, std::int32_t* out) noexcept {
    for (std::size_t r = 0; r < count; ++r) {
      const std::uint8_t* row = rows + r * stride;
      Words sums[4] = {zero_words(), zero_words(), zero_words(), zero_words()};
      for (std::size_t i = 0; i < stride; i += 64) {
        for (std::size_t part = 0; part < 4; ++part) {
          const std::size_t at = i + part * 16;
          sums[part] =
              Products::add(sums[part], flip_bias(load_bytes(row + at)), load_bytes(query + at));
        }
      }
      alignas(16) std::int32_t parts[4];
      store_totals(parts, sums);
      out[r] = parts[0] + parts[1] + parts[2] + parts[3];
    }
  }

 private:
  JVDB_CODES static void store_totals(std::int32_t* out, const Words (&sums)[4]) noexcept {
    store_words(out, totals_of_words(sums[0], sums[1], sums[2], sums[3]));
  }
};

template <typename Products>
void code_dots(const std::int8_t* queries, std::size_t query_count, const std::uint8_t* rows,
               std::size_t row_count, std::size_t stride, std::int32_t* out) noexcept {
  over_tiles<CodeTile<Products>>(queries, query_count, rows, row_count, stride, out);
}

}  // namespace
}  // namespace jvdb::simd
