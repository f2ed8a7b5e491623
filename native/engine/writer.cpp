#include "engine/writer.h"

#include <algorithm>
#include <optional>

#include "base/checked.h"
#include "base/guarded.h"
#include "format/seal.h"

namespace jvdb::engine {

using format::Operation;
using format::Record;

namespace {

constexpr std::uint64_t kPage = 4096;

}  // namespace

Writer::Writer(os::File& file, const Protocol& protocol, const format::ParsedFile& parsed,
               os::Advice access, Catalog& catalog, const Checker& checker, Journal& journal,
               const WritePosition& end)
    : file_(file),
      protocol_(protocol),
      schema_(parsed.schema),
      uuid_(parsed.head.header.uuid),
      access_(access),
      catalog_(catalog),
      journal_(journal),
      end_(end),
      plan_(catalog, checker, parsed.schema),
      payload_(file, parsed.schema) {}

class Writer::NewSpace {
 public:
  explicit NewSpace(os::File& file) noexcept : file_(file) {}
  NewSpace(const NewSpace&) = delete;
  NewSpace& operator=(const NewSpace&) = delete;
  ~NewSpace() {
    if (kept_ || !old_size_) return;
    extents.clear();
    (void)file_.resize(*old_size_);
  }
  Status begin() {
    auto info = file_.info();
    if (info) old_size_ = info->size;
    return info.status();
  }
  void keep() noexcept { kept_ = true; }

  std::vector<std::unique_ptr<Extent>> extents;

 private:
  os::File& file_;
  std::optional<std::uint64_t> old_size_;
  bool kept_ = false;
};

Result<Appended> Writer::append(const Mutations& mutations) {
  auto result = append_locked(mutations);
  plan_.clear();
  return result;
}

Result<Appended> Writer::append_locked(const Mutations& mutations) {
  if (Status status = journal_.writable(); !status) return status;
  if (Status status = plan_.make(mutations, end_); !status) return status;
  // An id that could not be read is not an absent one.
  if (Status status = file_.intact(); !status) return status;
  if (plan_.records().empty()) return Appended{};
  if (Status status = prepare(); !status) return status;

  NewSpace space(file_);
  if (Status status = grow(space); !status) return status;
  catalog_.reserve_ids(plan_.new_ids());
  used_.reserve(used_.size() + plan_.new_extents().size());
  auto directory = space.extents.empty() ? nullptr : catalog_.directory_with(space.extents);
  if (Status status = payload_.write(plan_); !status) return status;
  // What an update keeps was read again.
  if (Status status = file_.intact(); !status) return status;

  space.keep();  // from here on a follower may map it
  Status status = guarded([&] {
    Status written = write_headers();
    return written ? write_records() : std::move(written);
  });
  if (!status) {
    // What was written of the group must never count: later records could complete it.
    // Where that fails too, the journal takes no more writes.
    if (protocol_.epoch_after_failed_append) (void)journal_.begin_epoch();
    end_.epoch = journal_.epoch();
    return status;
  }
  if (directory) catalog_.add_extents(std::move(directory), std::move(space.extents));
  apply();
  return Appended{end_.lsn, plan_.stored(), plan_.removed()};
}

// Before a handle's first write, which is planned already.
Status Writer::prepare() {
  if (journal_.epoch() != 0) return {};
  used_.reserve(1);
  if (Status status = reserve_tail(); !status) return status;
  if (Status status = journal_.begin_epoch(); !status) return status;
  used_.push_back({catalog_.last_extent().geometry(), end_.fill});
  end_.epoch = journal_.epoch();
  plan_.set_epoch(end_.epoch);
  return {};
}

// Closing gave the unused blocks of the last extent back, and creating took none.
Status Writer::reserve_tail() {
  auto info = file_.info();
  if (!info) return info.status();
  if (info->allocated >= info->size) return {};
  const format::ExtentGeometry& extent = catalog_.last_extent().geometry();
  Status status;
  for_unused(extent, schema_, end_.fill, [&](std::uint64_t begin, std::uint64_t end) {
    if (status && begin < end) status = file_.reserve(begin, end - begin);
  });
  if (!status) give_back(extent, end_.fill);
  return status;
}

void Writer::give_back(const format::ExtentGeometry& extent, const Fill& fill) noexcept {
  for_unused(extent, schema_, fill, [&](std::uint64_t begin, std::uint64_t end) {
    begin = align_up(begin, kPage);
    if (begin < end) file_.punch(begin, end - begin);
  });
}

Status Writer::grow(NewSpace& space) {
  const auto& added = plan_.new_extents();
  if (added.empty()) return {};
  if (Status status = file_.has_bytes(catalog_.file_end()); !status) return status;
  if (Status status = space.begin(); !status) return status;
  const std::uint64_t begin = added.front().geometry.offset;
  const std::uint64_t end = added.back().geometry.end();
  Status status =
      protocol_.reserve_before_map ? file_.reserve(begin, end - begin) : file_.resize(end);
  if (!status) return status;
  const std::size_t first = plan_.segments().size() - added.size();
  for (std::size_t i = 0; i < added.size(); ++i) {
    const std::uint32_t first_slot = plan_.segments()[first + i].first_slot;
    auto extent = Extent::map(file_, added[i], schema_, access_, first_slot);
    if (!extent) return extent.status();
    space.extents.push_back(std::move(*extent));
  }
  return {};
}

Status Writer::write_headers() {
  std::uint32_t seq = catalog_.tail().extent_count;
  for (const format::ParsedExtent& extent : plan_.new_extents()) {
    const format::ExtentHeader header = format::make_extent_header(
        extent.geometry, schema_, uuid_, ++seq, extent.base_lsn, end_.epoch);
    Status status = file_.write(extent.geometry.offset, &header, sizeof header);
    if (!status) return status;
  }
  return {};
}

// The last step: with the group's last record on its place, the group counts.
Status Writer::write_records() {
  const Record* records = plan_.records().data();
  for (const Segment& segment : plan_.segments()) {
    const std::uint64_t at =
        segment.extent.records_offset() + std::uint64_t{segment.before.records} * sizeof(Record);
    Status status = file_.write(at, records + segment.first, segment.count * sizeof(Record));
    if (!status) return status;
  }
  return {};
}

void Writer::apply() noexcept {
  for (const Segment& segment : plan_.segments()) {
    std::uint32_t slot = segment.first_slot;
    std::uint32_t record_index = segment.before.records;
    for (std::size_t i = segment.first; i < segment.first + segment.count; ++i, ++record_index) {
      const Record& record = plan_.records()[i];
      if (operation_of(record) == Operation::remove) {
        catalog_.apply_remove(plan_.previous(i), record.lsn);
        continue;
      }
      catalog_.apply_put(catalog_.record_hash(record), catalog_.place_of(slot++), record_index,
                         record, plan_.previous(i));
    }
    if (slot > segment.first_slot) {
      const Place first = catalog_.place_of(segment.first_slot);
      SlotArrays& slots = first.extent->slots;
      const std::uint32_t count = slot - segment.first_slot;
      slots.vector_checked.set_range(first.slot, count);
      slots.code_checked.set_range(first.slot, count);
      slots.heap_checked.set_range(first.slot, count);
    }
    if (used_.back().extent.offset != segment.extent.offset) used_.push_back({segment.extent, {}});
    used_.back().fill = segment.after;
  }
  end_ = plan_.end();
  catalog_.publish(end_.lsn);
}

void Writer::release_unused() noexcept {
  for (const Used& used : used_) give_back(used.extent, used.fill);
}

}  // namespace jvdb::engine
