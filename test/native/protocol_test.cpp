// Each rule of the journal protocol has a history that goes wrong without it: the same scenario
// must hold with all rules on and fail with that one switched off. Here: rules 2 to 8, appends and
// epochs.
#include <thread>
#include <utility>

#include "protocol_fixture.h"

namespace jvdb::test::protocol {
namespace {

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

// Old bytes behind new ones in the superblocks, all else as it was written.
SectorCut torn_superblock(std::uint64_t offset, std::size_t newest) {
  if (offset >= format::kHeadCopyOffset) return newest;
  return {newest, 40, 0};
}

const Test kFirstSuperblock("protocol_test", "rule 5: a new file's first writer, too", [] {
  Disk disk{Protocol()};
  std::vector<std::unique_ptr<SimFileSystem>> images;
  {
    const auto store = disk.open();
    disk.files.hooks().before_change = [&] {
      images.push_back(
          disk.files.power_cut({.sector = [](std::uint64_t sector, std::size_t newest) {
            return torn_superblock(sector * kSector, newest);
          }}));
    };
    disk.put(*store, 1, 1);
    disk.files.hooks().before_change = nullptr;
  }
  for (const auto& image : images) {
    image->swap(disk.files);
    expect(opens_with(disk, {}));
  }
});

const Test kSameSuperblock(
    "protocol_test", "rule 5: a superblock that was written in part is the next to be written", [] {
      Disk disk{Protocol()};
      {
        const auto store = disk.open();
        disk.put(*store, 1, 1);
        expect_ok(store->flush());
        disk.put(*store, 2, 2);
        disk.files.hooks().cut_write = [](std::uint64_t, std::size_t) { return 40; };
        expect_code(store->flush(), Code::io);
        disk.files.hooks().cut_write = nullptr;
        disk.put(*store, 3, 3);
        expect_ok(store->flush());
      }
      disk.power_cut(torn_superblock);
      expect(opens_with(disk, {{1, 1}, {2, 2}, {3, 3}}));
    });

// Whether all of `expected` is there with either superblock damaged.
bool survives_damage(Disk& disk, const std::map<std::uint64_t, std::uint64_t>& expected) {
  const std::vector<std::byte> whole = disk.files.bytes(kPath);
  for (const std::uint64_t offset : format::kSuperblockOffsets) {
    disk.files.damage(kPath, offset, whole[offset] ^ std::byte{1});
    const bool there = opens_with(disk, expected);
    disk.files.damage(kPath, offset, whole[offset]);
    if (!there) return false;
  }
  return true;
}

const Test kDamagedSuperblock(
    "protocol_test", "rule 5: a damaged superblock loses nothing of the epoch it began", [] {
      const std::function<bool(Disk&)> histories[] = {
          [](Disk& disk) {  // a new file's first epoch
            disk.put(*disk.open(), 1, 1);
            return survives_damage(disk, {{1, 1}});
          },
          [](Disk& disk) {  // a later one
            {
              const auto store = disk.open();
              disk.put(*store, 1, 1);
              expect_ok(store->close());
            }
            disk.put(*disk.open(), 2, 2);
            return survives_damage(disk, {{1, 1}, {2, 2}});
          },
          [](Disk& disk) {  // after a failed append
            const auto store = disk.open();
            disk.put(*store, 1, 1);
            expect_ok(store->flush());
            disk.files.hooks().cut_write = [](std::uint64_t offset, std::size_t) {
              return offset == record_at(2) ? std::optional<std::size_t>(50) : std::nullopt;
            };
            expect_code(store->append(Group(disk.ids).put(2, vector_for(2))).status(), Code::io);
            disk.files.hooks().cut_write = nullptr;
            disk.put(*store, 3, 3);
            return survives_damage(disk, {{1, 1}, {3, 3}});
          },
      };
      for (const auto& history : histories) expect_rule(&Protocol::epoch_in_both, history);
    });

const Test kSecondSuperblock(
    "protocol_test", "rule 5: the second superblock of an epoch may fail, but not unnoticed", [] {
      Disk disk{Protocol()};
      {
        const auto store = disk.open();
        std::vector<std::uint64_t> written;
        disk.files.hooks().cut_write = [&](std::uint64_t offset,
                                           std::size_t) -> std::optional<std::size_t> {
          if (offset >= format::kHeadCopyOffset) return std::nullopt;
          written.push_back(offset);
          // The one that was found is written again, then the epoch's, then its second copy.
          return written.size() == 3 ? std::optional<std::size_t>(40) : std::nullopt;
        };
        expect_code(store->append(Group(disk.ids).put(1, vector_for(1))).status(), Code::io);
        disk.files.hooks().cut_write = nullptr;
        expect(written == std::vector<std::uint64_t>{4096, 8192, 4096});
        expect_code(store->append(Group(disk.ids).put(2, vector_for(2))).status(), Code::io);
      }
      expect(opens_with(disk, {}));
    });

const Test kCommit("protocol_test", "rule 6: a commit needs no superblock", [] {
  Disk disk{Protocol()};
  {
    const auto store = disk.open();
    disk.put(*store, 1, 1);
    disk.put(*store, 2, 2);
    expect_ok(store->commit(2));
    disk.put(*store, 3, 3);
  }
  disk.power_cut([](std::uint64_t, std::size_t) { return 0; });
  expect(opens_with(disk, {{1, 1}, {2, 2}}));
});

const Test kOrder("protocol_test", "rule 6: a superblock never promises what isn't synced", [] {
  expect_rule(&Protocol::superblock_after_sync, [](Disk& disk) {
    std::unique_ptr<SimFileSystem> image;
    {
      const auto store = disk.open();
      disk.put(*store, 1, 1);
      disk.files.hooks().fail_sync = [&] {  // the power fails as the sync begins
        image = disk.files.power_cut({.sector = [](std::uint64_t sector, std::size_t newest) {
          return sector * kSector < format::kHeadCopyOffset ? newest : 0;
        }});
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
      bool once = true;
      disk.files.hooks().during_sync = [&] {
        if (std::exchange(once, false)) std::thread([&] { disk.put(*store, 2, 2); }).join();
      };
      expect_ok(store->flush());
    }
    disk.power_cut([](std::uint64_t offset, std::size_t newest) {
      return offset < format::kHeadCopyOffset ? newest : 0;
    });
    return opens_with(disk, {{1, 1}});
  });
});

const Test kExtentCount("protocol_test", "rule 6: nor an extent that was added meanwhile", [] {
  Disk disk{Protocol()};
  std::map<std::uint64_t, std::uint64_t> expected;
  {
    const auto store = disk.open();
    for (std::uint64_t id = 1; id <= 64; ++id) {
      disk.put(*store, id, id);
      expected[id] = id;
    }
    bool once = true;
    disk.files.hooks().during_sync = [&] {
      if (std::exchange(once, false)) std::thread([&] { disk.put(*store, 65, 65); }).join();
    };
    expect_ok(store->flush());
  }
  disk.power_cut([](std::uint64_t offset, std::size_t newest) {
    return offset < format::kHeadCopyOffset ? newest : 0;
  });
  expect(opens_with(disk, expected));
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

}  // namespace
}  // namespace jvdb::test::protocol
