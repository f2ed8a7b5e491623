#include "engine/catalog.h"

#include <algorithm>

namespace jvdb::engine {

Place Directory::place_of(std::uint32_t slot) const noexcept {
  // Most lookups meet the last extent or few extents.
  std::size_t index = extents.size() - 1;
  if (slot < first_slots[index]) {
    const auto after = std::upper_bound(first_slots.begin(), first_slots.end(), slot);
    index = static_cast<std::size_t>(after - first_slots.begin()) - 1;
  }
  return {extents[index], slot - first_slots[index]};
}

Catalog::Catalog(const format::Schema& schema, std::uint64_t id_hash_seed, const Checker& checker,
                 std::size_t expected_ids)
    : schema_(schema),
      id_hash_seed_(id_hash_seed),
      checker_(checker),
      table_(std::make_unique<IdTable>(expected_ids)),
      directory_owner_(std::make_unique<Directory>()),
      directory_(directory_owner_.get()) {
  directory_owner_->table = table_.get();
}

Result<bool> Catalog::has_id(const Place& place, const Id& id, std::uint64_t hash) const {
  const std::uint64_t stored = place.extent->slots.id[place.slot];
  if (schema_.id_type == format::IdType::int64) return stored == id.number;
  if (stored != hash) return false;
  // Equal hashes are not equal ids.
  if (Status status = checker_.check(*place.extent, place.slot, Checker::heap); !status) {
    return status;
  }
  const auto entry = place.extent->heap_entry(place.record());
  return entry.has_value() && entry->id == id.text;
}

Catalog::Lookups::Lookups(const Catalog& catalog)
    : catalog_(catalog),
      pass_(catalog.gate_.enter()),
      point_(catalog.published_.load()),
      directory_(catalog.directory_.load(std::memory_order_acquire)) {
  // The table was rebuilt since: it may lack ids that were deleted after this point. A point loaded
  // now is at least the one the rebuild saw; it may need a directory that is newer still.
  while (point_.lsn < directory_->forgotten_lsn) {
    point_ = catalog.published_.load();
    directory_ = catalog.directory_.load(std::memory_order_acquire);
  }
}

Result<std::optional<Place>> Catalog::Lookups::find(const Id& id) const {
  const std::uint64_t wanted = catalog_.hash(id);
  Status failure;
  std::optional<Place> found;
  directory_->table->find(wanted, [&](std::uint32_t slot) {
    while (slot >= point_.slot_end && slot != kNoSlot) {
      // It may lie in an extent that was added since; the pass keeps this directory alive as well.
      const Place later = catalog_.directory_.load(std::memory_order_acquire)->place_of(slot);
      slot = later.extent->slots.previous[later.slot];
    }
    if (slot == kNoSlot) return false;
    const Place place = directory_->place_of(slot);
    const Result<bool> same = catalog_.has_id(place, id, wanted);
    if (!same) {
      failure = same.status();
      return true;
    }
    if (*same && lives_at(place, point_.lsn)) found = place;
    return *same;
  });
  if (!failure) return failure;
  return found;
}

bool Catalog::lives_at(const Place& place, std::uint64_t lsn) noexcept {
  const SlotArrays& slots = place.extent->slots;
  if (slots.live.test(place.slot)) return true;
  return slots.died[place.slot].load(std::memory_order_relaxed) > lsn;
}

std::vector<Extent*> Catalog::extents() const {
  const ReaderGate::Pass pass = gate_.enter();
  return directory_.load(std::memory_order_acquire)->extents;
}

std::uint64_t Catalog::file_end() const noexcept {
  const ReaderGate::Pass pass = gate_.enter();
  return directory_.load(std::memory_order_acquire)->extents.back()->geometry().end();
}

Tail Catalog::tail() const {
  const std::scoped_lock lock(tail_mutex_);
  return tail_;
}

void Catalog::reserve_ids(std::size_t more) {
  collect();
  if (table_->size() + more <= table_->capacity()) return;
  // Whoever looks an id up from here on sees what is published now, or later.
  const std::uint64_t forgotten = published_.load().lsn;
  // A bit for each slot that is the latest of an id some reader may still find: marking them first
  // lets their ids be read in order.
  std::vector<std::uint64_t> heads((std::size_t{slot_end_} + 63) / 64);
  std::size_t kept = 0;
  table_->for_each([&](std::uint32_t slot) {
    const Place place = place_of(slot);
    const std::uint64_t died = place.extent->slots.died[place.slot].load(std::memory_order_relaxed);
    if (died != 0 && died <= forgotten) return;
    heads[slot / 64] |= std::uint64_t{1} << (slot % 64);
    ++kept;
  });
  auto next = std::make_unique<Directory>(*directory_owner_);
  auto table = rebuilt(std::max(kept + more, kept + kept / 2), heads);
  next->table = table.get();
  next->forgotten_lsn = forgotten;
  retired_.reserve(retired_.size() + 1);
  table.swap(table_);
  install(std::move(next), std::move(table));
}

std::unique_ptr<IdTable> Catalog::rebuilt(std::size_t entries,
                                          const std::vector<std::uint64_t>& heads) const {
  auto table = std::make_unique<IdTable>(entries);
  for (std::size_t word = 0; word < heads.size(); ++word) {
    for (std::uint64_t bits = heads[word]; bits != 0; bits &= bits - 1) {
      const auto slot = static_cast<std::uint32_t>(word * 64) +
                        static_cast<std::uint32_t>(std::countr_zero(bits));
      const Place place = place_of(slot);
      table->insert(hash_of_stored(place.extent->slots.id[place.slot]), slot);
    }
  }
  return table;
}

std::unique_ptr<Directory> Catalog::directory_with(
    const std::vector<std::unique_ptr<Extent>>& extents) {
  auto next = std::make_unique<Directory>(*directory_owner_);
  for (const auto& extent : extents) {
    next->extents.push_back(extent.get());
    next->first_slots.push_back(extent->first_slot());
  }
  extents_.reserve(extents_.size() + extents.size());
  retired_.reserve(retired_.size() + 1);
  return next;
}

void Catalog::add_extents(std::unique_ptr<Directory> directory,
                          std::vector<std::unique_ptr<Extent>> extents) noexcept {
  for (auto& extent : extents) extents_.push_back(std::move(extent));
  install(std::move(directory), nullptr);
}

// Needs room for one more in retired_.
void Catalog::install(std::unique_ptr<Directory> next,
                      std::unique_ptr<IdTable> old_table) noexcept {
  directory_.store(next.get(), std::memory_order_seq_cst);
  directory_owner_.swap(next);
  retired_.push_back({std::move(next), std::move(old_table)});
  collect();
}

void Catalog::collect() noexcept {
  if (!waiting_.empty() && gate_.grace_over()) waiting_.clear();
  if (waiting_.empty() && !retired_.empty()) {
    waiting_.swap(retired_);
    gate_.begin_grace();
    if (gate_.grace_over()) waiting_.clear();
  }
}

void Catalog::apply_put(std::uint64_t hash, const Place& place, std::uint32_t record_index,
                        const format::Record& record, std::uint32_t previous) noexcept {
  SlotArrays& slots = place.extent->slots;
  slots.previous[place.slot] = previous;
  slots.id[place.slot] = record.id;
  slots.record[place.slot] = record_index;
  slots.norm[place.slot] = record.norm;
  slots.code_scale[place.slot] = record.code_scale;
  slots.code_error[place.slot] = record.code_error;
  slots.live.set_alone(place.slot);
  const std::uint32_t number = place.number();
  slot_end_ = number + 1;
  ++live_;
  // A deleted id may have left the table since `previous` was looked up.
  const auto at = previous == kNoSlot
                      ? std::nullopt
                      : table_->find(hash, [=](std::uint32_t slot) { return slot == previous; });
  if (at) {
    table_->replace(*at, number);
  } else {
    table_->insert(hash, number);
  }
  if (previous == kNoSlot) return;
  const Place before = place_of(previous);
  if (before.extent->slots.live.test(before.slot)) apply_remove(previous, record.lsn);
}

void Catalog::apply_remove(std::uint32_t slot, std::uint64_t lsn) noexcept {
  const Place place = place_of(slot);
  place.extent->slots.died[place.slot].store(lsn, std::memory_order_relaxed);
  place.extent->slots.live.clear_alone(place.slot);
  --live_;
  ++dead_;
}

void Catalog::publish(std::uint64_t lsn) noexcept {
  {
    const std::scoped_lock lock(tail_mutex_);
    tail_ = {lsn, static_cast<std::uint32_t>(extents_.size()), live_, dead_};
  }
  published_.store({lsn, slot_end_});
}

std::uint32_t Catalog::first_slot_above(std::uint64_t lsn) const noexcept {
  const ReaderGate::Pass pass = gate_.enter();
  std::uint32_t end = published_.load().slot_end;
  const std::vector<Extent*>& all = directory_.load(std::memory_order_acquire)->extents;
  for (auto at = all.rbegin(); at != all.rend(); ++at) {
    const Extent& extent = **at;
    const std::uint32_t* records = extent.slots.record.data();
    const std::uint32_t count = end > extent.first_slot() ? end - extent.first_slot() : 0;
    const auto* above = std::partition_point(records, records + count, [&](std::uint32_t record) {
      return extent.base_lsn() + record <= lsn;
    });
    if (above != records) return extent.first_slot() + static_cast<std::uint32_t>(above - records);
    end = std::min(end, extent.first_slot());
  }
  return 0;
}

std::size_t Catalog::memory_bytes() const noexcept {
  constexpr std::size_t slot_bytes = 8 + 8 + 4 + 4 + 4 + 4 + 4;  // SlotArrays without its bits
  const std::size_t slots = published_.load().slot_end;
  const ReaderGate::Pass pass = gate_.enter();
  return directory_.load(std::memory_order_acquire)->table->bytes() + slots * slot_bytes +
         slots / 2;
}

}  // namespace jvdb::engine
