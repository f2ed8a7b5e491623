#include "engine/verify.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <optional>
#include <thread>

#include "base/hash.h"
#include "base/text.h"
#include "engine/changes.h"
#include "engine/clock.h"
#include "format/parse.h"
#include "format/seal.h"

namespace jvdb::engine {
namespace {

using format::Record;

class Verifier {
 public:
  Verifier(const VerifyInput& input, bool deep, Job& job)
      : file_(input.file),
        origin_(input.origin),
        catalog_(input.catalog),
        snapshot_(input.snapshot),
        deep_(deep),
        job_(job) {}

  Result<VerifyReport> run();

 private:
  Status check_heads();
  Status check_superblocks();
  Result<bool> superblock_is_whole(std::size_t copy);
  Status check_extent(std::size_t index);
  Status check_records();
  void check_record(const Changes::Step& step, const Record& record);
  const char* objection_to(const Changes::Step& step, const Record& record) const;
  const char* objection_to_payload(const Changes::Step& step, const Record& record) const;
  Status check_ids();
  std::uint64_t size_of(const Changes::Step& step) const noexcept;

  const os::File& file_;
  const NewFile::Origin& origin_;
  const Catalog& catalog_;
  const Snapshot& snapshot_;
  const bool deep_;
  Job& job_;
  VerifyReport report_;

  // Where the walk over the records is.
  const Extent* extent_ = nullptr;
  std::uint64_t floor_left_ = 0;
  std::uint64_t done_ = 0;  // bytes
  std::uint64_t lsn_ = 0;
  std::uint64_t time_us_ = 0;
  std::optional<std::uint64_t> heap_;  // bytes in use of the extent's, behind a whole record
  bool more_ = false;                  // of the group
};

Result<VerifyReport> Verifier::run() {
  const std::uint64_t began = now_us();
  report_.last_lsn = snapshot_.point().lsn;
  Status status = check_heads();
  if (status) status = check_superblocks();
  for (std::size_t i = 0; status && i < snapshot_.extents().size(); ++i) status = check_extent(i);
  if (status) status = check_records();
  if (status) status = check_ids();
  if (!status) return status;
  report_.bytes = done_;
  report_.duration_us = now_us() - began;
  return std::move(report_);
}

Status Verifier::check_heads() {
  format::Head first;
  format::Head copy;
  if (Status status = file_.read(0, &first, sizeof first); !status) return status;
  if (Status status = file_.read(format::kHeadCopyOffset, &copy, sizeof copy); !status)
    return status;
  const auto whole = [&](const format::Head& head) {
    return head.header.magic == format::kMagic && head.header.header_crc == format::crc_of(head) &&
           head.header.uuid == origin_.uuid;
  };
  if (!whole(first)) {
    report_.wrong(0, 0,
                  "the header is damaged; the copy of it is used, and the next writer repairs it");
  }
  if (!whole(copy)) report_.wrong(format::kHeadCopyOffset, 0, "the copy of the header is damaged");
  return {};
}

// A writer may be writing one of them.
Result<bool> Verifier::superblock_is_whole(std::size_t copy) {
  for (int attempt = 0; attempt < 10; ++attempt) {
    format::Superblock block;
    Status status = file_.read(format::kSuperblockOffsets[copy], &block, sizeof block);
    if (!status) return status;
    if (block.crc == format::crc_of(block)) return true;
    // The second one of a new file was never written.
    const format::Superblock zeros{};
    if (copy == 1 && std::memcmp(&block, &zeros, sizeof block) == 0) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

Status Verifier::check_superblocks() {
  for (const std::size_t copy : {0U, 1U}) {
    auto whole = superblock_is_whole(copy);
    if (!whole) return whole.status();
    if (*whole) continue;
    report_.wrong(
        format::kSuperblockOffsets[copy], 0,
        "a superblock is damaged, or was cut off by a loss of power; the other one is used, and "
        "the next flush writes over it");
  }
  return {};
}

Status Verifier::check_extent(std::size_t index) {
  const Extent& extent = *snapshot_.extents()[index];
  const format::ExtentGeometry& geometry = extent.geometry();
  format::ExtentHeader header;
  if (Status status = file_.read(geometry.offset, &header, sizeof header); !status) return status;
  const format::ExtentHeader expected = format::make_extent_header(
      geometry, origin_.schema, origin_.uuid, static_cast<std::uint32_t>(index + 1),
      extent.base_lsn(), header.epoch);
  if (std::memcmp(&header, &expected, sizeof header) != 0) {
    report_.wrong(geometry.offset, 0, text("the header of extent ", index + 1, " is damaged"));
  }
  return {};
}

std::uint64_t Verifier::size_of(const Changes::Step& step) const noexcept {
  const format::Schema& schema = origin_.schema;
  std::uint64_t size = sizeof(Record);
  if (!deep_) return size;
  if (step.put) size += schema.vector_bytes() + schema.code_stride();
  return size + std::uint64_t{step.extent->record(step.record).heap_length} * format::kHeapUnit;
}

Status Verifier::check_records() {
  auto changes = Changes::since(snapshot_, 0);
  if (!changes) return changes.status();
  floor_left_ = snapshot_.history_floor().records;
  if (floor_left_ == 0) {
    lsn_ = snapshot_.history_floor().lsn;
    if (lsn_ > 0) time_us_ = snapshot_.history_floor().time_us;
  }
  for (Changes::Step step; changes->step(step);) {
    if (step.extent != extent_) heap_ = 0;
    extent_ = step.extent;
    const Record record = extent_->record(step.record);  // a copy: it may change meanwhile
    check_record(step, record);
    const std::uint64_t size = size_of(step);
    done_ += size;
    if (Status status = job_.advance(size); !status) return status;
  }
  if (more_) report_.wrong(0, lsn_, "the last operation belongs to a group whose end is missing");
  return {};
}

void Verifier::check_record(const Changes::Step& step, const Record& record) {
  const std::uint64_t offset =
      extent_->geometry().records_offset() + std::uint64_t{step.record} * sizeof(Record);
  const char* objection = objection_to(step, record);
  const bool whole = objection == nullptr;
  if (whole && deep_) objection = objection_to_payload(step, record);
  if (objection != nullptr) {
    report_.wrong(offset, whole ? record.lsn : 0,
                  text("the record at byte ", offset, " ", objection));
  }
  ++report_.records;
  // Where it goes on, whatever this record says.
  lsn_ = whole ? record.lsn : lsn_ + 1;
  time_us_ = whole ? record.timestamp_us : time_us_;
  if (!whole) {
    heap_ = std::nullopt;
  } else if (record.heap_length > 0) {
    heap_ = (std::uint64_t{record.heap_offset} + record.heap_length) * format::kHeapUnit;
  }
  more_ = whole && format::more_follows(record);
  if (floor_left_ == 1) lsn_ = snapshot_.history_floor().lsn;
  floor_left_ -= std::min<std::uint64_t>(floor_left_, 1);
}

const char* Verifier::objection_to(const Changes::Step& step, const Record& record) const {
  if (record.record_crc != format::crc_of(record)) return "does not match its checksum";
  const bool in_order = floor_left_ > 0 ? record.lsn > lsn_ : record.lsn == lsn_ + 1;
  if (!in_order) return "has an LSN out of order";
  if (record.timestamp_us <= time_us_) return "is dated before the one that it follows";
  const bool put = format::operation_of(record) == format::Operation::put;
  if (put != step.put) return "is another operation than the one that was taken in";
  const std::uint64_t own = std::min(std::uint64_t{record.heap_offset} * format::kHeapUnit,
                                     extent_->geometry().counts.heap_bytes);
  if (!format::record_fits(record, origin_.schema, extent_->geometry(), step.slot,
                           heap_.value_or(own))) {
    return "points outside its extent, or has values out of range";
  }
  return nullptr;
}

const char* Verifier::objection_to_payload(const Changes::Step& step, const Record& record) const {
  if (!extent_->heap_matches(record))
    return "has an id or metadata that don't match their checksum";
  const auto entry = extent_->heap_entry(record);
  if (!entry) return "has an id or metadata that contradict their own length";
  if (!entry->id.empty() && hash_text(entry->id, origin_.id_hash_seed) != record.id) {
    return "has an id that does not match its hash";
  }
  if (!step.put) return nullptr;
  if (!extent_->vector_matches(record, step.slot)) {
    return "has a vector that doesn't match its checksum";
  }
  if (!extent_->code_matches(record, step.slot)) {
    return "has a code that doesn't match its checksum";
  }
  return nullptr;
}

Status Verifier::check_ids() {
  const bool numbers = origin_.schema.id_type == format::IdType::int64;
  for (auto slot = snapshot_.next(0); slot; slot = snapshot_.next(*slot + 1)) {
    ++report_.live;
    if (report_.live % 1024 == 0) {
      if (Status status = job_.go_on(); !status) return status;
    }
    const Place place = snapshot_.place_of(*slot);
    Id id{place.extent->slots.id[place.slot], {}};
    if (!numbers) {
      const auto entry = place.extent->heap_entry(place.record());
      if (!entry) continue;  // it was told
      id.text = entry->id;
    }
    const auto found = catalog_.find(id);
    if (!found || (*found && (*found)->number() == *slot)) continue;
    // It may have been replaced since the snapshot was taken.
    if (!Catalog::lives_at(place, ~std::uint64_t{0})) continue;
    report_.wrong(0, place.record().lsn,
                  text("the id of the vector in slot ", *slot, " leads elsewhere"));
  }
  const Tail tail = catalog_.tail();
  if (tail.lsn == snapshot_.point().lsn && tail.live != report_.live) {
    report_.wrong(0, 0,
                  text("there are ", report_.live, " vectors, and ", tail.live, " are counted"));
  }
  return {};
}

}  // namespace

void VerifyErrors::wrong(std::uint64_t offset, std::uint64_t lsn, std::string message) {
  ++error_count;
  if (errors.size() < kMostErrors) errors.push_back({offset, lsn, std::move(message)});
}

Result<VerifyReport> verify(const VerifyInput& input, bool deep, Job& job) {
  return Verifier(input, deep, job).run();
}

}  // namespace jvdb::engine
