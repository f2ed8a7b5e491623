// Rules 7 and 12: after a failed sync the cache shows what the disk never got, and a later sync
// says that all is well.
#include <thread>
#include <utility>

#include "protocol_fixture.h"

namespace jvdb::test::protocol {
namespace {

void lose_generation_3(Disk& disk) {
  {
    const auto store = disk.open();
    disk.put(*store, 1, 1);  // generation 1, epoch A
  }
  const auto store = disk.open();
  disk.put(*store, 2, 2);     // generation 2, epoch B
  expect_ok(store->flush());  // generation 3, not synced; LSN 2 is durable
  disk.put(*store, 3, 3);
  disk.fail_flush(*store);
}

const Test kLyingSuperblock(
    "failed_sync_test", "rule 12: a superblock that a failed sync lost is not built upon", [] {
      Disk disk{Protocol()};
      lose_generation_3(disk);
      std::unique_ptr<SimFileSystem> image;
      {
        const auto store = disk.open();  // finds generation 3 in the cache
        int syncs = 2;
        disk.files.hooks().fail_sync = [&] {  // the power fails in the second sync, of generation 4
          if (--syncs == 0) {
            image = disk.files.power_cut({.sector = [](std::uint64_t sector, std::size_t newest) {
              return sector * kSector < format::kHeadCopyOffset ? SectorCut(newest, 40, 0)
                                                                : SectorCut(newest);
            }});
          }
          return false;
        };
        disk.put(*store, 4, 4);
        disk.files.hooks().fail_sync = nullptr;
      }
      image->swap(disk.files);
      auto opened = try_open(disk.files, kPath);
      expect_ok(opened.status());
      expect_equal((*opened)->last_lsn(), std::uint64_t{3});
      expect(holds(**opened, {{1, 1}, {2, 2}, {3, 3}}));
    });

const Test kLyingAtClose("failed_sync_test",
                         "rule 12: nor by closing, or flushing, without a write", [] {
                           for (const bool closes : {true, false}) {
                             Disk disk{Protocol()};
                             lose_generation_3(disk);
                             {
                               const auto store = disk.open();  // finds generation 3 in the cache
                               expect_ok(closes ? store->close() : store->flush());
                             }
                             // Generation 4, not synced, is torn.
                             disk.power_cut([](std::uint64_t offset, std::size_t newest) {
                               return offset < format::kHeadCopyOffset ? SectorCut(newest, 40, 0)
                                                                       : SectorCut(newest);
                             });
                             const auto opened = disk.open();
                             expect_equal(opened->last_lsn(), std::uint64_t{3});
                             expect(holds(*opened, {{1, 1}, {2, 2}, {3, 3}}));
                           }
                         });

const Test kLyingHeader("failed_sync_test",
                        "rule 12: an extent header that a failed sync lost is not built upon", [] {
                          SimFileSystem files;
                          Ids ids{format::IdType::int64};
                          expect_ok(engine::create_file(files, kPath, kSchema, 100));
                          {
                            const auto store = open(files, kPath);
                            for (std::uint64_t id = 0; id < 100; ++id)
                              (void)take(store->append(Group(ids).put(id, vector_for(id))));
                            for (std::uint64_t id = 0; id < 76; ++id)
                              (void)take(store->append(
                                  Group(ids).remove(id)));  // 176 records: the first extent is full
                            expect_ok(store->commit(store->last_lsn()));
                            // Beside the append that grows the file, a flush fails: after the
                            // header, before the record.
                            bool once = true;
                            files.hooks().cut_write =
                                [&](std::uint64_t, std::size_t size) -> std::optional<std::size_t> {
                              if (size != sizeof(format::Record) || !std::exchange(once, false))
                                return std::nullopt;
                              files.hooks().fail_sync = [] { return true; };
                              Status status;
                              std::thread([&] { status = store->flush(); }).join();
                              files.hooks().fail_sync = nullptr;
                              expect_code(status, Code::io);
                              return std::nullopt;
                            };
                            (void)store->append(Group(ids).remove(76));
                            files.hooks().cut_write = nullptr;
                          }
                          {
                            const auto store = open(files, kPath);
                            (void)take(store->append(Group(ids).remove(77)));
                            expect_ok(store->flush());
                          }
                          files.power_cut({})->swap(files);
                          auto opened = try_open(files, kPath);
                          expect_ok(opened.status());
                          expect((*opened)->last_lsn() >= 178);
                        });

// LSN 1 is durable, 2 is in the cache alone: what a new handle does with it, and a power cut that
// leaves what is on the disk.
bool keeps_what_it_found(Disk& disk, const std::function<void(Store&)>& use) {
  {
    disk.lose_second(*disk.open());
  }
  std::uint64_t durable = 0;
  {
    const auto store = disk.open();
    expect(holds(*store, {{1, 1}, {2, 2}}));
    use(*store);
    durable = store->durable_lsn();
  }
  disk.power_cut([](std::uint64_t, std::size_t) { return 0; });
  auto opened = try_open(disk.files, kPath, {false, {}, disk.protocol});
  if (!opened || (*opened)->last_lsn() < durable || durable < 2) return false;
  const auto vector = (*opened)->read().vector({2, {}});
  return vector && *vector != nullptr && Vector(*vector, *vector + kDimension) == vector_for(2);
}

const Test kWrittenAgain("failed_sync_test",
                         "rule 7: what was found in the cache alone is written before it is synced",
                         [] {
                           expect_rule(&Protocol::write_found_again, [](Disk& disk) {
                             return keeps_what_it_found(
                                 disk, [](Store& store) { expect_ok(store.flush()); });
                           });
                           expect_rule(&Protocol::write_found_again, [](Disk& disk) {
                             return keeps_what_it_found(
                                 disk, [](Store& store) { expect_ok(store.close()); });
                           });
                           expect_rule(&Protocol::write_found_again, [](Disk& disk) {
                             return keeps_what_it_found(disk, [&](Store& store) {
                               disk.put(store, 3, 3);
                               expect_ok(store.flush());
                             });
                           });
                         });

const Test kWrittenWhole(
    "failed_sync_test", "rule 7: batches, growth, string ids, metadata and removals too", [] {
      SimFileSystem files;
      Ids ids{format::IdType::string};
      std::map<std::string, Stored> expected;
      {
        const auto store = create(files, kPath, schema_of(kDimension, format::IdType::string), 8);
        (void)take(store->append(Group(ids).put(1, vector_for(1), R"({"a":1})")));
        expect_ok(store->flush());
        for (std::uint64_t round = 0; round < 20; ++round) {
          Group group(ids);
          for (std::uint64_t i = 0; i < 7; ++i) {
            group.put(round + i, vector_for(round * 10 + i), i % 2 == 0 ? R"({"b":2})" : "");
          }
          (void)take(store->append(group.remove(round)));
        }
        expect(take(store->stats()).extents > 1, "the file did not grow");
        files.hooks().fail_sync = [] { return true; };
        expect_code(store->flush(), Code::io);
        files.hooks().fail_sync = nullptr;
        expected = contents(*store);
      }
      expect_ok(open(files, kPath)->flush());
      files.power_cut({.sector = [](std::uint64_t, std::size_t) { return 0; }})->swap(files);
      expect(contents(*open(files, kPath)) == expected);
    });

const Test kForgotten("failed_sync_test",
                      "rule 12: what the cache forgets before the first sync is an error", [] {
                        Disk disk{Protocol()};
                        {
                          disk.lose_second(*disk.open());
                        }
                        {
                          const auto store = disk.open();
                          expect(holds(*store, {{1, 1}, {2, 2}}));
                          disk.files.forget_lost(kPath, kFirst.vectors_offset, kFirst.length);
                          expect_code(store->read().vector({2, {}}).status(), Code::io);
                          expect(take(store->read().vector({1, {}})) != nullptr);
                          expect_code(store->flush(), Code::io);
                          expect_code(store->append(Group(disk.ids).put(3, vector_for(3))).status(),
                                      Code::io);
                        }
                        expect(opens_with(disk, {{1, 1}}));
                      });

const Test kTrusted("failed_sync_test",
                    "what is found unsynced is checked at every read, until a sync", [] {
                      Disk disk{Protocol()};
                      {
                        const auto store = disk.open();
                        disk.put(*store, 1, 1);
                      }
                      const auto store = disk.open();
                      expect(take(store->read().vector({1, {}})) != nullptr);
                      const std::byte was = disk.files.bytes(kPath)[kFirst.vectors_offset];
                      disk.files.damage(kPath, kFirst.vectors_offset, ~was);
                      expect_code(store->read().vector({1, {}}).status(), Code::io);
                      disk.files.damage(kPath, kFirst.vectors_offset, was);
                      expect_ok(store->flush());
                      disk.files.damage(kPath, kFirst.vectors_offset, ~was);
                      expect(take(store->read().vector({1, {}})) !=
                             nullptr);  // it was checked before
                    });

}  // namespace
}  // namespace jvdb::test::protocol
