// As protocol_test.cpp, for what a disk does: rules 8 (sizes), 10, 12 and 15.
#include "engine/registry.h"
#include "protocol_fixture.h"

namespace jvdb::test::protocol {
namespace {

const Test kShort("protocol_disk_test",
                  "rule 8: an extent that the file is too short to hold does not count", [] {
                    std::size_t sizes = 1;
                    for (std::size_t size = 0; size < sizes; ++size) {
                      Disk disk{Protocol()};
                      std::map<std::uint64_t, std::uint64_t> expected;
                      {
                        const auto store = disk.open();
                        for (std::uint64_t id = 1; id <= 65; ++id) disk.put(*store, id, id);
                      }
                      disk.power_cut({.size = [&](std::size_t newest) {
                        sizes = newest + 1;
                        return size;
                      }});
                      for (std::uint64_t id = 1; id <= (size + 1 < sizes ? 64U : 65U); ++id) {
                        expected[id] = id;
                      }
                      expect(opens_with(disk, expected), "size " + std::to_string(size));
                    }
                    expect(sizes > 2);
                  });

const Test kReserve("protocol_disk_test",
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

const Test kFinal("protocol_disk_test", "rule 12: a failed sync is final", [] {
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

const Test kEvicted(
    "protocol_disk_test", "rule 12: after a failed sync, what the cache lost is an error", [] {
      Disk disk{Protocol()};
      const auto store = disk.open();
      disk.lose_second(*store);
      disk.files.forget_lost(kPath, kFirst.vectors_offset, kFirst.length);
      expect(get(*store, {1, {}}) == Stored{vector_for(1), ""});
      expect_code(store->read().get({2, {}}, engine::Checker::vector).status(), Code::io);
      expect_code(search(*store, vector_for(1)).status(), Code::io);
      disk.files.forget_lost(kPath, 0, kFirst.end());  // the record too
      expect_code(store->read().get({2, {}}, engine::Checker::heap).status(), Code::io);
    });

const Test kKilled("protocol_disk_test", "recovery keeps what kill -9 left dirty in the cache", [] {
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

const Test kCreated("protocol_disk_test", "rule 15: a file that was created keeps its name", [] {
  Disk disk{Protocol()};
  disk.power_cut({.name = [](const std::string&, std::size_t) { return 0; }});
  expect(opens_with(disk, {}));
});

const Test kStat("protocol_disk_test", "rule 15: the lock is on the file the path leads to", [] {
  expect_rule(&Protocol::stat_after_lock, [](Disk& disk) {
    expect_ok(engine::create_file(disk.files, "compacted", kSchema, 64));
    disk.files.hooks().before_lock = [&] {
      disk.files.hooks().before_lock = nullptr;
      expect_ok(disk.files.replace("compacted", kPath));
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
}  // namespace jvdb::test::protocol
