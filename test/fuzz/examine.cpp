#include "examine.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "anatomy.h"
#include "base/crc32c.h"
#include "base/hash.h"
#include "engine/changes.h"
#include "engine/store.h"
#include "format/parse.h"
#include "format/seal.h"
#include "memory_image.h"
#include "require.h"
#include "salvaging.h"
#include "search/query_set.h"
#include "simd/kernels.h"

namespace jvdb::fuzz {
namespace {

using engine::Checker;
using engine::Entry;
using engine::Hit;
using engine::Snapshot;
using engine::Store;
using format::Record;
using test::MemoryImage;

constexpr unsigned kAllParts = Checker::vector | Checker::code | Checker::heap;
constexpr std::size_t kBest = 3;

std::string key_of(const format::Schema& schema, const engine::Id& id) {
  return schema.id_type == format::IdType::string ? std::string(id.text)
                                                  : std::to_string(id.number);
}

bool same_bits(double a, double b) noexcept {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

// What one way to open the file found.
struct Found {
  Code code = Code::ok;
  std::uint64_t last_lsn = 0;
  std::uint64_t live = 0;
  std::map<std::string, std::uint64_t> whole;  // LSNs by id
  bool operator==(const Found&) const = default;
};

class Examination {
 public:
  Examination(std::span<const std::byte> file, const Store& store)
      : file_(file), store_(store), schema_(store.schema()), snapshot_(store.snapshot()) {}

  Found run() {
    check_stats();
    check_entries();
    check_lookups();
    check_all_changes();
    check_search();
    found_.last_lsn = store_.last_lsn();
    found_.live = store_.live();
    return std::move(found_);
  }

 private:
  void check_stats() {
    const auto stats = store_.stats();
    require(stats.ok(), "statistics of an open file");
    require(stats->live == store_.live() && stats->last_lsn == store_.last_lsn(), "statistics");
    require(stats->live + stats->dead <= stats->capacity, "more slots than there are");
    require(stats->file_bytes == file_.size(), "the file's size");
  }

  void check_entries() {
    std::uint64_t live = 0;
    for (auto slot = snapshot_->next(0); slot; slot = snapshot_->next(*slot + 1)) {
      ++live;
      const auto entry = snapshot_->entry(*slot, kAllParts);
      if (!entry) {
        require_damage(entry.status());
        all_whole_ = false;
        continue;
      }
      const Record record = check_entry(*slot, *entry);
      const bool added = found_.whole.emplace(key_of(schema_, entry->id), record.lsn).second;
      require(added, "an id lives twice");
      slots_.push_back(*slot);
    }
    require(live == store_.live(), "another number of vectors than it says");
  }

  // The bytes of the file at a place that something whole leads to.
  const std::byte* at(std::uint64_t offset, std::uint64_t size) const {
    require(offset <= file_.size() && size <= file_.size() - offset, "a place behind the file");
    return file_.data() + offset;
  }

  // Compares with the file itself, not with what the engine mapped.
  Record check_entry(std::uint32_t slot, const Entry& entry) {
    const engine::Place place = snapshot_->place_of(slot);
    const format::ExtentGeometry& extent = place.extent->geometry();
    const std::uint64_t record_at =
        extent.records_offset() + place.extent->slots.record[place.slot] * sizeof(Record);
    Record record;
    std::memcpy(&record, at(record_at, sizeof record), sizeof record);
    require(record.record_crc == format::crc_of(record), "a record against its checksum");
    require(format::operation_of(record) == format::Operation::put, "a slot that isn't a put's");
    const std::byte* const vector = at(record.offset, schema_.vector_bytes());
    require(crc32c(vector, schema_.vector_bytes()) == record.vector_crc, "a wrong vector");
    require(std::memcmp(vector, entry.vector, schema_.vector_bytes()) == 0, "another vector");
    check_code(record, extent, vector);
    check_heap(record, extent, entry);
    require(record.created_us == entry.created_us && record.timestamp_us == entry.updated_us,
            "other times");
    return record;
  }

  void check_code(const Record& record, const format::ExtentGeometry& extent,
                  const std::byte* vector) {
    std::vector<float> values(schema_.dimension);
    std::memcpy(values.data(), vector, schema_.vector_bytes());
    const auto& kernels = simd::kernels();
    double squared = kernels.dot_exact(values.data(), values.data(), schema_.dimension);
    if (schema_.has_codes) {
      const std::uint64_t slot = (record.offset - extent.vectors_offset) / schema_.vector_stride();
      const std::byte* code =
          at(extent.codes_offset + slot * schema_.code_stride(), schema_.code_stride());
      require(crc32c(code, schema_.code_stride()) == record.code_crc, "a wrong code");
      std::vector<std::uint8_t> right(schema_.code_stride());
      const auto encoded =
          kernels.encode(values.data(), schema_.dimension, right.data(), right.size());
      squared = encoded.squared_norm;
      honest_ = honest_ && encoded.scale == record.code_scale &&
                encoded.error == record.code_error &&
                std::memcmp(code, right.data(), right.size()) == 0;
    }
    honest_ = honest_ && static_cast<float>(std::sqrt(squared)) == record.norm;
  }

  void check_heap(const Record& record, const format::ExtentGeometry& extent, const Entry& entry) {
    const std::uint64_t size = std::uint64_t{record.heap_length} * format::kHeapUnit;
    const std::byte* const heap =
        at(extent.heap_offset + std::uint64_t{record.heap_offset} * format::kHeapUnit, size);
    require(size == 0 || crc32c(heap, size) == record.heap_crc, "a wrong id or metadata");
    std::string texts(entry.id.text);
    texts += entry.metadata;
    const std::size_t begin = sizeof(format::HeapPrefix);
    require(texts.empty() || (texts.size() <= size - begin &&
                              std::memcmp(texts.data(), heap + begin, texts.size()) == 0),
            "another id or metadata");
    if (schema_.id_type == format::IdType::int64) {
      require(entry.id.number == record.id, "another id");
    } else {
      require(!entry.id.text.empty(), "a string id that isn't there");
    }
  }

  void check_lookups() {
    const Store::Reader reader = store_.read();
    for (const std::uint32_t slot : slots_) {
      const auto entry = snapshot_->entry(slot, kAllParts);
      require(entry.ok(), "what was whole is damaged");
      const auto has = reader.has(entry->id);
      const auto vector = reader.vector(entry->id);
      const auto got = reader.get(entry->id, kAllParts);
      if (!has || !vector || !got) {
        // Another of the same hash may be damaged.
        require(schema_.id_type == format::IdType::string, "an id that can't be looked up");
        require_damage(!has ? has.status() : !vector ? vector.status() : got.status());
        continue;
      }
      require(*has && *vector == entry->vector, "an id that lives isn't found");
      require(got->has_value() && (*got)->vector == entry->vector &&
                  (*got)->metadata == entry->metadata,
              "an id leads to another entry");
    }
    for (const std::uint64_t number :
         {std::uint64_t{0}, std::uint64_t{987654321}, format::kMaxIdNumber, ~std::uint64_t{0}}) {
      check_absent(reader, {number, "nobody's id"});
    }
  }

  void check_absent(const Store::Reader& reader, const engine::Id& id) {
    const bool lives = found_.whole.contains(key_of(schema_, id));
    const auto got = reader.get(id, kAllParts);
    if (!got) return require_damage(got.status());
    require(got->has_value() == lives, "an id is found that isn't there");
  }

  void check_all_changes() {
    const std::uint64_t floor = snapshot_->history_floor().lsn;
    auto all = check_changes(0);
    if (all && all_whole_) require(*all == found_.whole, "changes lead to another content");
    if (floor != 0) (void)check_changes(floor);
    const auto none = check_changes(store_.last_lsn());
    if (store_.last_lsn() != 0) require(none && none->empty(), "changes above the last LSN");
    const auto above = engine::Changes::since(*snapshot_, store_.last_lsn() + 1);
    require(above.status().code() == Code::conflict, "changes above the last LSN");
  }

  // What lives after them, if they could be read.
  std::optional<std::map<std::string, std::uint64_t>> check_changes(std::uint64_t since) {
    auto changes = engine::Changes::since(*snapshot_, since);
    require(changes.ok(), "changes that should be there");
    std::map<std::string, std::uint64_t> out;
    std::uint64_t last = since;
    for (;;) {
      engine::Change change;
      const auto more = changes->next(change);
      if (!more) {
        require_damage(more.status());
        return std::nullopt;
      }
      if (!*more) return out;
      require(change.lsn > last && change.lsn <= store_.last_lsn(), "changes out of order");
      last = change.lsn;
      // Below the floor there may be none at an LSN.
      require(last <= snapshot_->history_floor().lsn ||
                  snapshot_->time_at(last) == change.entry.updated_us,
              "another time of an operation");
      const std::string key = key_of(schema_, change.entry.id);
      if (change.put) {
        out[key] = change.lsn;
      } else {
        out.erase(key);
      }
    }
  }

  void check_search() {
    std::vector<float> query(schema_.dimension);
    for (std::size_t i = 0; i < query.size(); ++i) {
      query[i] = static_cast<float>(static_cast<int>(i * 7 % 11) - 5) / 4.0F;
    }
    check_search(query);
    if (slots_.empty()) return;
    const auto entry = snapshot_->entry(slots_.back(), Checker::vector);
    require(entry.ok(), "what was whole is damaged");
    query.assign(entry->vector, entry->vector + schema_.dimension);
    if (std::all_of(query.begin(), query.end(), [](float x) { return std::isfinite(x); })) {
      check_search(query);
    }
  }

  void check_search(const std::vector<float>& query) {
    // As many as there are slots: then no bound is asked.
    const auto all = hits_of(query, std::size_t{snapshot_->point().slot_end} + 1);
    const auto best = hits_of(query, kBest);
    if (all) check_hits(query, *all, true);
    if (best) check_hits(query, *best, false);
    if (!all_whole_) return;
    require(all && best, "a search of what is whole fails");
    if (honest_) {
      const std::size_t count = std::min(kBest, all->size());
      require(best->size() == count, "a search misses hits");
      for (std::size_t i = 0; i < count; ++i) {
        require((*best)[i].id_number == (*all)[i].id_number &&
                    (*best)[i].id_text == (*all)[i].id_text &&
                    same_bits((*best)[i].score, (*all)[i].score),
                "a search misses a better hit");
      }
    }
  }

  std::optional<std::vector<Hit>> hits_of(const std::vector<float>& query, std::size_t top_k) {
    engine::SearchOptions options;
    options.top_k = top_k;
    options.threads = 1;
    options.vectors = true;
    const std::atomic<bool> go_on{false};
    auto hits = store_.search(query, options, go_on);
    if (hits) return std::move(hits->front());
    require_damage(hits.status());
    return std::nullopt;
  }

  void check_hits(const std::vector<float>& query, const std::vector<Hit>& hits, bool all) {
    const search::QuerySet scorer(query, schema_.dimension, schema_.metric, schema_.has_codes);
    for (std::size_t i = 0; i < hits.size(); ++i) {
      const Hit& hit = hits[i];
      require(hit.vector.size() == schema_.dimension, "a hit without its vector");
      require(same_bits(scorer.score(0, hit.vector.data()), hit.score), "a wrong score");
      require(i == 0 || hit.score <= hits[i - 1].score, "hits out of order");
      const auto entry =
          store_.read().get({hit.id_number, hit.id_text}, Checker::vector | Checker::heap);
      if (!entry) {
        require_damage(entry.status());
        continue;
      }
      require(entry->has_value() && (*entry)->metadata == hit.metadata &&
                  std::memcmp((*entry)->vector, hit.vector.data(), schema_.vector_bytes()) == 0,
              "a hit that isn't stored");
    }
    if (!all || !all_whole_) return;
    const auto finite = std::count_if(slots_.begin(), slots_.end(), [&](std::uint32_t slot) {
      return std::isfinite(scorer.score(0, snapshot_->entry(slot, Checker::vector)->vector));
    });
    require(static_cast<std::size_t>(finite) == hits.size(), "a search misses vectors");
  }

  const std::span<const std::byte> file_;
  const Store& store_;
  const format::Schema schema_;
  const std::unique_ptr<Snapshot> snapshot_;
  Found found_;
  std::vector<std::uint32_t> slots_;  // whose entries are whole
  bool all_whole_ = true;
  bool honest_ = true;  // norms and codes are those of their vectors: bounds may rely on them
};

Found examine_opened(std::span<const std::byte> file, MemoryImage& image, bool read_only) {
  engine::OpenOptions options;
  options.read_only = read_only;
  const auto store = Store::open(image.open(), options);
  if (!store) {
    const Code code = store.status().code();
    const bool refused =
        code == Code::corrupt || code == Code::version || code == Code::invalid_argument;
    if (!refused) require_damage({Code::closed, std::string(store.status().message())});
    return {code, 0, 0, {}};
  }
  if (read_only) {
    const auto outcome = (*store)->refresh();
    require(outcome && *outcome == engine::Follower::Outcome::unchanged,
            "a file that nobody writes to changed");
  }
  Found found = Examination(file, **store).run();
  engine::Job job;
  const auto report = (*store)->verify(true, job);
  if (!report) require_damage(report.status());
  const bool silent = report && report->error_count == 0;
  require(!silent || found.whole.size() == found.live, "damage that verifying does not find");
  return found;
}

bool has_superblock(std::span<const std::byte> file) {
  return std::any_of(std::begin(format::kSuperblockOffsets), std::end(format::kSuperblockOffsets),
                     [&](std::uint64_t offset) {
                       format::Superblock block;
                       if (offset + sizeof block > file.size()) return false;
                       std::memcpy(&block, file.data() + offset, sizeof block);
                       return block.crc == format::crc_of(block);
                     });
}

}  // namespace

void examine(std::span<const std::byte> file) {
  MemoryImage image(file, MemoryImage::Mapped::in_a_copy);
  const Found written = examine_opened(file, image, false);
  salvage(file);
  // Else a reader waits 100 ms for the writer to write one.
  if (!has_superblock(file)) return;
  const Found followed = examine_opened(file, image, true);
  require(followed == written, "a reader finds what a writer doesn't");
}

}  // namespace jvdb::fuzz
