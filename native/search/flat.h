// Exact search: every vector of a snapshot is looked at. Threads: a free function; any number of
// searches at once.
#pragma once

#include <atomic>
#include <cstddef>
#include <span>
#include <vector>

#include "base/status.h"
#include "format/layout.h"
#include "search/collection.h"
#include "search/top_k.h"

namespace jvdb::search {

// The `top_k` (≥ 1) vectors most like `query`, best first, equal scores by id. Score: cosine
// similarity in [−1, 1] (0 where either vector is zero), dot product, or −L2 distance, each a
// float64 computed by the exact kernels and so the same on every machine. Vectors with a value that
// isn't finite are never hits; `query` must be finite. Code::aborted once `cancelled` is seen true.
Result<std::vector<Candidate>> flat_search(const Collection& collection,
                                           std::span<const float> query, format::Metric metric,
                                           std::size_t top_k, const std::atomic<bool>& cancelled);

}  // namespace jvdb::search
