#include "search/query_set.h"

#include <algorithm>

namespace jvdb::search {
namespace {

std::size_t padded(std::size_t count, std::size_t bytes_each) noexcept {
  const std::size_t whole = simd::kRowAlignment / bytes_each;
  return (count + whole - 1) / whole * whole;
}

}  // namespace

QuerySet::QuerySet(std::span<const float> values, std::size_t dimension, format::Metric metric,
                   bool codes)
    : kernels_(simd::kernels()),
      dimension_(dimension),
      metric_(metric),
      vector_stride_(padded(dimension, sizeof(float))),
      code_stride_(padded(dimension, 1)),
      terms_(values.size() / dimension),
      vectors_(terms_.size() * vector_stride_),
      codes_(codes ? terms_.size() * code_stride_ : 0) {
  for (std::size_t query = 0; query < terms_.size(); ++query) {
    float* vector = vectors_.data() + query * vector_stride_;
    std::copy_n(values.data() + query * dimension, dimension, vector);
    terms_[query].norm = std::sqrt(kernels_.dot_exact(vector, vector, dimension));
    if (codes) encode(query);
  }
}

void QuerySet::encode(std::size_t query) {
  QueryTerms& terms = terms_[query];
  std::int8_t* code = codes_.data() + query * code_stride_;
  auto* biased = reinterpret_cast<std::uint8_t*>(code);
  const simd::Encoded encoded = kernels_.encode(vectors(query), dimension_, biased, code_stride_);
  std::int64_t squares = 0;
  for (std::size_t i = 0; i < code_stride_; ++i) {
    code[i] = static_cast<std::int8_t>(static_cast<int>(biased[i]) - 128);
    squares += static_cast<std::int64_t>(code[i]) * static_cast<std::int64_t>(code[i]);
  }
  terms.code_scale = static_cast<double>(encoded.scale);
  terms.code_error = static_cast<double>(encoded.error);
  terms.code_norm = std::sqrt(static_cast<double>(squares)) * terms.code_scale;
}

double QuerySet::score(std::size_t query, const float* vector) const noexcept {
  const float* values = vectors(query);
  switch (metric_) {
    case format::Metric::dot:
      return kernels_.dot_exact(values, vector, dimension_);
    case format::Metric::euclidean:
      return 0.0 - std::sqrt(kernels_.squared_l2_exact(values, vector, dimension_));
    case format::Metric::cosine:
      break;
  }
  const simd::ExactSums sums = kernels_.cosine_exact(values, vector, dimension_);
  if (!std::isfinite(sums.b_squared)) return sums.b_squared;
  const double norm = terms_[query].norm;
  if (sums.b_squared == 0.0 || norm == 0.0) return 0.0;
  return std::clamp(sums.dot / (norm * std::sqrt(sums.b_squared)), -1.0, 1.0);
}

}  // namespace jvdb::search
