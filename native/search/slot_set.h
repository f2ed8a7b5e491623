// Slots that a search is limited to, or passes over. Threads: const calls from any number of
// threads.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace jvdb::search {

class SlotSet {
 public:
  SlotSet() = default;
  explicit SlotSet(std::vector<std::uint32_t> slots) : slots_(std::move(slots)) {
    std::sort(slots_.begin(), slots_.end());
  }
  bool empty() const noexcept { return slots_.empty(); }
  // Whether any of the `count` slots from `first` on is in the set.
  bool meets(std::uint32_t first, std::uint32_t count) const noexcept {
    const auto at = std::lower_bound(slots_.begin(), slots_.end(), first);
    return at != slots_.end() && *at - first < count;
  }
  // Bit i: slot first + i is in the set.
  std::uint64_t word(std::uint32_t first) const noexcept {
    std::uint64_t out = 0;
    for (auto at = std::lower_bound(slots_.begin(), slots_.end(), first);
         at != slots_.end() && *at - first < 64; ++at) {
      out |= std::uint64_t{1} << (*at - first);
    }
    return out;
  }

 private:
  std::vector<std::uint32_t> slots_;
};

}  // namespace jvdb::search
