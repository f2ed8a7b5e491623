// How a search goes: the snapshot is cut into blocks that threads take in turn. A thread reads a
// block 64 slots at a time, a word of the live bits, first the int8 codes (the vectors, where the
// store keeps no codes), for all queries; bound.h says which of the slots may still reach the k-th
// best score found so far, by any thread; these are scored exactly. At the end the threads' own
// best are merged.
#include "search/flat.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <memory>
#include <mutex>

#include "base/aligned_array.h"
#include "base/guarded.h"
#include "search/query_set.h"
#include "simd/kernels.h"

namespace jvdb::search {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Small enough for threads to end together, large enough to be rarely asked for.
constexpr std::size_t kBlockBytes = std::size_t{1} << 20;
// Queries whose codes stay in the cache while a block goes by.
constexpr std::size_t kQueriesAtOnce = 64;
// With fewer slots of a word wanted, each is read alone.
constexpr int kSparse = 16;

struct Block {
  std::size_t run;
  std::uint32_t first_word;
  std::uint32_t end_word;
};

// The least score that can be a hit, whatever else is found.
double floor_of(const Request& request) noexcept {
  const double distance = request.max_distance;
  const double by_distance = request.metric == format::Metric::cosine
                                 ? 1.0 - distance - 0x1p-50 * (1.0 + std::fabs(distance))
                                 : 0.0 - distance;
  return std::max(request.min_score, distance == kInfinity ? -kInfinity : by_distance);
}

// What the threads of a search share.
class Search {
 public:
  Search(const Collection& searched, const Request& asked, const std::atomic<bool>& cancelled)
      : collection(searched),
        request(asked),
        has_codes(collection.run_count() > 0 && collection.run(0).codes != nullptr),
        queries(request.queries, request.dimension, request.metric, has_codes),
        cancelled_(cancelled),
        thresholds_(queries.count()) {
    for (std::atomic<double>& threshold : thresholds_) threshold = floor_of(request);
    std::uint64_t slots = 0;
    for (std::size_t index = 0; index < collection.run_count(); ++index) {
      const Run run = collection.run(index);
      slots += run.count;
      const std::size_t stride = has_codes ? run.code_stride : run.vector_stride;
      const auto words =
          static_cast<std::uint32_t>(std::max<std::size_t>(kBlockBytes / (64 * stride), 1));
      const std::uint32_t end = (run.count + 63) / 64;
      for (std::uint32_t word = 0; word < end; word += words) {
        blocks_.push_back({index, word, std::min(word + words, end)});
      }
    }
    takes_all = request.top_k >= slots && floor_of(request) == -kInfinity;
  }

  const Collection& collection;
  const Request& request;
  const bool has_codes;
  const QuerySet queries;
  bool takes_all = false;  // no bound can spare anything

  std::size_t block_count() const noexcept { return blocks_.size(); }
  const Block* next_block() noexcept {
    const std::size_t index = next_block_.fetch_add(1, std::memory_order_relaxed);
    return index < blocks_.size() ? &blocks_[index] : nullptr;
  }
  bool stopped() const noexcept {
    return cancelled_.load(std::memory_order_relaxed) || failed_.load(std::memory_order_relaxed);
  }
  // A hit must reach it: the highest k-th best of any thread.
  double threshold(std::size_t query) const noexcept {
    return thresholds_[query].load(std::memory_order_relaxed);
  }
  void raise_threshold(std::size_t query, double to) noexcept {
    double now = threshold(query);
    while (now < to && !thresholds_[query].compare_exchange_weak(now, to)) {
    }
  }
  void fail(Status status) noexcept {
    const std::scoped_lock lock(mutex_);
    if (failure_) failure_ = std::move(status);
    failed_ = true;
  }
  Status outcome() const {
    const std::scoped_lock lock(mutex_);
    if (!failure_) return failure_;
    return cancelled_.load() ? Status(Code::aborted, "aborted") : Status();
  }

 private:
  const std::atomic<bool>& cancelled_;
  std::vector<Block> blocks_;
  std::atomic<std::size_t> next_block_{0};
  std::vector<std::atomic<double>> thresholds_;
  std::atomic<bool> failed_{false};
  mutable std::mutex mutex_;
  Status failure_;
};

// One thread's part.
class Scan {
  struct IdLess {
    const Collection* collection;
    bool operator()(std::uint32_t a, std::uint32_t b) const { return collection->id_less(a, b); }
  };

 public:
  using Best = TopK<IdLess>;

  explicit Scan(Search& search)
      : search_(search),
        kernels_(simd::kernels()),
        codes_(search.has_codes ? columns(search) * 64 : 0),
        floats_(search.has_codes ? 0 : columns(search) * 64) {
    states_.reserve(search.queries.count());
    for (std::size_t query = 0; query < search.queries.count(); ++query) {
      states_.push_back({Best(search.request.top_k, IdLess{&search.collection}), -kInfinity, {}});
      set_threshold(query, search.threshold(query));
    }
  }

  Status run() {
    while (const Block* block = search_.next_block()) {
      for (std::size_t first = 0; first < states_.size(); first += kQueriesAtOnce) {
        if (Status status = scan(*block, first); !status) return status;
      }
    }
    return {};
  }
  Best& best(std::size_t query) noexcept { return states_[query].best; }

 private:
  struct State {
    Best best;
    double threshold;                  // what `bound` was made for
    std::optional<simd::Bound> bound;  // nullopt: every vector must be scored
  };

  // Slots of one word, and the rows that belong to them.
  struct Word {
    const Run& run;
    std::size_t run_index;
    std::uint32_t number;
    std::uint32_t row_count;
    std::uint64_t wanted;

    std::uint32_t first_place() const noexcept { return number * 64; }
  };

  static std::size_t columns(const Search& search) noexcept {
    return std::min(search.queries.count(), kQueriesAtOnce);
  }

  Status scan(const Block& block, std::size_t first_query) {
    const Run run = search_.collection.run(block.run);
    const Request& request = search_.request;
    const std::uint32_t begin = block.first_word * 64;
    const std::uint32_t count = std::min(block.end_word * 64, run.count) - begin;
    if (request.only && !request.only->meets(run.first_slot + begin, count)) return {};
    for (std::uint32_t number = block.first_word; number < block.end_word; ++number) {
      if (search_.stopped()) return {};
      const std::uint32_t first_slot = run.first_slot + number * 64;
      std::uint64_t wanted = search_.collection.live_word(block.run, number);
      if (request.only) wanted &= request.only->word(first_slot);
      if (!request.except.empty()) wanted &= ~request.except.word(first_slot);
      if (wanted == 0) continue;
      const std::uint32_t rows = std::min<std::uint32_t>(run.count - number * 64, 64);
      if (Status status = scan({run, block.run, number, rows, wanted}, first_query); !status) {
        return status;
      }
    }
    return {};
  }

  Status scan(const Word& word, std::size_t first_query) {
    const std::size_t count = std::min(states_.size() - first_query, kQueriesAtOnce);
    if (!search_.takes_all) {
      if (Status status = multiply(word, first_query, count); !status) return status;
    }
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint64_t reaching = word.wanted & reaching_of(word, first_query + i, i);
      if (reaching == 0) continue;
      if (Status status = score(word, first_query + i, reaching); !status) return status;
    }
    return {};
  }

  // The dot products of the queries with the word's codes, or vectors.
  Status multiply(const Word& word, std::size_t first_query, std::size_t count) {
    const QuerySet& queries = search_.queries;
    const auto check = search_.has_codes ? &Collection::check_codes : &Collection::check_vectors;
    Status status = (search_.collection.*check)(word.run_index, word.number, word.wanted);
    if (!status) return status;
    for_rows(word, [&](std::uint32_t first, std::uint32_t rows) {
      const std::uint32_t place = word.first_place() + first;
      if (search_.has_codes) {
        kernels_.code_dots(queries.codes(first_query), count,
                           word.run.codes + std::size_t{place} * word.run.code_stride, rows,
                           queries.code_stride(), codes_.data() + first);
      } else {
        kernels_.dots(queries.vectors(first_query), count, word.run.vector(place), rows,
                      queries.vector_stride(), floats_.data() + first);
      }
    });
    return {};
  }

  template <typename Visit>
  static void for_rows(const Word& word, Visit visit) {
    if (std::popcount(word.wanted) > kSparse) return visit(0, word.row_count);
    for (std::uint64_t bits = word.wanted; bits != 0; bits &= bits - 1) {
      visit(static_cast<std::uint32_t>(std::countr_zero(bits)), 1);
    }
  }

  std::uint64_t reaching_of(const Word& word, std::size_t query, std::size_t column) {
    set_threshold(query, search_.threshold(query));
    const std::optional<simd::Bound>& bound = states_[query].bound;
    if (!bound || search_.takes_all) return ~std::uint64_t{0};
    const std::uint32_t place = word.first_place();
    const std::size_t at = column * 64;
    if (!search_.has_codes) {
      return kernels_.dots_reaching(*bound, floats_.data() + at, word.run.norms + place,
                                    word.row_count);
    }
    const simd::CodeTerms terms{word.run.code_scales + place, word.run.code_errors + place,
                                word.run.norms + place};
    return kernels_.codes_reaching(*bound, codes_.data() + at, terms, word.row_count);
  }

  Status score(const Word& word, std::size_t query, std::uint64_t slots) {
    if (search_.has_codes || search_.takes_all) {
      Status status = search_.collection.check_vectors(word.run_index, word.number, slots);
      if (!status) return status;
    }
    Best& best = states_[query].best;
    const Request& request = search_.request;
    for (; slots != 0; slots &= slots - 1) {
      const auto place = word.first_place() + static_cast<std::uint32_t>(std::countr_zero(slots));
      const double score = search_.queries.score(query, word.run.vector(place));
      const bool is_hit = std::isfinite(score) && score >= request.min_score &&
                          distance_of(request.metric, score) <= request.max_distance;
      if (is_hit) best.offer({score, word.run.first_slot + place});
    }
    if (best.full()) search_.raise_threshold(query, best.threshold());
    return {};
  }

  void set_threshold(std::size_t query, double threshold) noexcept {
    State& state = states_[query];
    if (state.bound && threshold <= state.threshold) return;
    state.threshold = threshold;
    state.bound = search_.has_codes ? search_.queries.code_bound(query, threshold)
                                    : search_.queries.dot_bound(query, threshold);
  }

  Search& search_;
  const simd::Kernels& kernels_;
  std::vector<State> states_;
  AlignedArray<std::int32_t> codes_;
  AlignedArray<float> floats_;
};

std::vector<Candidate> merged(std::vector<std::unique_ptr<Scan>>& scans, std::size_t query) {
  Scan::Best& best = scans.front()->best(query);
  for (std::size_t i = 1; i < scans.size(); ++i) {
    for (const Candidate& candidate : scans[i]->best(query).take()) best.offer(candidate);
  }
  return best.take();
}

}  // namespace

Result<std::vector<std::vector<Candidate>>> flat_search(const Collection& collection,
                                                        const Request& request, Pool& pool,
                                                        const std::atomic<bool>& cancelled) {
  Search search(collection, request, cancelled);
  std::mutex mutex;
  std::vector<std::unique_ptr<Scan>> scans;
  const auto most = std::clamp<std::size_t>(search.block_count(), 1, request.threads);
  pool.run(static_cast<unsigned>(most - 1), [&]() noexcept {
    Status status = guarded([&] {
      auto scan = std::make_unique<Scan>(search);
      Status done = scan->run();
      const std::scoped_lock lock(mutex);
      scans.push_back(std::move(scan));
      return done;
    });
    if (!status) search.fail(std::move(status));
  });
  if (Status status = search.outcome(); !status) return status;
  std::vector<std::vector<Candidate>> out;
  out.reserve(search.queries.count());
  for (std::size_t query = 0; query < search.queries.count(); ++query) {
    out.push_back(merged(scans, query));
  }
  return out;
}

}  // namespace jvdb::search
