#include "engine/rows.h"

#include "base/text.h"

namespace jvdb::engine {
namespace {

using format::Operation;

constexpr unsigned kAll = Checker::vector | Checker::code | Checker::heap;

RowSize size_of(const format::Record& record, bool put) noexcept {
  return {put, std::uint64_t{record.heap_length} * format::kHeapUnit};
}

// By its place in the journal, whatever the record says by now.
std::uint64_t lsn_of(const Changes::Step& at) noexcept {
  return at.extent->base_lsn() + at.record;
}

// `slot` of a put, else the next put's.
Status read_row(const Snapshot& snapshot, const Changes::Step& at, Row& out) {
  Extent& extent = *at.extent;
  const Checker& checker = snapshot.checker();
  Status status = at.put ? checker.check(extent, at.slot, kAll)
                         : checker.check_removal(extent, at.record, at.slot);
  if (!status) return status;
  out = Row{};
  // Its own checksum will be made anew: what is damaged must not come to look whole.
  auto record =
      checker.whole_record(extent, at.record, at.put ? Operation::put : Operation::remove);
  if (!record) return record.status();
  out.record = *record;
  if (at.put) {
    out.vector = reinterpret_cast<const std::byte*>(extent.vector(at.slot));
    if (extent.has_codes()) out.code = extent.code(at.slot);
  }
  if (out.record.heap_length != 0) out.heap = extent.heap_bytes(out.record);
  return {};
}

}  // namespace

Result<bool> LiveRows::next(Row& out) {
  const auto slot = snapshot_.next(next_);
  if (!slot) return false;
  next_ = *slot + 1;
  const Place place = snapshot_.place_of(*slot);
  const Changes::Step at{place.extent, place.extent->slots.record[place.slot], place.slot, true};
  if (Status status = read_row(snapshot_, at, out); !status) return status;
  return true;
}

std::optional<RowSize> LiveRows::peek() {
  const auto slot = snapshot_.next(peeked_);
  if (!slot) return std::nullopt;
  peeked_ = *slot + 1;
  return size_of(snapshot_.place_of(*slot).record(), true);
}

Result<HistoryRows> HistoryRows::between(const Snapshot& snapshot, std::uint64_t since_lsn,
                                         std::uint64_t last_lsn) {
  const std::uint64_t floor = snapshot.history_floor().lsn;
  if (since_lsn < floor) {
    return Status(Code::not_found,
                  text("what followed LSN ", since_lsn, " is no longer in the file one by one, a ",
                       "compaction kept what followed LSN ", floor, "; make a whole copy"));
  }
  if (since_lsn > snapshot.point().lsn) {
    return Status(Code::conflict,
                  text("there is no LSN ", since_lsn, ", the last is ", snapshot.point().lsn,
                       ": it is of another history; make a whole copy"));
  }
  auto changes = Changes::since(snapshot, since_lsn);
  if (!changes) return changes.status();
  return HistoryRows(snapshot, *changes, since_lsn, last_lsn);
}

Result<bool> HistoryRows::next(Row& out) {
  Changes::Step at;
  if (ended_ || !changes_.step(at)) return false;
  if (Status status = read_row(*snapshot_, at, out); !status) return status;
  ended_ = lsn_of(at) >= last_lsn_;
  return true;
}

std::optional<RowSize> HistoryRows::peek() {
  Changes::Step at;
  if (peek_ended_ || !peeked_.step(at)) return std::nullopt;
  peek_ended_ = lsn_of(at) >= last_lsn_;
  return size_of(at.extent->record(at.record), at.put);
}

void HistoryRows::rewind() {
  peeked_ = changes_;
  peek_ended_ = ended_;
}

}  // namespace jvdb::engine
