// What levels are made of: queries × rows cut into tiles, the same way for all. Threads: free
// functions.
#pragma once

#include <cstddef>

#include "simd/kernels.h"

namespace jvdb::simd {

// `Kernel` has kQueries × kRows results of a tile(queries, rows, stride, out) in registers, and a
// single(query, rows, row_count, stride, out) that takes the rows one after the other. It must be a
// type of one file only: what is compiled here has no instruction beyond the baseline.
template <typename Kernel, typename Query, typename Row, typename Sum>
void over_tiles(const Query* queries, std::size_t query_count, const Row* rows,
                std::size_t row_count, std::size_t stride, Sum* out) noexcept {
  std::size_t q = 0;
  for (; q + Kernel::kQueries <= query_count; q += Kernel::kQueries) {
    std::size_t r = 0;
    for (; r + Kernel::kRows <= row_count; r += Kernel::kRows) {
      Kernel::tile(queries + q * stride, rows + r * stride, stride, out + q * kRowsAtOnce + r);
    }
    for (std::size_t i = q; r < row_count && i < q + Kernel::kQueries; ++i) {
      Kernel::single(queries + i * stride, rows + r * stride, row_count - r, stride,
                     out + i * kRowsAtOnce + r);
    }
  }
  for (; q < query_count; ++q) {
    Kernel::single(queries + q * stride, rows, row_count, stride, out + q * kRowsAtOnce);
  }
}

// A level that is another but for the products of codes.
inline Kernels with_code_dots(Kernels level, const char* name,
                              decltype(Kernels::code_dots) code_dots) noexcept {
  level.name = name;
  level.code_dots = code_dots;
  return level;
}

}  // namespace jvdb::simd
