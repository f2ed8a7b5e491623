// The k best candidates seen so far. Threads: one at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace jvdb::search {

struct Candidate {
  double score = 0;  // grows with likeness
  std::uint32_t slot = 0;
};

// `Less(a, b)` says whether slot a's id sorts before slot b's; it is asked only for equal scores.
template <typename Less>
class TopK {
 public:
  TopK(std::size_t k, Less less) : k_(k), less_(std::move(less)) {}

  bool full() const noexcept { return heap_.size() == k_; }
  // A candidate whose score is below this cannot enter.
  double threshold() const noexcept {
    return full() ? heap_.front().score : -std::numeric_limits<double>::infinity();
  }
  void offer(Candidate candidate) {
    const auto better = [this](const Candidate& a, const Candidate& b) { return precedes(a, b); };
    if (!full()) {
      heap_.push_back(candidate);
    } else {
      if (!precedes(candidate, heap_.front())) return;
      std::pop_heap(heap_.begin(), heap_.end(), better);
      heap_.back() = candidate;
    }
    std::push_heap(heap_.begin(), heap_.end(), better);
  }
  // Best first; leaves nothing behind.
  std::vector<Candidate> take() {
    std::sort_heap(heap_.begin(), heap_.end(),
                   [this](const Candidate& a, const Candidate& b) { return precedes(a, b); });
    return std::exchange(heap_, {});
  }

 private:
  bool precedes(const Candidate& a, const Candidate& b) const {
    return a.score > b.score || (a.score == b.score && less_(a.slot, b.slot));
  }

  std::size_t k_;  // ≥ 1
  Less less_;
  std::vector<Candidate> heap_;  // the worst in front
};

}  // namespace jvdb::search
