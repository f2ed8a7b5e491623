// What records of a damaged file stand for, read with no more trust than it deserves.
// Threads: one at a time for each object.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "base/status.h"
#include "engine/rows.h"
#include "format/parse.h"
#include "os/file.h"

namespace jvdb::engine {

using Bytes = std::vector<std::byte>;

// The last put of an id, as far as it could be read.
struct Found {
  format::Record record;
  std::size_t extent = 0;
};

// The parts of a damaged file that records stand for. A failure to read them is damage.
class Payload {
 public:
  Payload(const os::File& file, const format::ScannedFile& scanned)
      : file_(file), scanned_(scanned) {}

  // Whether the record points to where its extent keeps such things.
  bool placed(const Found& found) const noexcept;
  bool vector(const Found& found, std::byte* to) const;
  bool heap(const Found& found, Bytes& to) const;

 private:
  const os::File& file_;
  const format::ScannedFile& scanned_;
};

// What was found to be whole, read once more.
class SalvagedRows final : public Rows {
 public:
  SalvagedRows(const Payload& payload, const format::Schema& schema, std::vector<Found> found)
      : payload_(payload), schema_(schema), found_(std::move(found)) {}

  Result<bool> next(Row& out) override;
  std::optional<RowSize> peek() override {
    if (peeked_ == found_.size()) return std::nullopt;
    return RowSize{true, std::uint64_t{found_[peeked_++].record.heap_length} * format::kHeapUnit};
  }
  void rewind() override { peeked_ = next_; }
  void release() noexcept override { buffers_.clear(); }

 private:
  std::byte* room(std::size_t size) { return buffers_.emplace_back(size).data(); }

  const Payload& payload_;
  const format::Schema schema_;
  const std::vector<Found> found_;
  std::size_t next_ = 0;
  std::size_t peeked_ = 0;
  std::deque<Bytes> buffers_;
};

}  // namespace jvdb::engine
