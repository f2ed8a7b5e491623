// The queries of one search: their values and codes in aligned memory, what bounds need to know of
// each, and exact scores.
// Threads: const calls from any number of threads.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/aligned_array.h"
#include "format/layout.h"
#include "search/bound.h"
#include "simd/kernels.h"

namespace jvdb::search {

class QuerySet {
 public:
  // `values`: queries of `dimension` finite values, one after the other. May throw bad_alloc.
  QuerySet(std::span<const float> values, std::size_t dimension, format::Metric metric, bool codes);

  std::size_t count() const noexcept { return terms_.size(); }
  std::size_t dimension() const noexcept { return dimension_; }
  format::Metric metric() const noexcept { return metric_; }
  // Strides are those of stored vectors and codes.
  const float* vectors(std::size_t first) const noexcept {
    return vectors_.data() + first * vector_stride_;
  }
  std::size_t vector_stride() const noexcept { return vector_stride_; }
  const std::int8_t* codes(std::size_t first) const noexcept {
    return codes_.data() + first * code_stride_;
  }
  std::size_t code_stride() const noexcept { return code_stride_; }

  // nullopt where nothing but exact scores will do: a zero query, or one so small or large that
  // float32 sums might under- or overflow.
  std::optional<simd::Bound> code_bound(std::size_t query, double threshold) const noexcept {
    const QueryTerms& terms = terms_[query];
    if (!has_usable_norm(terms.norm) || !std::isfinite(terms.code_error)) return std::nullopt;
    return search::code_bound(metric_, terms, threshold);
  }
  std::optional<simd::Bound> dot_bound(std::size_t query, double threshold) const noexcept {
    if (!has_usable_norm(terms_[query].norm)) return std::nullopt;
    return search::dot_bound(metric_, terms_[query], dimension_, threshold);
  }

  // Cosine similarity in [−1, 1] (0 where either vector is zero), dot product, or −L2 distance: the
  // same bits on every level. Not finite exactly if the vector has a value that isn't.
  double score(std::size_t query, const float* vector) const noexcept;

 private:
  void encode(std::size_t query);

  const simd::Kernels& kernels_;
  const std::size_t dimension_;
  const format::Metric metric_;
  const std::size_t vector_stride_;
  const std::size_t code_stride_;
  std::vector<QueryTerms> terms_;
  AlignedArray<float> vectors_;
  AlignedArray<std::int8_t> codes_;
};

}  // namespace jvdb::search
