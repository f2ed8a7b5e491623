// Random histories and power cuts, between the calls of the engine and within them: what comes back
// is a prefix of the acknowledged history, holds at least what was flushed or committed, and is
// exact. JVDB_POWER_CUTS sets how many cuts, JVDB_SEED repeats one.
#include <cstdlib>
#include <iostream>
#include <random>

#include "check.h"
#include "store_fixture.h"

namespace jvdb::test {
namespace {

using engine::Store;
using State = std::map<std::uint64_t, Stored>;

constexpr char kPath[] = "db.jvdb";

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

class History {
 public:
  explicit History(std::uint64_t seed) : random_(seed), ids_(pick_type()) {
    schema_ = schema_of(roll(2) == 0 ? 3 : 130, type_);
    schema_.has_codes = roll(2) == 0;
    states_[0] = {};
  }

  void run(int cuts) {
    while (!created()) continue;
    auto store = reopen();
    bool opened = true;
    for (int cut = 0; cut < cuts;) {
      std::unique_ptr<SimFileSystem> image;
      bool goes_on = true;
      const auto write = [&] { goes_on = step(*store); };
      // The first write after an opening has the most to do.
      if (roll(opened ? 2 : 16) == 0) {
        image = cut_within(write);
      } else {
        write();
      }
      opened = false;
      if (!image && goes_on && roll(12) != 0) continue;
      store.reset();
      ++cut;
      opened = true;
      if (image) {
        image->swap(files_);
      } else if (roll(4) == 0) {  // only the process ends
        const std::uint64_t last = states_.rbegin()->first;
        store = reopen();
        expect_equal(store->last_lsn(), last);
        continue;
      } else {
        files_.power_cut(power_cut())->swap(files_);
      }
      store = reopen();
    }
    expect_ok(store->close());
    store.reset();
    floor_ = states_.rbegin()->first;
    (void)reopen();
  }

 private:
  std::uint64_t roll(std::uint64_t sides) { return random_() % sides; }
  format::IdType pick_type() {
    type_ = roll(2) == 0 ? format::IdType::int64 : format::IdType::string;
    return type_;
  }

  // False if the power failed before the file had its name for good.
  bool created() {
    const auto image =
        cut_within([&] { expect_ok(engine::create_file(files_, kPath, schema_, 8)); });
    if (image) image->swap(files_);
    return files_.stat(kPath).ok();
  }

  std::unique_ptr<Store> reopen() {
    auto store = open(files_, kPath);
    compare(*store);
    return store;
  }

  // False if the store must be opened anew.
  bool step(Store& store) {
    switch (roll(16)) {
      case 14:
        return compact(store);
      case 0:
      case 1:
        return flush(store);
      case 2:
        return commit(store);
      case 3:
        return fail_append(store);
      case 4:
        return fail_flush(store);
      case 5:
        if (roll(3) != 0) return true;
        expect_ok(store.close());
        floor_ = store.last_lsn();
        return false;
      default:
        append(store, roll(3) == 0 ? 1 + roll(20) : 1);
        return true;
    }
  }

  // Returns the number of records that the group takes.
  std::uint64_t fill(Group& group, std::size_t count, State& state) {
    std::uint64_t records = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint64_t id = roll(40);
      // Few different vectors: the same values are written again and again.
      const Vector vector = vector_of(schema_.dimension, roll(5));
      const std::string metadata =
          roll(2) == 0 ? "" : R"({"n":)" + std::to_string(roll(1000)) + "}";
      const bool there = state.contains(id);
      switch (roll(4)) {
        case 0:
          group.remove(id);
          state.erase(id);
          records += there ? 1 : 0;
          break;
        case 1:
          group.update_keeping_metadata(id, vector);
          if (there) state[id].vector = vector;
          records += there ? 1 : 0;
          break;
        default:
          group.put(id, vector, metadata);
          state[id] = {vector, metadata};
          records += 1;
      }
    }
    return records;
  }

  // Now and then one of its writes fails.
  bool compact(Store& store) {
    if (roll(4) == 0) fail_write(1 + roll(12));
    const auto report = test::compact(files_, store);
    files_.hooks().cut_write = nullptr;
    if (report && report->compacted) floor_ = store.last_lsn();
    return true;
  }

  void append(Store& store, std::size_t count) {
    State next = states_.rbegin()->second;
    Group group(ids_);
    (void)fill(group, count, next);
    (void)take(store.append(group));
    states_[store.last_lsn()] = next;
  }

  // One of an append's writes fails part-way, or one of those that end the epoch after it.
  bool fail_append(Store& store) {
    State next = states_.rbegin()->second;
    Group group(ids_);
    const std::uint64_t records = fill(group, 1 + roll(20), next);
    fail_write(1 + roll(6));
    const auto result = store.append(group);
    files_.hooks().cut_write = nullptr;
    // Where the power failed before the append did, the group may count.
    if (result || image_) states_[states_.rbegin()->first + records] = next;
    return store.append(Group(ids_)).ok();
  }

  // Its superblock is written in part.
  bool fail_flush(Store& store) {
    fail_write(1);
    if (store.flush().ok()) floor_ = store.last_lsn();
    files_.hooks().cut_write = nullptr;
    return true;
  }

  bool flush(Store& store) {
    expect_ok(store.flush());
    floor_ = store.last_lsn();
    return true;
  }

  // Of all there is, or of an earlier operation only.
  bool commit(Store& store) {
    auto until = std::prev(states_.end());
    for (std::uint64_t back = roll(3); back > 0 && until != states_.begin(); --back) --until;
    expect_ok(store.commit(until->first));
    floor_ = std::max(floor_, until->first);
    return true;
  }

  void fail_write(std::uint64_t number) {
    files_.hooks().cut_write =
        [this, number](std::uint64_t, std::size_t size) mutable -> std::optional<std::size_t> {
      if (--number != 0) return std::nullopt;
      return roll(size + 1);
    };
  }

  PowerCut power_cut() {
    const std::uint64_t mode = roll(4);
    const bool whole_size = roll(2) == 0;
    const auto version = [this, mode](std::size_t newest) -> std::size_t {
      if (mode == 0) return roll(newest + 1);
      if (mode == 1) return roll(8) == 0 ? roll(newest + 1) : newest;
      if (mode == 2) return roll(8) == 0 ? roll(newest + 1) : 0;
      return roll(2) == 0 ? newest : 0;
    };
    return {
        .sector = [this, version](std::uint64_t, std::size_t newest) -> SectorCut {
          if (roll(6) != 0) return version(newest);
          const std::size_t begin = version(newest);
          // A superblock takes the first quarter of its sector.
          return {begin, roll(roll(2) == 0 ? kSector : kSector / 4), roll(newest + 1)};
        },
        .size = [this,
                 whole_size](std::size_t newest) { return whole_size ? newest : roll(newest + 1); },
        .name = [this](const std::string&, std::size_t newest) { return roll(newest + 1); },
    };
  }

  // What the disk holds if the power fails within the operation, nullptr if it doesn't. What the
  // operation acknowledged counts for nothing then.
  std::unique_ptr<SimFileSystem> cut_within(const std::function<void()>& operation) {
    std::uint64_t changes = 1 + roll(roll(2) == 0 ? 12 : 40);
    const std::uint64_t floor = floor_;
    files_.hooks().before_change = [&] {
      if (--changes == 0) image_ = files_.power_cut(power_cut());
    };
    operation();
    files_.hooks().before_change = nullptr;
    if (image_) floor_ = floor;
    return std::move(image_);
  }

  // The store holds exactly one acknowledged state, not older than the floor.
  void compare(Store& store) {
    const std::uint64_t lsn = store.last_lsn();
    expect(lsn >= floor_,
           "LSN " + std::to_string(lsn) + " is below the durable " + std::to_string(floor_));
    const auto state = states_.find(lsn);
    expect(state != states_.end(), "LSN " + std::to_string(lsn) + " is not the end of a group");
    std::map<std::string, Stored> expected;
    for (const auto& [id, stored] : state->second) {
      expected[type_ == format::IdType::int64 ? std::to_string(id) : "id-" + std::to_string(id)] =
          stored;
    }
    expect(contents(store) == expected, "contents differ at LSN " + std::to_string(lsn));
    states_.erase(std::next(state), states_.end());
  }

  std::mt19937_64 random_;
  format::IdType type_;
  Ids ids_;
  format::Schema schema_;
  SimFileSystem files_;
  std::unique_ptr<SimFileSystem> image_;
  std::map<std::uint64_t, State> states_;  // by LSN, at the end of each group
  std::uint64_t floor_ = 0;                // what must not be lost
};

const Test kPowerCuts("power_loss_test", "random power cuts leave a prefix of the history", [] {
  constexpr int cuts_each = 20;
  const std::uint64_t first = setting("JVDB_SEED", 1);
  const std::uint64_t histories =
      std::getenv("JVDB_SEED") != nullptr ? 1 : setting("JVDB_POWER_CUTS", 6000) / cuts_each;
  for (std::uint64_t seed = first; seed < first + histories; ++seed) {
    try {
      History(seed).run(cuts_each);
    } catch (const Failure& failure) {
      fail(std::string(failure.what()) + "; repeat with JVDB_SEED=" + std::to_string(seed));
    }
  }
});

}  // namespace
}  // namespace jvdb::test
