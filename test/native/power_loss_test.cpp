// Random histories and power cuts: what comes back is a prefix of the acknowledged history, holds
// at least what was flushed, and is exact. JVDB_POWER_CUTS sets how many cuts, JVDB_SEED repeats
// one.
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
    expect_ok(engine::create_file(files_, kPath, schema_, 8));
    states_[0] = {};
  }

  void run(int cuts) {
    auto store = open(files_, kPath);
    for (int cut = 0; cut < cuts;) {
      const bool goes_on = step(*store);
      if (goes_on && roll(12) != 0) continue;
      ++cut;
      store.reset();
      power_cut();
      store = recover();
    }
    expect_ok(store->close());
    store.reset();
    store = open(files_, kPath);
    compare(*store);
  }

 private:
  std::uint64_t roll(std::uint64_t sides) { return random_() % sides; }
  format::IdType pick_type() {
    type_ = roll(2) == 0 ? format::IdType::int64 : format::IdType::string;
    return type_;
  }

  // False once the store takes no more writes.
  bool step(Store& store) {
    switch (roll(10)) {
      case 0:
        expect_ok(store.flush());
        flushed_ = store.last_lsn();
        return true;
      case 1:
        return fail_append(store);
      default:
        append(store, roll(3) == 0 ? 1 + roll(20) : 1);
        return true;
    }
  }

  void fill(Group& group, std::size_t count, State& state) {
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
          break;
        case 1:
          group.update_keeping_metadata(id, vector);
          if (there) state[id].vector = vector;
          break;
        default:
          group.put(id, vector, metadata);
          state[id] = {vector, metadata};
      }
    }
  }

  void append(Store& store, std::size_t count) {
    State next = states_.rbegin()->second;
    Group group(ids_);
    fill(group, count, next);
    (void)take(store.append(group));
    states_[store.last_lsn()] = next;
  }

  // One of an append's writes fails part-way, or one of those that end the epoch after it.
  bool fail_append(Store& store) {
    State next = states_.rbegin()->second;
    Group group(ids_);
    fill(group, 1 + roll(20), next);
    std::uint64_t until = 1 + roll(6);
    files_.hooks().cut_write = [&](std::uint64_t, std::size_t size) -> std::optional<std::size_t> {
      if (--until != 0) return std::nullopt;
      return roll(size + 1);
    };
    const auto result = store.append(group);
    files_.hooks().cut_write = nullptr;
    if (result) states_[store.last_lsn()] = next;
    return store.append(Group(ids_)).ok();
  }

  void power_cut() {
    const std::uint64_t mode = roll(4);
    files_
        .power_cut([&](std::uint64_t, std::size_t newest) -> std::size_t {
          if (mode == 0) return roll(newest + 1);
          if (mode == 1) return roll(8) == 0 ? roll(newest + 1) : newest;
          if (mode == 2) return roll(8) == 0 ? roll(newest + 1) : 0;
          return roll(2) == 0 ? newest : 0;
        })
        ->swap(files_);
  }

  std::unique_ptr<Store> recover() {
    // The power may fail again while the first write after a recovery prepares itself.
    while (roll(3) == 0) {
      auto store = open(files_, kPath);
      compare(*store);
      std::uint64_t syncs = roll(3);
      std::unique_ptr<SimFileSystem> image;
      files_.hooks().fail_sync = [&] {
        if (syncs-- == 0)
          image =
              files_.power_cut([&](std::uint64_t, std::size_t newest) { return roll(newest + 1); });
        return false;
      };
      append(*store, 1);
      files_.hooks().fail_sync = nullptr;
      store.reset();
      if (image)
        image->swap(files_);
      else
        power_cut();
    }
    auto store = open(files_, kPath);
    compare(*store);
    return store;
  }

  // The store holds exactly one acknowledged state, not older than the last flush.
  void compare(Store& store) {
    const std::uint64_t lsn = store.last_lsn();
    expect(lsn >= flushed_,
           "LSN " + std::to_string(lsn) + " is below the flushed " + std::to_string(flushed_));
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
  std::map<std::uint64_t, State> states_;  // by LSN, at the end of each group
  std::uint64_t flushed_ = 0;
};

const Test kPowerCuts("power_loss_test", "random power cuts leave a prefix of the history", [] {
  constexpr int cuts_each = 20;
  const std::uint64_t first = setting("JVDB_SEED", 1);
  const std::uint64_t histories =
      std::getenv("JVDB_SEED") != nullptr ? 1 : setting("JVDB_POWER_CUTS", 4000) / cuts_each;
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
