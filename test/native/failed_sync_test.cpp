// Rule 12, after a failed sync the cache lies about superblocks and extent headers too.
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
      expect_equal((*opened)->last_lsn(), std::uint64_t{2});
      expect(holds(**opened, {{1, 1}, {2, 2}}));
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
                             expect_equal(opened->last_lsn(), std::uint64_t{2});
                             expect(holds(*opened, {{1, 1}, {2, 2}}));
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

}  // namespace
}  // namespace jvdb::test::protocol
