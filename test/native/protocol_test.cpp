// Each rule of the journal protocol has a history that goes wrong without it: the same scenario
// must hold with all rules on and fail with that one switched off.
#include <array>
#include <cstring>
#include <functional>
#include <set>

#include "check.h"
#include "engine/registry.h"
#include "format/seal.h"
#include "store_fixture.h"

namespace jvdb::test {
namespace {

using engine::Protocol;
using engine::Store;

constexpr char kPath[] = "db.jvdb";
constexpr std::uint32_t kDimension = 128;  // a vector is a whole sector, and so is its place

const format::Schema kSchema = [] {
  format::Schema schema = schema_of(kDimension);
  schema.has_codes = false;
  return schema;
}();
const format::ExtentGeometry kFirst =
    *format::lay_out(kSchema, format::kFirstExtentOffset, format::first_extent(64));

Vector vector_for(std::uint64_t seed) {
  return vector_of(kDimension, seed);
}

struct Disk {
  SimFileSystem files;
  Ids ids{format::IdType::int64};
  Protocol protocol;

  explicit Disk(const Protocol& rules) : protocol(rules) {
    expect_ok(engine::create_file(files, kPath, kSchema, 64));
  }
  std::unique_ptr<Store> open() { return test::open(files, kPath, {false, {}, protocol}); }
  void put(Store& store, std::uint64_t id, std::uint64_t seed) {
    (void)take(store.append(Group(ids).put(id, vector_for(seed))));
  }
  // Pulls the plug: `choose` decides for each unsynced sector, by its offset in the file.
  void power_cut(
      const std::function<std::size_t(std::uint64_t offset, std::size_t newest)>& choose) {
    auto after = files.power_cut(
        [&](std::uint64_t sector, std::size_t newest) { return choose(sector * kSector, newest); });
    after->swap(files);
  }
};

// Ids and seeds that a store must hold, no more and no less.
bool holds(Store& store, const std::map<std::uint64_t, std::uint64_t>& expected) {
  std::map<std::string, Stored> wanted;
  for (const auto& [id, seed] : expected) wanted[std::to_string(id)] = {vector_for(seed), ""};
  try {
    return contents(store) == wanted;
  } catch (const Failure&) {
    return false;  // a vector that can't be read back
  }
}

bool opens_with(Disk& disk, const std::map<std::uint64_t, std::uint64_t>& expected) {
  auto store = try_open(disk.files, kPath, {false, {}, disk.protocol});
  return store && holds(**store, expected);
}

void expect_rule(bool Protocol::* rule, const std::function<bool(Disk&)>& scenario,
                 std::source_location where = std::source_location::current()) {
  Protocol all;
  Disk with(all);
  expect(scenario(with), "the scenario fails with all rules on", where);
  all.*rule = false;
  Disk without(all);
  expect(!scenario(without), "switching the rule off is not noticed", where);
}

std::uint64_t record_at(std::uint64_t lsn) {
  return kFirst.records_offset() + (lsn - 1) * sizeof(format::Record);
}
bool is_record(std::uint64_t offset) {
  return offset >= kFirst.records_offset() && offset < kFirst.vectors_offset;
}
// The sector that holds the first byte of a record.
std::uint64_t record_sector(std::uint64_t lsn) {
  return record_at(lsn) / kSector * kSector;
}

const Test kPayload("protocol_test", "rule 2: a record without its payload does not count", [] {
  expect_rule(&Protocol::payload_checksums, [](Disk& disk) {
    {
      const auto store = disk.open();
      disk.put(*store, 1, 1);
      expect_ok(store->flush());
      disk.put(*store, 2, 2);
    }
    disk.power_cut(
        [](std::uint64_t offset, std::size_t newest) { return is_record(offset) ? newest : 0; });
    return opens_with(disk, {{1, 1}});
  });
});

const Test kGroup("protocol_test", "rule 3: a group without its last record does not count", [] {
  expect_rule(&Protocol::group_flag, [](Disk& disk) {
    {
      const auto store = disk.open();
      disk.put(*store, 1, 1);
      expect_ok(store->flush());
      Group group(disk.ids);
      for (std::uint64_t id = 2; id < 14; ++id) group.put(id, vector_for(id));
      (void)take(store->append(group));
    }
    disk.power_cut([](std::uint64_t offset, std::size_t newest) {
      return is_record(offset) && offset > record_sector(2) ? 0 : newest;
    });
    return opens_with(disk, {{1, 1}});
  });
});

const Test kEpoch(
    "protocol_test", "rule 4: what a crash left behind the tail never joins later records", [] {
      expect_rule(&Protocol::epoch_at_open, [](Disk& disk) {
        {
          const auto store = disk.open();
          for (std::uint64_t id = 1; id <= 5; ++id) disk.put(*store, id, id);
          expect_ok(store->flush());
          for (std::uint64_t id = 6; id <= 12; ++id) disk.put(*store, id, id);
        }
        // Record 6 begins in one sector and ends in the next; that of 12 lies behind both.
        disk.power_cut([](std::uint64_t offset, std::size_t newest) {
          return offset == record_sector(6) ? 0 : newest;
        });
        {
          const auto store = disk.open();
          if (!holds(*store, {{1, 1}, {2, 2}, {3, 3}, {4, 4}, {5, 5}})) return false;
          for (std::uint64_t id = 100; id < 103; ++id) disk.put(*store, id, id);
        }
        return opens_with(
            disk, {{1, 1}, {2, 2}, {3, 3}, {4, 4}, {5, 5}, {100, 100}, {101, 101}, {102, 102}});
      });
    });

const Test kFailedAppend(
    "protocol_test", "rule 4: a failed append's leftovers never join later records", [] {
      expect_rule(&Protocol::epoch_after_failed_append, [](Disk& disk) {
        {
          const auto store = disk.open();
          disk.put(*store, 1, 1);
          expect_ok(store->flush());
          // A group fails with all but its last record written, and single operations follow it.
          Group group(disk.ids);
          for (std::uint64_t id = 2; id <= 21; ++id) group.put(id, vector_for(id));
          disk.files.hooks().cut_write = [](std::uint64_t offset,
                                            std::size_t size) -> std::optional<std::size_t> {
            if (offset != record_at(2)) return std::nullopt;
            return size - sizeof(format::Record);
          };
          expect_code(store->append(group).status(), Code::io);
          disk.files.hooks().cut_write = nullptr;
          if (!holds(*store, {{1, 1}})) return false;
          for (std::uint64_t id = 102; id <= 121; ++id) disk.put(*store, id, id);
        }
        // Sixteen records fill three sectors. The power cut brings back the first version of these,
        // and of the vectors that belong to them, and keeps what came later behind them.
        const std::uint64_t cut = record_at(17);
        const std::uint64_t vectors_cut = kFirst.vectors_offset + 16 * kSchema.vector_stride();
        disk.power_cut([&](std::uint64_t offset, std::size_t newest) -> std::size_t {
          if (offset < format::kFirstExtentOffset) return newest;
          return offset < cut || (offset >= kFirst.vectors_offset && offset < vectors_cut) ? 1
                                                                                           : newest;
        });
        std::map<std::uint64_t, std::uint64_t> prefix{{1, 1}};
        for (std::uint64_t id = 102; id <= 122; ++id) {
          if (opens_with(disk, prefix)) return true;
          prefix[id] = id;
        }
        return false;
      });
    });

const Test kSuperblocks("protocol_test", "rule 5: a torn superblock leaves the other one", [] {
  expect_rule(&Protocol::two_superblocks, [](Disk& disk) {
    std::uint64_t torn = 0;
    {
      const auto store = disk.open();
      disk.put(*store, 1, 1);
      expect_ok(store->flush());
      disk.put(*store, 2, 2);
      disk.files.hooks().cut_write = [&](std::uint64_t offset,
                                         std::size_t) -> std::optional<std::size_t> {
        if (offset >= format::kHeadCopyOffset) return std::nullopt;
        torn = offset;
        return 40;
      };
      (void)store->flush();
    }
    disk.files.hooks().cut_write = nullptr;
    expect(torn != 0);
    return opens_with(disk, {{1, 1}, {2, 2}});
  });
});

const Test kOrder("protocol_test", "rule 6: a superblock never promises what isn't synced", [] {
  expect_rule(&Protocol::superblock_after_sync, [](Disk& disk) {
    std::unique_ptr<SimFileSystem> image;
    {
      const auto store = disk.open();
      disk.put(*store, 1, 1);
      disk.files.hooks().fail_sync = [&] {  // the power fails as the sync begins
        image = disk.files.power_cut([](std::uint64_t sector, std::size_t newest) {
          return sector * kSector < format::kHeadCopyOffset ? newest : 0;
        });
        return true;
      };
      (void)store->flush();
    }
    image->swap(disk.files);
    disk.files.hooks().fail_sync = nullptr;
    return opens_with(disk, {});
  });
});

const Test kTail("protocol_test", "rule 6: a flush promises what was there before its sync", [] {
  expect_rule(&Protocol::tail_before_sync, [](Disk& disk) {
    {
      const auto store = disk.open();
      disk.put(*store, 1, 1);
      disk.files.hooks().during_sync = [&] {
        disk.files.hooks().during_sync = nullptr;
        disk.put(*store, 2, 2);
      };
      expect_ok(store->flush());
    }
    disk.power_cut([](std::uint64_t offset, std::size_t newest) {
      return offset < format::kHeadCopyOffset ? newest : 0;
    });
    return opens_with(disk, {{1, 1}});
  });
});

const Test kRecoverySync("protocol_test",
                         "rule 7: recovery syncs what it found before it promises it", [] {
                           expect_rule(&Protocol::sync_in_recovery, [](Disk& disk) {
                             {
                               const auto store = disk.open();
                               disk.put(*store, 1, 1);
                               expect_ok(store->flush());
                               disk.put(*store, 2, 2);
                             }
                             int syncs = disk.protocol.sync_in_recovery ? 2 : 1;
                             {
                               const auto store =
                                   disk.open();  // after kill -9: everything is in the page cache
                               disk.files.hooks().fail_sync = [&] { return --syncs == 0; };
                               (void)store->append(Group(disk.ids).put(
                                   3, vector_for(3)));  // power fails in the last sync
                             }
                             disk.files.hooks().fail_sync = nullptr;
                             disk.power_cut([](std::uint64_t, std::size_t) { return 0; });
                             return opens_with(disk, {{1, 1}, {2, 2}});
                           });
                         });

const Test kExtentEpoch("protocol_test",
                        "rule 8: a stale extent behind the tail is not taken for the next one", [] {
                          expect_rule(&Protocol::epoch_in_extent_header, [](Disk& disk) {
                            std::map<std::uint64_t, std::uint64_t> expected;
                            {
                              const auto store = disk.open();
                              for (std::uint64_t id = 1; id <= 60; ++id) {
                                disk.put(*store, id, id);
                                expected[id] = id;
                              }
                              expect_ok(store->flush());
                              for (std::uint64_t id = 61; id <= 70; ++id) disk.put(*store, id, id);
                            }
                            // The second extent's header, first LSN 65, survives; the records
                            // before it don't.
                            disk.power_cut([](std::uint64_t offset, std::size_t newest) {
                              return offset >= kFirst.end() ? newest : 0;
                            });
                            {
                              const auto store = disk.open();
                              // Removals need no slots, so the first extent goes on past LSN 65.
                              for (std::uint64_t id = 1; id <= 20; ++id) {
                                (void)take(store->append(Group(disk.ids).remove(id)));
                                expected.erase(id);
                              }
                            }
                            return opens_with(disk, expected);
                          });
                        });

const Test kReserve("protocol_test",
                    "rule 10: space is reserved before anything is acknowledged in it", [] {
                      expect_rule(&Protocol::reserve_before_map, [](Disk& disk) {
                        const auto store = disk.open();
                        for (std::uint64_t id = 1; id <= 64; ++id) disk.put(*store, id, id);
                        expect_ok(store->flush());
                        disk.files.set_free_bytes(0);
                        const auto appended =
                            store->append(Group(disk.ids).put(65, vector_for(65)));
                        const bool refused = appended.status().code() == Code::no_space;
                        const bool flushes = store->flush().ok();
                        disk.files.set_free_bytes(std::uint64_t{1} << 40);
                        return refused && flushes &&
                               store->append(Group(disk.ids).put(66, vector_for(66))).ok();
                      });
                    });

const Test kFinal("protocol_test", "rule 12: a failed sync is final", [] {
  expect_rule(&Protocol::failed_sync_is_final, [](Disk& disk) {
    bool claimed_durable = false;
    {
      const auto store = disk.open();
      disk.put(*store, 1, 1);
      expect_ok(store->flush());
      disk.put(*store, 2, 2);
      bool once = true;
      disk.files.hooks().fail_sync = [&] { return std::exchange(once, false); };
      expect_code(store->flush(), Code::io);
      if (!holds(*store, {{1, 1}, {2, 2}})) return false;  // reads go on
      claimed_durable = store->flush().ok();
      if (disk.protocol.failed_sync_is_final) {
        expect_code(store->append(Group(disk.ids).put(3, vector_for(3))).status(), Code::io);
        expect_code(store->close(), Code::io);
      }
    }
    disk.files.hooks().fail_sync = nullptr;
    disk.power_cut([](std::uint64_t, std::size_t newest) { return newest; });
    return !claimed_durable && opens_with(disk, {{1, 1}});
  });
});

const Test kEvicted("protocol_test",
                    "rule 12: after a failed sync, what the cache lost is an error", [] {
                      Disk disk{Protocol()};
                      const auto store = disk.open();
                      disk.put(*store, 1, 1);
                      expect_ok(store->flush());
                      disk.put(*store, 2, 2);
                      disk.files.hooks().fail_sync = [] { return true; };
                      expect_code(store->flush(), Code::io);
                      disk.files.forget_lost(kPath, kFirst.vectors_offset, kFirst.length);
                      expect(get(*store, {1, {}}) == Stored{vector_for(1), ""});
                      expect_code(store->get({2, {}}, engine::Checker::vector).status(), Code::io);
                      const std::atomic<bool> cancelled{false};
                      expect_code(store->search(vector_for(1), {}, cancelled).status(), Code::io);
                      disk.files.forget_lost(kPath, 0, kFirst.end());  // the record too
                      expect_code(store->get({2, {}}, engine::Checker::heap).status(), Code::io);
                    });

const Test kDropCache("protocol_test",
                      "rule 12: recovery reads what the disk has, not a cache that lies", [] {
                        Disk disk{Protocol()};
                        {
                          const auto store = disk.open();
                          disk.put(*store, 1, 1);
                          expect_ok(store->flush());
                          disk.put(*store, 2, 2);
                          disk.files.hooks().fail_sync = [] { return true; };
                          expect_code(store->flush(), Code::io);
                        }
                        disk.files.hooks().fail_sync = nullptr;
                        expect(opens_with(disk, {{1, 1}}));
                      });

const Test kKilled("protocol_test", "rule 12: recovery keeps what kill -9 left dirty in the cache",
                   [] {
                     Disk disk{Protocol()};
                     std::map<std::uint64_t, std::uint64_t> expected;
                     {
                       const auto store = disk.open();
                       for (std::uint64_t id = 1; id <= 100; ++id) {
                         disk.put(*store, id, id);
                         expected[id] = id;
                         if (id == 30) expect_ok(store->flush());
                       }
                     }
                     expect(opens_with(disk, expected));
                   });

const Test kStat("protocol_test", "rule 15: the lock is on the file the path leads to", [] {
  expect_rule(&Protocol::stat_after_lock, [](Disk& disk) {
    expect_ok(engine::create_file(disk.files, "compacted", kSchema, 64));
    disk.files.hooks().before_lock = [&] {
      disk.files.hooks().before_lock = nullptr;
      disk.files.replace(kPath, "compacted");
    };
    engine::Registry registry(disk.files);
    engine::OpenRequest request;
    request.protocol = disk.protocol;
    {
      auto handle = take(registry.open(kPath, request));
      (void)take(handle->append(Group(disk.ids).put(1, vector_for(1))));
    }
    return opens_with(disk, {{1, 1}});
  });
});

}  // namespace
}  // namespace jvdb::test
