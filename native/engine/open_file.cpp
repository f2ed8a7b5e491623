#include "engine/open_file.h"

#include <algorithm>
#include <cmath>

#include "base/guarded.h"
#include "base/text.h"
#include "search/flat.h"
#include "simd/kernels.h"

namespace jvdb::engine {
namespace {

constexpr char kDamageAdvice[] = "; restore a backup, or salvage what is whole from a copy";

// How many ids the table must hold at least, never more than the file has room for.
std::size_t expected_ids(const format::ParsedFile& parsed) {
  std::uint64_t slots = 0;
  for (const format::ParsedExtent& extent : parsed.extents) slots += extent.geometry.counts.slots;
  return std::min(parsed.superblock.live_count, slots);
}

// A history that no compaction has cut begins with the database.
HistoryFloor floor_of(const format::ParsedFile& parsed) noexcept {
  const format::Superblock& block = parsed.superblock;
  const std::uint64_t time_us =
      block.history_floor_lsn == 0 ? parsed.head.identity.created_us : block.history_floor_time_us;
  return {block.history_floor_lsn, block.floor_records, time_us};
}

}  // namespace

Status forked_failure(const std::string& path) noexcept {
  return guarded([&]() -> Status {
    return {Code::forked,
            text(path,
                 " was opened by the parent of this process, which forked without exec: "
                 "start a new program to use it, for this one shares the parent's lock")};
  });
}

OpenFile::OpenFile(std::shared_ptr<os::File> file, const OpenOptions& options,
                   const format::ParsedFile& parsed)
    : file_(std::move(file)),
      id_(parsed.file_id),
      schema_(parsed.schema),
      access_(options.access),
      origin_{parsed.schema, parsed.head.header.uuid, parsed.head.identity.created_us,
              parsed.head.identity.id_hash_seed},
      history_floor_(floor_of(parsed)),
      checker_(*file_, kDamageAdvice, parsed.head.identity.id_hash_seed, options.read_only),
      catalog_(parsed.schema, parsed.head.identity.id_hash_seed, checker_, expected_ids(parsed)) {}

void OpenFile::begin_writing(const Protocol& protocol, const format::ParsedFile& parsed,
                             const HistoryEnd& end) {
  journal_ = std::make_unique<Journal>(*file_, protocol, parsed, catalog_, checker_);
  writer_ =
      std::make_unique<Writer>(*file_, protocol, parsed, access_, catalog_, checker_, *journal_,
                               WritePosition{end.lsn, end.timestamp_us, 0, end.fill});
}

Result<std::shared_ptr<OpenFile>> OpenFile::open(std::shared_ptr<os::File> file,
                                                 const OpenOptions& options, bool increment) {
  return guarded([&]() -> Result<std::shared_ptr<OpenFile>> {
    if (auto level = simd::choose(); !level) return level.status();
    format::ParseOptions parsing{options.protocol.epoch_in_extent_header, std::nullopt, increment};
    if (options.read_only) parsing.followed_from = 0;
    auto parsed = format::parse_file(*file, parsing);
    if (!parsed) return parsed.status();
    std::shared_ptr<OpenFile> opened(new OpenFile(std::move(file), options, *parsed));
    Status status = opened->recover(options, *parsed);
    if (Status fault = opened->intact(); !fault) return fault;
    if (!status) return status;
    return opened;
  });
}

Status OpenFile::recover(const OpenOptions& options, const format::ParsedFile& parsed) {
  auto recovered = engine::recover({*file_, options.protocol, parsed, options.access, catalog_});
  if (!recovered) return recovered.status();
  recovery_ = recovered->report;
  if (options.read_only) {
    auto follower = Follower::begin(*file_, options.protocol, parsed, options.access, catalog_,
                                    checker_, recovered->end);
    if (follower) follower_ = std::move(*follower);
    return follower.status();
  }
  if (options.protocol.distrust_unsynced) {  // until the first sync
    checker_.distrust(recovered->end.first_unsynced_slot, parsed.superblock.epoch,
                      parsed.superblock.durable_lsn);
  }
  begin_writing(options.protocol, parsed, recovered->end);
  return {};
}

std::uint64_t OpenFile::capacity() const {
  std::uint64_t slots = 0;
  for (const Extent* extent : catalog_.extents()) slots += extent->geometry().counts.slots;
  return slots;
}

Result<Stats> OpenFile::stats() const {
  return here([&]() -> Result<Stats> {
    auto info = file_->info();
    if (!info) return info.status();
    const Tail tail = catalog_.tail();
    Stats out;
    out.live = tail.live;
    out.dead = tail.dead;
    out.capacity = capacity();
    out.extents = tail.extent_count;
    out.file_bytes = info->size;
    out.allocated_bytes = info->allocated;
    out.memory_bytes = catalog_.memory_bytes();
    out.last_lsn = tail.lsn;
    out.durable_lsn = durable_lsn();
    out.durable_time_us = follower_ ? follower_->durable_time_us() : journal_->durable_time_us();
    out.flushes = journal_ ? journal_->flush_count() : 0;
    out.recovery = recovery_;
    return out;
  });
}

Result<Appended> OpenFile::append(const Mutations& mutations) {
  // The writer asks for a fault before the group counts; afterwards it stands.
  return unforked([&] { return writer_->append(mutations); });
}

Result<bool> OpenFile::has(const Id& id) const {
  return here([&]() -> Result<bool> {
    const auto place = catalog_.find(id);
    if (!place) return place.status();
    return place->has_value();
  });
}

Result<const float*> OpenFile::vector(const Id& id) const {
  return here([&]() -> Result<const float*> {
    const auto place = catalog_.find(id);
    if (!place) return place.status();
    if (!*place) return nullptr;
    const auto [extent, slot] = **place;
    if (Status status = checker_.check(*extent, slot, Checker::vector); !status) return status;
    return extent->vector(slot);
  });
}

Result<View> OpenFile::view(const Id& id) const {
  return here([&]() -> Result<View> {
    const auto place = catalog_.find(id);
    if (!place) return place.status();
    if (!*place) return View{};
    const auto [extent, slot] = **place;
    if (Status status = checker_.check(*extent, slot, Checker::vector); !status) return status;
    // What may still be lost or rewritten is copied: a view could not tell.
    if (checker_.distrusted(*extent, slot)) return View{nullptr, extent->vector(slot)};
    const std::uint32_t used = catalog_.point().slot_end - extent->first_slot();
    return View{extent->view(*file_, slot, used), extent->vector(slot)};
  });
}

bool OpenFile::viewed() const {
  const auto extents = catalog_.extents();
  return std::any_of(extents.begin(), extents.end(), [](Extent* one) { return one->viewed(); });
}

Result<std::optional<Entry>> OpenFile::get(const Id& id, unsigned parts) const {
  return here([&]() -> Result<std::optional<Entry>> {
    auto place = catalog_.find(id);
    if (!place) return place.status();
    if (!*place) return std::optional<Entry>();
    auto entry = read_entry(**place, checker_, parts);
    if (!entry) return entry.status();
    return std::optional(*entry);
  });
}

std::unique_ptr<Snapshot> OpenFile::snapshot() const {
  return std::make_unique<Snapshot>(catalog_, checker_, history_floor_, shared_from_this());
}

Status OpenFile::check_queries(std::span<const float> queries) const {
  if (queries.empty() || queries.size() % schema_.dimension != 0) {
    return {Code::dimension_mismatch,
            text("the query has ", queries.size(), " values, vectors of this store have ",
                 schema_.dimension)};
  }
  const auto bad =
      std::find_if(queries.begin(), queries.end(), [](float x) { return !std::isfinite(x); });
  if (bad == queries.end()) return {};
  const auto at = static_cast<std::size_t>(bad - queries.begin());
  const std::string which =
      queries.size() == schema_.dimension ? "the query" : text("query ", at / schema_.dimension);
  return {Code::invalid_vector, text("component ", at % schema_.dimension, " of ", which,
                                     " is not a finite float32 number")};
}

Result<Hit> OpenFile::hit(const Snapshot& snapshot, const search::Candidate& candidate,
                          const SearchOptions& options) const {
  const bool text_id = schema_.id_type == format::IdType::string;
  const unsigned parts =
      (options.metadata || text_id ? Checker::heap : 0U) | (options.vectors ? Checker::vector : 0U);
  auto entry = snapshot.entry(candidate.slot, parts);
  if (!entry) return entry.status();
  Hit out;
  out.id_number = entry->id.number;
  out.id_text = entry->id.text;
  out.score = candidate.score;
  out.distance = search::distance_of(schema_.metric, candidate.score);
  if (options.metadata) out.metadata = entry->metadata;
  if (options.vectors) out.vector.assign(entry->vector, entry->vector + schema_.dimension);
  return out;
}

Result<search::SlotSet> OpenFile::slots_of(const Catalog::Lookups& lookups,
                                           const std::vector<Id>& ids) {
  std::vector<std::uint32_t> slots;
  for (const Id& id : ids) {
    const auto place = lookups.find(id);
    if (!place) return place.status();
    if (*place) slots.push_back((*place)->number());
  }
  return search::SlotSet(std::move(slots));
}

Result<std::vector<Hit>> OpenFile::page(const Snapshot& snapshot,
                                        std::span<const search::Candidate> found,
                                        const SearchOptions& options) const {
  std::vector<Hit> hits;
  found = found.subspan(std::min(options.offset, found.size()));
  hits.reserve(found.size());
  for (const search::Candidate& candidate : found) {
    auto one = hit(snapshot, candidate, options);
    if (!one) return one.status();
    hits.push_back(std::move(*one));
  }
  return hits;
}

Result<std::vector<std::vector<Hit>>> OpenFile::search(std::span<const float> queries,
                                                       const SearchOptions& options,
                                                       const std::atomic<bool>& cancelled) const {
  return here([&]() -> Result<std::vector<std::vector<Hit>>> {
    if (Status status = check_queries(queries); !status) return status;
    std::vector<std::vector<Hit>> out(queries.size() / schema_.dimension);
    if (options.top_k == 0) return out;
    search::Request request;
    request.queries = queries;
    request.dimension = schema_.dimension;
    request.metric = schema_.metric;
    request.min_score = options.min_score;
    request.max_distance = options.max_distance;
    request.threads = options.threads == 0 ? search::Pool::parallelism() : options.threads;
    std::optional<Catalog::Lookups> lookups(std::in_place, catalog_);
    if (options.only) {
      auto slots = slots_of(*lookups, *options.only);
      if (!slots) return slots.status();
      request.only = std::move(*slots);
    }
    auto except = slots_of(*lookups, options.except);
    if (!except) return except.status();
    request.except = std::move(*except);
    const Snapshot snapshot(catalog_, checker_, history_floor_, *lookups);
    lookups.reset();  // the writer may free what it replaced
    // No more than there can be: the sum may not overflow.
    const std::size_t most = snapshot.point().slot_end;
    request.top_k =
        std::max<std::size_t>(std::min(options.top_k, most) + std::min(options.offset, most), 1);

    auto found = search::flat_search(snapshot, request, *pool_, cancelled);
    if (!found) return found.status();
    if (Status status = snapshot.failure(); !status) return status;
    for (std::size_t query = 0; query < out.size(); ++query) {
      auto hits = page(snapshot, (*found)[query], options);
      if (!hits) return hits.status();
      out[query] = std::move(*hits);
    }
    return out;
  });
}

Result<Follower::Outcome> OpenFile::refresh() {
  return here([&]() -> Result<Follower::Outcome> {
    if (!follower_) return Follower::Outcome::unchanged;
    return follower_->refresh();
  });
}

Status OpenFile::promote(const Protocol& protocol) {
  return here([&]() -> Status {
    auto outcome = follower_->refresh();
    if (!outcome) return outcome.status();
    if (*outcome == Follower::Outcome::rewritten) {
      return {Code::io, text(path(), " was written to by somebody else while it was being made")};
    }
    checker_.lead();
    trust_all();
    begin_writing(protocol, follower_->seen(), follower_->end());
    follower_ = nullptr;
    return {};
  });
}

// This process compared every byte with its checksum before it wrote it here (rule 17).
void OpenFile::trust_all() {
  const Snapshot all(catalog_, checker_, history_floor_, nullptr);
  for (std::size_t i = 0; i < all.extents().size(); ++i) {
    SlotArrays& slots = all.extents()[i]->slots;
    const std::uint32_t count = all.run(i).count;
    for (BitSet* checked : {&slots.vector_checked, &slots.code_checked, &slots.heap_checked}) {
      checked->set_range(0, count);
    }
  }
}

Result<VerifyReport> OpenFile::verify(bool deep, Job& job) const {
  return here([&] {
    const auto state = snapshot();
    const std::uint64_t slot_bytes =
        sizeof(format::Record) + (deep ? schema_.vector_bytes() + schema_.code_stride() : 0);
    if (job.total == 0) job.total = state->point().slot_end * slot_bytes;
    return engine::verify({*file_, origin_, catalog_, *state}, deep, job);
  });
}

Status OpenFile::flush() {
  if (follower_) return {};
  return here([&] { return journal_->flush(); });
}

Status OpenFile::commit(std::uint64_t lsn) {
  if (follower_) return {};
  return here([&] { return journal_->commit(lsn); });
}

Status OpenFile::close() {
  if (follower_) return {};
  return here([&] {
    Status status = journal_->close();
    if (status && journal_->epoch() != 0) writer_->release_unused();
    return status;
  });
}

}  // namespace jvdb::engine
