// A scan in float32 that is only a bound: a vector is scored exactly, in float64, wherever its
// float32 result leaves it a chance to be among the k best so far. With u = 2⁻²⁴ and
// γ = d·u / (1 − d·u):
//
//   dot, cosine   |fl(q·v) − q·v| ≤ γ·Σ|qᵢvᵢ| ≤ γ·‖q‖‖v‖
//   L2            |fl(Σ(qᵢ−vᵢ)²) − Σ(qᵢ−vᵢ)²| ≤ γ'·Σ(qᵢ−vᵢ)², γ' for d + 2 terms
//
// whatever the order of summation. Both norms lie within 2^±60 here (others are always scored), so
// nothing overflows. A product or square that underflows errs by at most 2⁻¹⁵⁰ more: for dot
// products d·2⁻¹⁵⁰ is under 2⁻⁶ of γ·‖q‖‖v‖; for L2 it is subtracted. kSlack on γ covers that, the
// float32 rounding of the stored norm, and the rounding of the bound and of the exact score.
#include "search/flat.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "simd/kernels.h"

namespace jvdb::search {
namespace {

constexpr double kSlack = 1.0 + 0x1p-4;
constexpr std::size_t kBytesBetweenPolls = std::size_t{4} << 20;

bool in_range(double norm) noexcept {
  return norm >= simd::kSmallestNorm && norm <= simd::kLargestNorm;
}

// γ for n roundings and some more, for the constant number of operations outside the sum.
double gamma_of(std::size_t n) noexcept {
  const double nu = static_cast<double>(n + 4) * 0x1p-24;
  return kSlack * nu / (1.0 - nu);
}

class Scorer {
 public:
  Scorer(std::span<const float> query, format::Metric metric)
      : kernels_(simd::kernels()),
        metric_(metric),
        size_(query.size()),
        storage_(query.size() + kAlignment / sizeof(float)),
        query_(aligned(storage_.data())),
        gamma_(gamma_of(query.size())) {
    std::memcpy(query_, query.data(), query.size_bytes());
    norm_ = std::sqrt(kernels_.dot_exact(query_, query_, size_));
    bounded_ = in_range(norm_);
  }

  // Whether the score of a vector may reach `threshold`: false is certain.
  bool may_reach(const float* vector, float stored_norm, double threshold) const noexcept {
    const double norm = stored_norm;
    if (!bounded_ || !in_range(norm)) return true;
    if (metric_ == format::Metric::euclidean) {
      const double found = kernels_.squared_l2(query_, vector, size_);
      const double least = found * (1.0 - gamma_) - 0x1p-130;
      return !(least > threshold * threshold);
    }
    const double found = kernels_.dot(query_, vector, size_);
    const double scale = norm_ * norm;
    const double limit = metric_ == format::Metric::cosine ? threshold * scale : threshold;
    return !(found + gamma_ * scale < limit);
  }

  // Not finite exactly if the vector has a value that isn't.
  double score(const float* vector) const noexcept {
    switch (metric_) {
      case format::Metric::dot:
        return kernels_.dot_exact(query_, vector, size_);
      case format::Metric::euclidean:
        return 0.0 - std::sqrt(kernels_.squared_l2_exact(query_, vector, size_));
      case format::Metric::cosine:
        break;
    }
    const double squared = kernels_.dot_exact(vector, vector, size_);
    if (!std::isfinite(squared)) return squared;
    if (squared == 0.0 || norm_ == 0.0) return 0.0;
    const double cosine = kernels_.dot_exact(query_, vector, size_) / (norm_ * std::sqrt(squared));
    return std::clamp(cosine, -1.0, 1.0);
  }

 private:
  static constexpr std::size_t kAlignment = 64;  // a query across cache lines halves wide loads

  static float* aligned(float* from) noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(from);
    return from + (kAlignment - address % kAlignment) % kAlignment / sizeof(float);
  }

  const simd::Kernels& kernels_;
  format::Metric metric_;
  std::size_t size_;
  std::vector<float> storage_;
  float* query_;
  double gamma_;
  double norm_ = 0;
  bool bounded_ = false;
};

}  // namespace

Result<std::vector<Candidate>> flat_search(const Collection& collection,
                                           std::span<const float> query, format::Metric metric,
                                           std::size_t top_k, const std::atomic<bool>& cancelled) {
  const Scorer scorer(query, metric);
  TopK best(top_k, [&](std::uint32_t a, std::uint32_t b) { return collection.id_less(a, b); });
  std::size_t until_poll = 0;
  for (std::size_t index = 0; index < collection.run_count(); ++index) {
    const Run run = collection.run(index);
    for (std::uint32_t word = 0; std::uint64_t{word} * 64 < run.count; ++word) {
      if (until_poll == 0) {
        if (cancelled.load(std::memory_order_relaxed)) return Status(Code::aborted, "aborted");
        until_poll = std::max<std::size_t>(kBytesBetweenPolls / (64 * run.stride), 1);
      }
      --until_poll;
      std::uint64_t live = collection.live_word(index, word);
      if (live == 0) continue;
      if (Status status = collection.check_vectors(index, word, live); !status) return status;
      for (; live != 0; live &= live - 1) {
        const std::uint32_t place = word * 64 + static_cast<std::uint32_t>(std::countr_zero(live));
        const auto* vector =
            reinterpret_cast<const float*>(run.vectors + std::size_t{place} * run.stride);
        if (best.full() && !scorer.may_reach(vector, run.norms[place], best.threshold())) continue;
        const double score = scorer.score(vector);
        if (std::isfinite(score)) best.offer({score, run.first_slot + place});
      }
    }
  }
  return best.take();
}

}  // namespace jvdb::search
