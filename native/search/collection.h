// What a search reads: one snapshot's vectors, as the engine lays them open.
// Threads: const calls from any number of threads.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/status.h"

namespace jvdb::search {

// A run of slots that lie one after the other.
struct Run {
  std::uint32_t first_slot = 0;
  std::uint32_t count = 0;
  const std::byte* vectors = nullptr;  // of slot first_slot
  std::size_t stride = 0;              // bytes
  const float* norms = nullptr;        // L2 norm of each, rounded to float32
};

class Collection {
 public:
  virtual ~Collection() = default;
  Collection() = default;
  Collection(const Collection&) = delete;
  Collection& operator=(const Collection&) = delete;

  virtual std::size_t run_count() const noexcept = 0;
  virtual Run run(std::size_t index) const noexcept = 0;
  // Bit i: slot 64·word + i of the run belongs to the snapshot.
  virtual std::uint64_t live_word(std::size_t run, std::uint32_t word) const noexcept = 0;
  // Checks the vectors of those slots against their checksums unless that was done before.
  virtual Status check_vectors(std::size_t run, std::uint32_t word, std::uint64_t slots) const = 0;
  // Whether slot a's id sorts before slot b's.
  virtual bool id_less(std::uint32_t a, std::uint32_t b) const = 0;
};

}  // namespace jvdb::search
