// Small histories in which the power fails before every change to the disk, and of what is not
// synced then every combination of old and new sectors, sizes and names is tried. Each must open as
// an acknowledged state, not older than what was made durable, and take and keep further writes.
#include <array>
#include <utility>

#include "check.h"
#include "store_fixture.h"

namespace jvdb::test {
namespace {

using engine::Store;

constexpr char kPath[] = "db.jvdb";
constexpr std::size_t kMostPending = 12;
constexpr std::uint64_t kLater = 1000;  // the id of what is written after a power cut
// Within a superblock, a record, an extent's header; and behind them.
constexpr std::array<std::size_t, 9> kTears{4, 16, 40, 64, 96, 124, 200, 320, 508};

class EveryCut {
 public:
  EveryCut() {
    schema_ = schema_of(3, format::IdType::string);
    states_[0] = {};
  }

  SimFileSystem& files() noexcept { return files_; }

  // Whatever changes the disk between these two is cut.
  void begin() {
    files_.hooks().before_change = [this] {
      if (!failure_.empty()) return;
      try {
        try_cuts();
      } catch (const Failure& failure) {  // nothing may be thrown through the engine
        failure_ = failure.what();
      }
    };
  }
  void end() {
    files_.hooks().before_change();
    files_.hooks().before_change = nullptr;
    if (!failure_.empty()) throw Failure(failure_);
  }

  void create(std::uint32_t capacity) {
    expect_ok(engine::create_file(files_, kPath, schema_, capacity));
    created_ = true;
  }
  std::unique_ptr<Store> open() { return test::open(files_, kPath); }
  std::unique_ptr<Store> open_to_read() { return test::open(files_, kPath, {true, {}, {}}); }

  // Puts ids that are new, as one group.
  void put(Store& store, std::uint64_t first, std::uint64_t count) {
    expect_group(first, count);
    (void)take(append(store, first, count));
  }
  // The same where a write fails: once it has, the group must be gone for good.
  void fail_put(Store& store, std::uint64_t first, std::uint64_t count) {
    expect_group(first, count);
    expect_code(append(store, first, count).status(), Code::io);
    states_.erase(std::prev(states_.end()));
  }
  void flush(Store& store) {
    expect_ok(store.flush());
    floor_ = store.last_lsn();
  }
  void compact(Store& store) {
    expect(take(test::compact(files_, store)).compacted);
    floor_ = store.last_lsn();
  }
  void commit(Store& store) {
    expect_ok(store.commit(store.last_lsn()));
    floor_ = store.last_lsn();
  }

 private:
  using State = std::map<std::string, Stored>;

  Stored stored(std::uint64_t id) const { return {vector_of(schema_.dimension, id), "{}"}; }
  Result<engine::Appended> append(Store& store, std::uint64_t first, std::uint64_t count) {
    Group group(ids_);
    for (std::uint64_t id = first; id < first + count; ++id) {
      group.put(id, stored(id).vector, stored(id).metadata);
    }
    return store.append(group);
  }
  // From now on the power may leave it.
  void expect_group(std::uint64_t first, std::uint64_t count) {
    const auto& [lsn, state] = *states_.rbegin();
    State next = state;
    for (std::uint64_t id = first; id < first + count; ++id) {
      next["id-" + std::to_string(id)] = stored(id);
    }
    states_[lsn + count] = std::move(next);
  }

  void try_cuts() {
    std::size_t choices = 0;
    std::size_t sectors = 0;
    std::size_t sizes = 1;
    (void)files_.power_cut({.sector =
                                [&](std::uint64_t, std::size_t newest) {
                                  ++choices;
                                  ++sectors;
                                  return newest;
                                },
                            .size =
                                [&](std::size_t newest) {
                                  sizes = newest + 1;
                                  return newest;
                                },
                            .name =
                                [&](const std::string&, std::size_t newest) {
                                  ++choices;
                                  return newest;
                                }});
    expect(choices <= kMostPending, "too much is pending for every combination of it");
    for (std::size_t size = 0; size < sizes; ++size) {
      for (std::uint32_t mask = 0; mask < 1U << choices; ++mask) try_mask(size, mask);
    }
    for (std::size_t sector = 0; sector < sectors; ++sector) try_tears(sector);
    ++moment_;
  }

  void try_mask(std::size_t size, std::uint32_t mask) {
    std::uint32_t left = mask;
    const auto next = [&left](std::size_t newest) -> std::size_t {
      return (std::exchange(left, left >> 1) & 1) == 0 ? 0 : newest;
    };
    check({.sector = [&](std::uint64_t, std::size_t newest) { return next(newest); },
           .size = [&](std::size_t) { return size; },
           .name = [&](const std::string&, std::size_t newest) { return next(newest); }},
          "size " + std::to_string(size) + ", choices " + std::to_string(mask));
  }

  // One sector in two parts, and all others old or all new.
  void try_tears(std::size_t torn) {
    for (const std::size_t at : kTears) {
      for (const unsigned way : {0U, 1U, 2U, 3U}) {
        std::size_t number = 0;
        const bool new_first = (way & 1) != 0;
        const bool others_new = (way & 2) != 0;
        check({.sector = [&](std::uint64_t, std::size_t newest) -> SectorCut {
                if (number++ != torn) return others_new ? newest : 0;
                if (new_first) return {newest, at, 0};
                return {0, at, newest};
              }},
              "sector " + std::to_string(torn) + " torn at " + std::to_string(at) + ", way " +
                  std::to_string(way));
      }
    }
  }

  void check(const PowerCut& cut, const std::string& what) {
    try {
      const auto image = files_.power_cut(cut);
      if (!created_ && !image->stat(kPath)) return;
      const std::uint64_t lsn = go_on(*image);
      // What that wrote and flushed needs nothing that was not synced.
      const auto after = image->power_cut({.sector = [](std::uint64_t, std::size_t) { return 0; }});
      const auto store = test::open(*after, kPath);
      State expected = states_.at(lsn);
      expected["id-" + std::to_string(kLater)] = stored(kLater);
      expect(contents(*store) == expected, "what was written after it is wrong");
    } catch (const Failure& failure) {
      fail(std::string(failure.what()) + "; moment " + std::to_string(moment_) + ", " + what);
    }
  }

  // Returns the last LSN that was found.
  std::uint64_t go_on(SimFileSystem& image) {
    const auto store = test::open(image, kPath);
    const std::uint64_t lsn = store->last_lsn();
    expect(lsn >= floor_,
           "LSN " + std::to_string(lsn) + " is below the durable " + std::to_string(floor_));
    const auto state = states_.find(lsn);
    expect(state != states_.end(), "LSN " + std::to_string(lsn) + " is not the end of a group");
    expect(contents(*store) == state->second, "contents differ at LSN " + std::to_string(lsn));
    (void)take(append(*store, kLater, 1));
    expect_ok(store->flush());
    return lsn;
  }

  SimFileSystem files_;
  Ids ids_{format::IdType::string};
  format::Schema schema_;
  std::map<std::uint64_t, State> states_;  // by LSN, at the end of each group
  std::uint64_t floor_ = 0;                // what must not be lost
  bool created_ = false;
  int moment_ = 0;
  std::string failure_;  // the first
};

const Test kCreate("power_loss_states_test", "a new file, and its first put and flush", [] {
  EveryCut test;
  test.begin();
  test.create(8);
  const auto store = test.open();
  test.put(*store, 1, 1);
  test.flush(*store);
  test.end();
});

const Test kBatch("power_loss_states_test", "a batch of two", [] {
  EveryCut test;
  test.create(16);
  const auto store = test.open();
  test.put(*store, 1, 4);
  test.flush(*store);
  test.begin();
  test.put(*store, 5, 2);  // the second record lies in two sectors
  test.flush(*store);
  test.put(*store, 7, 1);
  test.end();
});

const Test kCommit("power_loss_states_test", "commits", [] {
  EveryCut test;
  test.create(16);
  const auto store = test.open();
  test.begin();
  test.put(*store, 1, 1);
  test.commit(*store);
  test.put(*store, 2, 2);
  test.commit(*store);
  test.flush(*store);
  test.end();
});

const Test kGrowth("power_loss_states_test", "growth by an extent, with a batch across it", [] {
  EveryCut test;
  test.create(8);
  const auto store = test.open();
  test.put(*store, 1, 7);
  test.flush(*store);
  test.begin();
  test.put(*store, 8, 2);
  test.flush(*store);
  test.end();
});

const Test kEpoch("power_loss_states_test", "a new epoch at an opening after kill -9", [] {
  EveryCut test;
  test.create(16);
  {
    const auto store = test.open();
    test.put(*store, 1, 1);
    test.flush(*store);
    test.put(*store, 2, 2);
  }
  test.begin();
  const auto store = test.open();
  test.put(*store, 4, 1);
  test.flush(*store);
  test.end();
});

const Test kFailedAppend("power_loss_states_test", "a new epoch after an append that failed", [] {
  EveryCut test;
  test.create(16);
  const auto store = test.open();
  test.put(*store, 1, 1);
  test.flush(*store);
  test.begin();
  int writes = 0;  // of records: the whole group is on its place, and yet it failed
  test.files().hooks().cut_write = [&](std::uint64_t offset,
                                       std::size_t size) -> std::optional<std::size_t> {
    const bool records = offset > format::kFirstExtentOffset && size == 2 * sizeof(format::Record);
    return records && ++writes == 1 ? std::optional(size) : std::nullopt;
  };
  test.fail_put(*store, 2, 2);
  test.files().hooks().cut_write = nullptr;
  test.put(*store, 4, 1);
  test.flush(*store);
  test.end();
});

void compact_and_go_on(Unreplaceable what) {
  EveryCut test;
  test.files().refuse_to_replace(what);
  test.create(4);
  const auto store = test.open();
  test.put(*store, 1, 1);
  test.put(*store, 1, 1);
  test.flush(*store);
  test.begin();
  test.compact(*store);
  test.put(*store, 2, 1);
  test.flush(*store);
  test.end();
}

const Test kCompaction("power_loss_states_test", "a compaction, and a put and flush after it",
                       [] { compact_and_go_on(Unreplaceable::nothing); });

const Test kInUse("power_loss_states_test", "the same where no file that is in use is replaced",
                  [] {
                    compact_and_go_on(Unreplaceable::mapped);
                    compact_and_go_on(Unreplaceable::open);
                  });

const Test kRefused("power_loss_states_test", "a compaction that comes to nothing", [] {
  for (const Unreplaceable what : {Unreplaceable::mapped, Unreplaceable::open}) {
    EveryCut test;
    test.files().refuse_to_replace(what);
    test.create(4);
    const auto store = test.open();
    test.put(*store, 1, 1);
    test.put(*store, 1, 1);
    test.flush(*store);
    const auto reader = test.open_to_read();
    test.begin();
    expect_code(compact(test.files(), *store).status(), Code::conflict);
    test.put(*store, 2, 1);
    test.flush(*store);
    test.end();
  }
});

const Test kFailedFlush("power_loss_states_test", "flushes whose superblock is written in part",
                        [] {
                          EveryCut test;
                          test.create(16);
                          const auto store = test.open();
                          test.put(*store, 1, 1);
                          test.flush(*store);
                          test.begin();
                          for (std::uint64_t id = 2; id <= 3; ++id) {
                            test.put(*store, id, 1);
                            test.files().hooks().cut_write = [](std::uint64_t, std::size_t) {
                              return 40;
                            };
                            expect_code(store->flush(), Code::io);
                            test.files().hooks().cut_write = nullptr;
                          }
                          test.flush(*store);
                          test.end();
                        });

}  // namespace
}  // namespace jvdb::test
