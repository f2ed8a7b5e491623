// One extent of an open store: its mapping and, for each slot, what is derived from the records.
// Threads: the writer fills a slot before it publishes it; from then on only `died`, the live bit
// and the checked bits change, and they are atomic. Lives until the store is closed.
//
// Order of a replacement or deletion at LSN d: died = d, then the live bit is cleared (release),
// then d is published (release). A reader at LSN L that sees the bit set knows d > L or no d; one
// that sees it clear (acquire) sees died, and the slot lives for it exactly if died > L.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "base/status.h"
#include "base/zeroed_array.h"
#include "format/geometry.h"
#include "format/layout.h"
#include "format/parse.h"
#include "format/schema.h"
#include "os/file.h"

namespace jvdb::engine {

class BitSet {
 public:
  explicit BitSet(std::size_t bits) : words_((bits + 63) / 64) {}
  // The word that holds bits 64·index … 64·index + 63.
  std::uint64_t word(std::size_t index) const noexcept {
    return words_[index].load(std::memory_order_acquire);
  }
  bool test(std::size_t bit) const noexcept { return (word(bit / 64) >> (bit % 64) & 1) != 0; }
  void set(std::size_t bit) noexcept { set_range(bit, 1); }
  // For bits that one thread at a time changes: no locked instruction.
  void set_alone(std::size_t bit) noexcept {
    change_alone(bit, word(bit / 64) | std::uint64_t{1} << (bit % 64));
  }
  void clear_alone(std::size_t bit) noexcept {
    change_alone(bit, word(bit / 64) & ~(std::uint64_t{1} << (bit % 64)));
  }
  void set_range(std::size_t first, std::size_t count) noexcept {
    for (const std::size_t end = first + count; first < end;) {
      const std::size_t in_word = std::min<std::size_t>(64 - first % 64, end - first);
      const std::uint64_t bits =
          in_word == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << in_word) - 1;
      words_[first / 64].fetch_or(bits << (first % 64), std::memory_order_release);
      first += in_word;
    }
  }

 private:
  void change_alone(std::size_t bit, std::uint64_t word) noexcept {
    words_[bit / 64].store(word, std::memory_order_release);
  }

  ZeroedArray<std::atomic<std::uint64_t>> words_;
};

// What one slot holds besides its columns; element i belongs to slot first_slot + i.
struct SlotArrays {
  explicit SlotArrays(std::size_t slots)
      : id(slots),
        died(slots),
        previous(slots),
        record(slots),
        norm(slots),
        code_scale(slots),
        code_error(slots),
        live(slots),
        vector_checked(slots),
        code_checked(slots),
        heap_checked(slots) {}

  ZeroedArray<std::uint64_t> id;                 // as in the record: a lookup need not touch that
  ZeroedArray<std::atomic<std::uint64_t>> died;  // LSN of its replacement or deletion, 0 = none
  ZeroedArray<std::uint32_t> previous;           // slot before it of the same id, or kNoSlot
  ZeroedArray<std::uint32_t> record;             // index among the extent's records
  ZeroedArray<float> norm;
  ZeroedArray<float> code_scale;
  ZeroedArray<float> code_error;
  BitSet live;  // the writer's to change
  // Set once the bytes were compared with their checksum, or written by this process (rule 17).
  BitSet vector_checked;
  BitSet code_checked;
  BitSet heap_checked;
};

class Extent {
 public:
  // Maps an extent whose place in the file was validated and whose space is there. May throw
  // bad_alloc.
  static Result<std::unique_ptr<Extent>> map(const os::File& file,
                                             const format::ParsedExtent& parsed,
                                             const format::Schema& schema, os::Advice access,
                                             std::uint32_t first_slot);

  const format::ExtentGeometry& geometry() const noexcept { return geometry_; }
  std::uint64_t base_lsn() const noexcept { return base_lsn_; }
  std::uint32_t first_slot() const noexcept { return first_slot_; }

  // The mapped bytes. `slot` counts from first_slot().
  const format::Record& record(std::uint32_t index) const noexcept { return records()[index]; }
  const format::Record* records() const noexcept {
    return reinterpret_cast<const format::Record*>(at(geometry_.records_offset()));
  }
  const float* vector(std::uint32_t slot) const noexcept {
    return reinterpret_cast<const float*>(vectors() + std::size_t{slot} * schema_.vector_stride());
  }
  std::uint32_t vector_stride() const noexcept { return schema_.vector_stride(); }
  const std::byte* vectors() const noexcept { return at(geometry_.vectors_offset); }
  const std::byte* code(std::uint32_t slot) const noexcept {
    return codes() + std::size_t{slot} * schema_.code_stride();
  }
  bool has_codes() const noexcept { return schema_.has_codes; }
  std::uint32_t code_stride() const noexcept { return schema_.code_stride(); }
  const std::byte* codes() const noexcept { return at(geometry_.codes_offset); }
  // The vector in a mapping of its own, where whoever looks at it may write: neither the file nor
  // the engine sees that (rule 14). nullptr where that can't be had: for pages that aren't
  // completely written, or where the system refuses. `used` slots of the extent are.
  std::shared_ptr<const float> view(const os::File& file, std::uint32_t slot, std::uint32_t used);
  // Whether one of those is alive.
  bool viewed();
  // The mapped byte at an offset of the file inside the extent.
  const std::byte* at(std::uint64_t file_offset) const noexcept {
    return mapping_->data() + (file_offset - geometry_.offset);
  }
  // Of a record whose place in the heap was validated.
  const std::byte* heap_bytes(const format::Record& record) const noexcept {
    return at(geometry_.heap_offset) + std::uint64_t{record.heap_offset} * format::kHeapUnit;
  }
  // nullopt where the bytes contradict themselves; they are not compared with their checksum.
  std::optional<format::HeapEntry> heap_entry(const format::Record& record) const noexcept {
    return format::heap_entry(record, schema_.id_type, at(geometry_.heap_offset),
                              geometry_.counts.heap_bytes);
  }

  // Whether the bytes a record stands for match its checksums. Places must have been validated.
  bool vector_matches(const format::Record& record, std::uint32_t slot) const noexcept;
  bool code_matches(const format::Record& record, std::uint32_t slot) const noexcept;
  bool heap_matches(const format::Record& record) const noexcept;

 private:
  Extent(const format::ParsedExtent& parsed, const format::Schema& schema, std::uint32_t first_slot,
         std::unique_ptr<os::Mapping> mapping)
      : geometry_(parsed.geometry),
        base_lsn_(parsed.base_lsn),
        schema_(schema),
        first_slot_(first_slot),
        mapping_(std::move(mapping)),
        slots(parsed.geometry.counts.slots) {}

  const format::ExtentGeometry geometry_;
  const std::uint64_t base_lsn_;
  const format::Schema schema_;
  const std::uint32_t first_slot_;
  const std::unique_ptr<os::Mapping> mapping_;

  std::mutex views_mutex_;
  std::shared_ptr<os::Mapping> views_;  // of the vector column, from its first view on
  bool views_refused_ = false;

 public:
  SlotArrays slots;
};

}  // namespace jvdb::engine
