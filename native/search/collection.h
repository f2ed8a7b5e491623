// What a search reads: one snapshot's vectors, as the engine lays them open.
// Threads: const calls from any number of threads.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/status.h"

namespace jvdb::search {

// A run of slots that lie one after the other. Pointers are to what belongs to slot first_slot.
struct Run {
  std::uint32_t first_slot = 0;
  std::uint32_t count = 0;
  const std::byte* vectors = nullptr;
  std::size_t vector_stride = 0;        // bytes
  const float* norms = nullptr;         // L2 norm of each, rounded to float32
  const std::uint8_t* codes = nullptr;  // nullptr where the store keeps none
  std::size_t code_stride = 0;          // bytes
  const float* code_scales = nullptr;
  const float* code_errors = nullptr;

  const float* vector(std::uint32_t place) const noexcept {
    return reinterpret_cast<const float*>(vectors + std::size_t{place} * vector_stride);
  }
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
  // Check the vectors, or codes, of those slots against their checksums unless that was done
  // before.
  virtual Status check_vectors(std::size_t run, std::uint32_t word, std::uint64_t slots) const = 0;
  virtual Status check_codes(std::size_t run, std::uint32_t word, std::uint64_t slots) const = 0;
  // Whether slot a's id sorts before slot b's.
  virtual bool id_less(std::uint32_t a, std::uint32_t b) const = 0;
};

}  // namespace jvdb::search
