// Exact search: the answer is that of scoring every vector of a snapshot, though most are passed
// over by a bound. Threads: a free function; any number of searches at once.
#pragma once

#include <atomic>
#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "base/status.h"
#include "format/layout.h"
#include "search/collection.h"
#include "search/pool.h"
#include "search/slot_set.h"
#include "search/top_k.h"

namespace jvdb::search {

struct Request {
  std::span<const float> queries;  // of `dimension` finite values each, one after the other
  std::size_t dimension = 0;
  format::Metric metric = format::Metric::cosine;
  std::size_t top_k = 0;  // ≥ 1
  double min_score = -std::numeric_limits<double>::infinity();
  double max_distance = std::numeric_limits<double>::infinity();
  std::optional<SlotSet> only;
  SlotSet except;
  unsigned threads = 1;  // at most, this one included
};

// Falls with likeness: 1 − cosine, −dot product, L2 distance.
inline double distance_of(format::Metric metric, double score) noexcept {
  return metric == format::Metric::cosine ? 1.0 - score : 0.0 - score;
}

// For each query the `top_k` vectors most like it, best first, equal scores by id. Scores: see
// QuerySet. Vectors with a value that isn't finite are never hits. Code::aborted once `cancelled`
// is seen true. May throw bad_alloc.
Result<std::vector<std::vector<Candidate>>> flat_search(const Collection& collection,
                                                        const Request& request, Pool& pool,
                                                        const std::atomic<bool>& cancelled);

}  // namespace jvdb::search
