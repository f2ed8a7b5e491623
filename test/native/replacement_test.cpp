// Compaction where the system replaces no file that is in use, as on Windows: it is given up for a
// moment, and comes back where that was in vain.
#include <atomic>
#include <thread>

#include "check.h"
#include "engine/registry.h"
#include "store_fixture.h"
#include "temporary_directory.h"

namespace jvdb::test {
namespace {

using engine::Registry;
using engine::Store;

constexpr char kPath[] = "db.jvdb";
constexpr char kNewPath[] = "db.jvdb.compacting";
constexpr std::uint32_t kDimension = 20;
constexpr std::array kRefusals = {Unreplaceable::mapped, Unreplaceable::open};

// Ids 0 to 29, each put twice; nothing of it is flushed.
void fill(Store& store, Ids& ids) {
  for (std::uint64_t seed : {0, 100}) {
    for (std::uint64_t id = 0; id < 30; ++id) {
      (void)take(store.append(Group(ids).put(id, vector_of(kDimension, seed + id), "{}")));
    }
  }
}

// A store on a disk that minds, with something dead in it.
struct Filled {
  explicit Filled(Unreplaceable what) {
    disk.refuse_to_replace(what);
    store = create(disk, kPath, schema_of(kDimension, format::IdType::string));
    fill(*store, ids);
    expected = contents(*store);
  }
  // All of it works, under its old name and after a power cut too.
  void expect_whole() {
    expect(contents(*store) == expected);
    expect_equal(take(search(*store, vector_of(kDimension, 105), best(1)))[0].id_text, "id-5");
    (void)take(store->append(Group(ids).put(500, vector_of(kDimension, 1))));
    expected = contents(*store);
    expect_ok(store->flush());
    expect(contents(*open(*disk.power_cut({}), kPath)) == expected);
    (void)take(store->append(Group(ids).remove(500)));
    expected = contents(*store);
    expect_code(disk.stat(kNewPath).status(), Code::not_found);
  }

  SimFileSystem disk;
  Ids ids{format::IdType::string};
  std::unique_ptr<Store> store;
  std::map<std::string, Stored> expected;
};

const Test kCompacts("replacement_test", "the old file is given up, and replaced", [] {
  for (const Unreplaceable what : kRefusals) {
    Filled at(what);
    for (int round = 0; round < 3; ++round) {
      const auto before = take(at.disk.stat(kPath));
      expect(take(compact(at.disk, *at.store)).compacted);
      expect(take(at.disk.stat(kPath)).id != before.id);
      expect_equal(at.store->durable_lsn(), at.store->last_lsn());
      at.expect_whole();
    }
    expect(!take(take(at.disk.open(kPath, os::Access::read_write))->try_lock()), "it is locked");
  }
});

const Test kHeld("replacement_test", "while somebody holds the file nothing happens to it", [] {
  for (const Unreplaceable what : kRefusals) {
    Filled at(what);
    auto snapshot = at.store->snapshot();
    const auto before = take(at.disk.stat(kPath));
    const auto refused = compact(at.disk, *at.store);
    expect_code(refused.status(), Code::conflict);
    expect(refused.status().message().find("iteration") != std::string_view::npos);
    expect(take(at.disk.stat(kPath)).id == before.id);
    at.expect_whole();
    expect_equal(take(snapshot->entry(*snapshot->next(0), engine::Checker::heap)).id.text, "id-0");
    snapshot.reset();
    expect(take(compact(at.disk, *at.store)).compacted);
    at.expect_whole();
  }
});

const Test kReader("replacement_test", "nor while another reader has it open", [] {
  for (const Unreplaceable what : kRefusals) {
    Filled at(what);
    auto reader = open(at.disk, kPath, {true, {}, {}});
    expect_code(compact(at.disk, *at.store).status(), Code::conflict);
    at.expect_whole();
    expect(!take(take(at.disk.open(kPath, os::Access::read_write))->try_lock()), "it is locked");
    expect(take(reader->refresh()) == engine::Follower::Outcome::advanced);
    expect(contents(*reader) == at.expected);
    reader.reset();
    expect(take(compact(at.disk, *at.store)).compacted);
    at.expect_whole();
  }
});

const Test kWaits("replacement_test", "it waits for who is about to go", [] {
  Filled at(Unreplaceable::open);
  auto snapshot = at.store->snapshot();
  std::thread holder([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    snapshot.reset();
  });
  const auto report = compact(at.disk, *at.store);
  holder.join();
  expect(take(report).compacted);
  at.expect_whole();
});

const Test kReaders("replacement_test", "readers go on all the while", [] {
  Filled at(Unreplaceable::open);
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      Ids ids(format::IdType::string);
      while (!done) {
        if (get(*at.store, ids(5)) != at.expected.at("id-5")) ++wrong;
        const auto hits = search(*at.store, vector_of(kDimension, 105), best(1));
        if (!hits || (*hits)[0].id_text != "id-5") ++wrong;
      }
    });
  }
  for (int round = 0; round < 20; ++round) {
    for (std::uint64_t id = 20; id < 25; ++id) {
      (void)take(at.store->append(Group(at.ids).put(id, vector_of(kDimension, round), "{}")));
    }
    expect(take(compact(at.disk, *at.store)).compacted);
  }
  done = true;
  for (std::thread& one : readers) one.join();
  expect_equal(wrong.load(), 0);
  at.expected = contents(*at.store);
  at.expect_whole();
});

const Test kFlush("replacement_test", "a flush in between promises nothing that power loss takes",
                  [] {
                    Filled at(Unreplaceable::mapped);
                    auto reader =
                        open(at.disk, kPath, {true, {}, {}});  // so that the new file gets no name
                    int flushes = 0;
                    at.disk.hooks().before_replace = [&] {
                      if (++flushes == 1) return;  // the first time nothing was given up yet
                      expect_ok(at.store->flush());
                      if (flushes > 2) return;
                      const auto after = at.disk.power_cut(
                          {.sector = [](std::uint64_t, std::size_t) { return 0; },
                           .name = [](const std::string&, std::size_t newest) { return newest; }});
                      expect(contents(*open(*after, kPath)) == at.expected);
                    };
                    expect_code(compact(at.disk, *at.store).status(), Code::conflict);
                    at.disk.hooks().before_replace = nullptr;
                    expect(flushes > 1);
                    at.expect_whole();
                  });

const Test kFailures("replacement_test", "whatever fails, what was acknowledged is there", [] {
  for (const Unreplaceable what : kRefusals) {
    for (const bool once : {true, false}) {
      for (int nth = 1, failed = 1; failed != 0; ++nth) {
        Filled at(what);
        int left = nth;
        at.disk.hooks().fail_change = [&] { return --left == 0 || (left < 0 && !once); };
        const auto report = compact(at.disk, *at.store);
        at.disk.hooks().fail_change = nullptr;
        failed = left > 0 ? 0 : 1;
        if (report) continue;  // what failed is of no consequence
        expect_code(report.status(), Code::io);
        expect(contents(*at.store) == at.expected);
        const auto again = at.store->append(Group(at.ids).put(5, vector_of(kDimension, 5)));
        if (again) {
          at.expected = contents(*at.store);
          expect(take(compact(at.disk, *at.store)).compacted);
        } else {
          expect_code(again.status(), Code::io);
        }
        expect(contents(*at.store) == at.expected);
        at.store.reset();
        expect(contents(*open(at.disk, kPath)) == at.expected);
      }
    }
  }
});

// A registry's store that is compacted, and what another process does in the moment in which nobody
// has the old file's lock.
struct Contended {
  Contended() {
    disk.refuse_to_replace(Unreplaceable::open);
    fill(*handle, ids);
  }
  Result<engine::CompactReport> compact(const std::function<void()>& in_between) {
    int calls = 0;
    disk.hooks().before_replace = [&] {
      if (++calls == 3) in_between();
    };
    engine::Job job;
    auto report = handle.compact(job);
    disk.hooks().before_replace = nullptr;
    return report;
  }

  SimFileSystem disk;
  Ids ids{format::IdType::int64};
  Registry registry{disk};
  Registry other{disk};
  Registry::Handle handle = take(registry.open(kPath, request_for(kDimension)));
};

const Test kTaken("replacement_test", "a writer who comes in between has the file", [] {
  Contended at;
  const auto expected = contents(*at.handle);
  Registry::Handle other;
  const auto report =
      at.compact([&] { other = take(at.other.open(kPath, request_for(kDimension))); });
  expect_code(report.status(), Code::locked);
  (void)take(other->append(Group(at.ids).put(700, vector_of(kDimension, 7))));
  expect_code(at.handle->append(Group(at.ids).put(1, vector_of(kDimension, 1))).status(), Code::io);
  expect(contents(*at.handle) == expected);
  expect_code(at.disk.stat(kNewPath).status(), Code::not_found);
  expect_equal(contents(*other).size(), expected.size() + 1);
});

const Test kCame("replacement_test", "what a writer wrote who came and went is kept", [] {
  Contended at;
  const auto report = at.compact([&] {
    const auto other = take(at.other.open(kPath, request_for(kDimension)));
    (void)take(other->append(Group(at.ids).put(700, vector_of(kDimension, 7))));
  });
  expect(!report);
  expect_equal(get(*at.handle, at.ids(700))->vector[0], vector_of(kDimension, 7)[0]);
  const auto again = at.compact([] {});
  expect(take(again).compacted);
  expect_equal(at.handle->live(), 31U);
});

}  // namespace
}  // namespace jvdb::test
