// The flat scan over a collection that counts what is read of it.
#include "search/flat.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <vector>

#include "base/aligned_array.h"
#include "check.h"
#include "simd/kernels.h"
#include "store_fixture.h"

namespace jvdb::test {
namespace {

constexpr std::size_t kDimension = 64;
constexpr std::uint32_t kCount = 64 * 200;

// One run of vectors in memory; slots are ids.
class Counted final : public search::Collection {
 public:
  Counted() : vectors_(kCount * kDimension), codes_(kCount * kDimension) {
    for (std::uint32_t slot = 0; slot < kCount; ++slot) {
      const Vector vector = vector_of(kDimension, slot + 1);
      std::copy(vector.begin(), vector.end(), vectors_.data() + slot * kDimension);
      const simd::Encoded encoded = simd::kernels().encode(
          vector.data(), kDimension, codes_.data() + slot * kDimension, kDimension);
      norms_.push_back(static_cast<float>(std::sqrt(encoded.squared_norm)));
      scales_.push_back(encoded.scale);
      errors_.push_back(encoded.error);
    }
  }

  std::size_t run_count() const noexcept override { return 1; }
  search::Run run(std::size_t) const noexcept override {
    search::Run out;
    out.count = kCount;
    out.vectors = reinterpret_cast<const std::byte*>(vectors_.data());
    out.vector_stride = kDimension * sizeof(float);
    out.norms = norms_.data();
    out.codes = codes_.data();
    out.code_stride = kDimension;
    out.code_scales = scales_.data();
    out.code_errors = errors_.data();
    return out;
  }
  std::uint64_t live_word(std::size_t, std::uint32_t) const noexcept override {
    return ~std::uint64_t{0};
  }
  Status check_vectors(std::size_t, std::uint32_t, std::uint64_t slots) const override {
    vectors_read += static_cast<std::uint32_t>(std::popcount(slots));
    return {};
  }
  Status check_codes(std::size_t, std::uint32_t, std::uint64_t) const override {
    if (++words_read == cancel_at) cancelled = true;
    return {};
  }
  bool id_less(std::uint32_t a, std::uint32_t b) const override { return a < b; }

  std::uint32_t cancel_at = 0;
  mutable std::atomic<bool> cancelled{false};
  mutable std::atomic<std::uint32_t> vectors_read{0};
  mutable std::atomic<std::uint32_t> words_read{0};

 private:
  AlignedArray<float> vectors_;
  AlignedArray<std::uint8_t> codes_;
  std::vector<float> norms_, scales_, errors_;
};

Status find(const Counted& collection, format::Metric metric, unsigned threads = 1) {
  const Vector query = vector_of(kDimension, 99'999);
  search::Request request;
  request.queries = query;
  request.dimension = kDimension;
  request.metric = metric;
  request.top_k = 10;
  request.threads = threads;
  return flat_search(collection, request, *search::Pool::shared(), collection.cancelled).status();
}

const Test kBound("flat_test", "most vectors are passed over without a look at their values", [] {
  for (const auto metric :
       {format::Metric::cosine, format::Metric::dot, format::Metric::euclidean}) {
    const Counted collection;
    expect_ok(find(collection, metric));
    expect_equal(collection.words_read.load(), kCount / 64);
    expect(collection.vectors_read >= 10);
    expect(collection.vectors_read < kCount / 20, std::to_string(collection.vectors_read));
  }
});

const Test kAbort("flat_test", "a cancelled search stops at the next word", [] {
  for (const unsigned threads : {1U, 2U}) {
    Counted collection;
    collection.cancel_at = 5;
    expect_code(find(collection, format::Metric::cosine, threads), Code::aborted);
    expect(collection.words_read <= collection.cancel_at + threads - 1);
  }
});

}  // namespace
}  // namespace jvdb::test
