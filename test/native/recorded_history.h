// Small files whose every answer is known at every LSN, as they lie after an orderly close or after
// kill -9, and what each of their bytes is for. Threads: one at a time.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "format/parse.h"
#include "store_fixture.h"

namespace jvdb::test {

enum class Ending {
  closed,
  killed,  // the process's page cache whole, the last appends never flushed
  killed_again,
};

inline constexpr std::uint64_t kIds = 12;  // ids 1 to 12; the last two are never stored

struct Item {
  std::uint64_t lsn = 0;  // 0 where the id is absent
  std::uint64_t id = 0;
  std::string text;  // of the id
  Vector vector;
  std::string metadata;
};

inline std::string text_of(std::uint64_t id) {
  return "id-" + std::to_string(id);
}

// What a store says at the end of a group.
struct State {
  std::array<Item, kIds> by_id;   // element i is id i + 1
  std::vector<Item> in_order;     // of their last writes
  std::vector<engine::Hit> hits;  // of all, with metadata and vectors
};

inline Result<std::vector<engine::Hit>> search_all(const engine::Store& store,
                                                   bool vectors = true) {
  engine::SearchOptions options = best(2 * kIds);
  options.vectors = vectors;
  return search(store, vector_of(store.schema().dimension, 1000), options);
}

struct Recorded {
  format::Schema schema;
  std::vector<std::byte> bytes;
  std::map<std::uint64_t, State> states;       // by the last LSN of a group
  std::map<std::uint64_t, std::uint64_t> ids;  // by LSN
  std::array<std::string, kIds> texts;
  std::uint64_t durable_lsn = 0;  // as the newest superblock says
  engine::Id id(std::uint64_t number) const {
    if (schema.id_type == format::IdType::int64) return {number, {}};
    return {0, texts[number - 1]};
  }
  std::uint64_t last_lsn() const { return states.rbegin()->first; }
  // The last LSN of the group before the one this LSN belongs to.
  std::uint64_t before(std::uint64_t lsn) const {
    return std::prev(states.lower_bound(lsn))->first;
  }
};

// Appends groups and notes what the store says after each.
class Recorder {
 public:
  Recorder(const format::Schema& schema, bool metadata)
      : metadata_(metadata), ids_(schema.id_type), out_{schema, {}, {}, {}, {}, 0} {
    for (std::uint64_t id = 1; id <= kIds; ++id) out_.texts[id - 1] = text_of(id);
    expect_ok(engine::create_file(disk_, kPath, schema, kFirstSlots));
    open();
    out_.states[0] = {};
  }

  static constexpr char kPath[] = "db.jvdb";
  static constexpr std::uint32_t kFirstSlots = 6;

  // The first change after it makes all before it durable.
  void open() {
    store_ = test::open(disk_, kPath);
    out_.durable_lsn = out_.states.empty() ? 0 : out_.last_lsn();
  }
  void kill() { store_.reset(); }
  void flush() {
    expect_ok(store_->flush());
    out_.durable_lsn = out_.last_lsn();
  }
  void close() {
    expect_ok(store_->close());
    out_.durable_lsn = out_.last_lsn();
  }

  struct Change {
    std::uint64_t id;
    std::uint64_t seed;  // of the vector, 0 for a removal
  };
  void append(std::initializer_list<Change> changes) {
    State state = out_.states.rbegin()->second;
    std::uint64_t lsn = out_.last_lsn();
    for (const auto& [id, seed] : changes) {
      out_.ids[++lsn] = id;
      state.by_id[id - 1] =
          seed == 0 ? Item{} : Item{lsn, id, text_of(id), vector(seed), metadata(seed)};
    }
    expect_equal(take(try_append(changes)).lsn, lsn);
    std::map<std::uint64_t, const Item*> live;
    for (const Item& item : state.by_id) {
      if (item.lsn != 0) live[item.lsn] = &item;
    }
    state.in_order.clear();
    for (const auto& [at, item] : live) state.in_order.push_back(*item);
    state.hits = take(search_all(*store_));
    expect_equal(state.hits.size(), live.size());
    out_.states[lsn] = std::move(state);
  }
  // A group whose last record is not written, though those before it are.
  void fail_append(std::initializer_list<Change> changes) {
    const std::size_t records = changes.size() * sizeof(format::Record);
    disk_.hooks().cut_write = [=](std::uint64_t, std::size_t size) {
      return size == records ? std::optional(size - sizeof(format::Record)) : std::nullopt;
    };
    expect_code(try_append(changes).status(), Code::io);
    disk_.hooks().cut_write = nullptr;
    out_.durable_lsn = out_.last_lsn();  // a new epoch begins
  }

  Recorded finish() {
    out_.bytes = disk_.bytes(kPath);
    return std::move(out_);
  }

 private:
  Vector vector(std::uint64_t seed) const { return vector_of(out_.schema.dimension, seed); }
  std::string metadata(std::uint64_t seed) const {
    return metadata_ && seed % 4 != 0 ? "{\"n\":" + std::to_string(seed) + "}" : "";
  }
  Result<engine::Appended> try_append(std::initializer_list<Change> changes) {
    Group group(ids_);
    for (const auto& [id, seed] : changes) {
      if (seed == 0) {
        group.remove(id);
      } else {
        group.put(id, vector(seed), metadata(seed));
      }
    }
    return store_->append(group);
  }

  const bool metadata_;
  Ids ids_;
  SimFileSystem disk_;
  std::unique_ptr<engine::Store> store_;
  Recorded out_;
};

// Two extents; the first has no slot left, and a group lies in both.
inline Recorded record(const format::Schema& schema, bool metadata, Ending ending) {
  Recorder history(schema, metadata);
  for (std::uint64_t id = 1; id <= 3; ++id) history.append({{id, id}});
  if (ending != Ending::closed) history.flush();
  history.append({{4, 4}});
  history.append({{5, 5}, {6, 6}, {7, 7}, {2, 0}});
  history.append({{3, 33}});
  history.append({{4, 0}});
  history.append({{8, 8}, {1, 11}, {5, 0}});
  if (ending == Ending::killed_again) {
    history.kill();
    history.open();
    history.append({{9, 9}});
    history.fail_append({{10, 1}, {10, 2}, {10, 3}, {10, 4}, {10, 5}, {10, 6}});
    history.append({{7, 77}});
    history.append({{10, 10}, {8, 0}});
  }
  if (ending == Ending::closed) history.close();
  return history.finish();
}

}  // namespace jvdb::test
