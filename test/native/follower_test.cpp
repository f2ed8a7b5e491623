// Rule 18: a store opened for reading takes in what the writer of the file adds, groups whole or
// not at all, and notices another file in its place.
#include <array>
#include <new>
#include <utility>

#include "engine/registry.h"
#include "protocol_fixture.h"

namespace jvdb::test::protocol {
namespace {

using engine::Follower;
using engine::OpenOptions;
using engine::OpenRequest;
using engine::Registry;
using Outcome = Follower::Outcome;
using Contents = std::map<std::string, Stored>;

std::unique_ptr<Store> follow(os::FileSystem& files, const Protocol& rules = {}) {
  return test::open(files, kPath, {true, {}, rules});
}

Outcome refresh(Store& store, std::source_location where = std::source_location::current()) {
  return take(store.refresh(), where);
}

const Test kTakesIn("follower_test", "takes in puts, updates, deletes, batches and growth", [] {
  for (const format::IdType type : {format::IdType::int64, format::IdType::string}) {
    SimFileSystem files;
    const auto writer = create(files, kPath, schema_of(8, type), 4);
    const auto reader = follow(files);
    expect(refresh(*reader) == Outcome::unchanged);
    Ids ids(type);
    for (std::uint64_t round = 0; round < 40; ++round) {
      Group group(ids);
      for (std::uint64_t i = 0; i <= round % 7; ++i) {
        group.put(round + i, vector_of(8, round * 100 + i), R"({"round":1})");
      }
      if (round % 3 == 0) group.update_keeping_metadata(round, vector_of(8, round));
      if (round % 4 == 0) group.remove(round / 2);
      (void)take(writer->append(group));
      if (round % 5 == 0) expect_ok(writer->flush());
      if (round % 2 == 0) continue;  // two groups at once
      expect(refresh(*reader) == Outcome::advanced);
      expect(refresh(*reader) == Outcome::unchanged);
      expect_equal(reader->last_lsn(), writer->last_lsn());
      expect_equal(reader->live(), writer->live());
      expect(contents(*reader) == contents(*writer), "another content after a refresh");
    }
    expect(take(writer->stats()).extents > 1, "the file did not grow");
    expect_code(reader->append(Group(ids).remove(1)).status(), Code::read_only);
  }
});

// Refreshes followers at every moment at which the file changes.
class Watch {
 public:
  explicit Watch(SimFileSystem& files) : files_(files), old_(follow(files)) {
    before_ = after_ = contents(*old_);
    files_.hooks().before_change = [this] { look(); };
  }
  ~Watch() { files_.hooks().before_change = nullptr; }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // What the change under way leads to.
  void expects(Contents after) { after_ = std::move(after); }
  void done() {
    look();
    expect(contents(*old_) == after_, "the change is not seen");
    before_ = after_;
  }
  int looks() const noexcept { return looks_; }

 private:
  void look() {
    auto change = std::exchange(files_.hooks().before_change, nullptr);
    (void)refresh(*old_);
    const auto fresh = follow(files_);
    for (const Store* store : {old_.get(), fresh.get()}) {
      const Contents found = contents(*store);
      expect(found == before_ || found == after_, "a part of a group is seen");
    }
    files_.hooks().before_change = std::move(change);
    ++looks_;
  }

  SimFileSystem& files_;
  std::unique_ptr<Store> old_;
  Contents before_;
  Contents after_;
  int looks_ = 0;
};

const Test kWhole("follower_test", "a group is seen whole or not at all, at every change", [] {
  SimFileSystem files;
  const auto writer = create(files, kPath, kSchema, 4);
  Watch watch(files);
  Ids ids(format::IdType::int64);
  Contents now;
  for (std::uint64_t round = 0; round < 12; ++round) {
    Group group(ids);
    for (std::uint64_t i = 0; i < 1 + round % 5; ++i) {
      group.put(round + i, vector_for(round * 10 + i), R"({"a":1})");
      now[std::to_string(round + i)] = {vector_for(round * 10 + i), R"({"a":1})"};
    }
    group.remove(round / 2);
    now.erase(std::to_string(round / 2));
    watch.expects(now);
    (void)take(writer->append(group));
    watch.done();
    if (round % 4 == 3) expect_ok(writer->flush());
  }
  expect(watch.looks() > 60, "the file changed less often than it should");
});

const Test kFailedAppend("follower_test", "nothing of an append that failed is ever seen", [] {
  for (std::size_t cut : {std::size_t{0}, sizeof(format::Record), 2 * sizeof(format::Record)}) {
    Disk disk{Protocol()};
    const auto writer = disk.open();
    disk.put(*writer, 1, 1);
    const auto reader = follow(disk.files);
    disk.files.hooks().cut_write = [&](std::uint64_t offset, std::size_t) {
      return is_record(offset) ? std::optional(cut) : std::nullopt;
    };
    expect_code(
        writer
            ->append(
                Group(disk.ids).put(2, vector_for(2)).put(3, vector_for(3)).put(4, vector_for(4)))
            .status(),
        Code::io);
    disk.files.hooks().cut_write = nullptr;
    (void)refresh(*reader);
    expect(holds(*reader, {{1, 1}}));
    disk.put(*writer, 5, 5);
    if (refresh(*reader) == Outcome::rewritten)
      expect(holds(*follow(disk.files), {{1, 1}, {5, 5}}));
    else
      expect(holds(*reader, {{1, 1}, {5, 5}}));
  }
});

const Test kRestart("follower_test", "goes on when the writer was killed and started again", [] {
  Disk disk{Protocol()};
  auto writer = disk.open();
  disk.put(*writer, 1, 1);
  const auto reader = follow(disk.files);
  for (std::uint64_t id = 2; id < 6; ++id) {
    disk.put(*writer, id, id);
    writer = nullptr;  // not closed: as if killed
    writer = disk.open();
    disk.put(*writer, id + 100, id);
    expect(refresh(*reader) == Outcome::advanced);
    expect(contents(*reader) == contents(*writer));
  }
  expect_ok(writer->close());
  expect(refresh(*reader) == Outcome::unchanged);
  expect_equal(reader->durable_lsn(), writer->last_lsn());
});

const Test kTornSuperblocks(
    "follower_test", "reads the superblocks again while both are being written", [] {
      Disk disk{Protocol()};
      const auto writer = disk.open();
      disk.put(*writer, 1, 1);
      expect_ok(writer->flush());
      const auto reader = follow(disk.files);
      disk.put(*writer, 2, 2);
      const std::vector<std::byte> whole = disk.files.bytes(kPath);
      const auto set = [&](bool torn) {
        for (const std::uint64_t at : format::kSuperblockOffsets) {
          disk.files.damage(kPath, at + 8, torn ? ~whole[at + 8] : whole[at + 8]);
        }
      };
      const auto torn_for = [&](int reads) {
        set(true);
        disk.files.hooks().before_read = [&, reads](std::uint64_t offset) mutable {
          if (offset == format::kSuperblockOffsets[0] && reads-- == 0) set(false);
        };
      };
      torn_for(3);
      expect(refresh(*reader) == Outcome::advanced);
      torn_for(3);
      expect(holds(*follow(disk.files), {{1, 1}, {2, 2}}));
      torn_for(1);  // nobody writes beside a writer: it does not wait
      expect_code(try_open(disk.files, kPath).status(), Code::corrupt);
      torn_for(1000000);
      expect_code(reader->refresh().status(), Code::corrupt);
      set(false);
      expect(holds(*reader, {{1, 1}, {2, 2}}), "a failed refresh changed what is seen");
      expect(refresh(*reader) == Outcome::unchanged);
    });

// Two handles of a process to a file that another process, another registry, writes to.
struct Shared {
  Disk disk{Protocol()};
  Registry here{disk.files};
  OpenRequest reading;
  Registry::Handle first;
  Registry::Handle second;

  Shared() {
    reading.create = false;
    reading.read_only = true;
    first = take(here.open(kPath, reading));
    second = take(here.open(kPath, reading));
  }
};

const Test kShared("follower_test", "the readers of a process share a store", [] {
  Shared shared;
  const auto writer = shared.disk.open();
  shared.disk.put(*writer, 1, 1);
  expect(&*shared.first == &*shared.second);
  expect(!take(shared.here.refresh(kPath, shared.first)), "a new store for no reason");
  expect(holds(*shared.second, {{1, 1}}));
});

const Test kOpenedLater("follower_test", "a reader that is opened shows the file as it is then",
                        [] {
                          Shared shared;
                          const auto writer = shared.disk.open();
                          shared.disk.put(*writer, 1, 1);
                          expect_ok(writer->flush());
                          const auto third = take(shared.here.open(kPath, shared.reading));
                          expect(holds(*third, {{1, 1}}));
                          shared.disk.put(*writer, 2, 2);
                          expect(!take(shared.here.refresh(kPath, shared.first)));
                          shared.disk.fail_flush(*writer);
                          shared.disk.forget();
                          const auto next = shared.disk.open();
                          shared.disk.put(*next, 3, 3);
                          const auto fourth = take(shared.here.open(kPath, shared.reading));
                          expect(holds(*fourth, {{1, 1}, {3, 3}}),
                                 "a history that was lost is shown");
                          expect(&*fourth != &*third);
                          // Whoever still has the old one comes to the new one, and only once.
                          const auto fresh = take(shared.here.refresh(kPath, shared.first));
                          expect(fresh && &*fresh == &*fourth);
                          expect(!take(shared.here.refresh(kPath, fresh)));
                        });

const Test kFailing("follower_test",
                    "a refresh that fails shows the old state, and the next mends it", [] {
                      int failures = 0;
                      for (int k = 0; k < 30; ++k) {
                        Shared shared;
                        const auto writer = shared.disk.open();
                        shared.disk.put(*writer, 1, 1);
                        expect(!take(shared.here.refresh(kPath, shared.first)));
                        for (std::uint64_t id = 2; id < 150; ++id) shared.disk.put(*writer, id, id);
                        int reads = 0;
                        shared.disk.files.hooks().before_read = [&](std::uint64_t) {
                          if (reads++ == k) throw std::bad_alloc();
                        };
                        auto first = shared.here.refresh(kPath, shared.first);
                        shared.disk.files.hooks().before_read = nullptr;
                        if (!first) {
                          ++failures;
                          expect(holds(*shared.first, {{1, 1}}));
                        }
                        const auto fresh = take(shared.here.refresh(kPath, shared.first));
                        const Store& now = fresh ? *fresh : *shared.first;
                        expect_equal(now.live(), std::uint64_t{149});
                        expect(contents(now) == contents(*writer));
                      }
                      expect(failures > 8, "refreshing reads less often than it should");
                    });

// What refreshing shows after another file took the place of the one that was open.
bool notices_another_file(const Protocol& rules) {
  Shared shared;
  {
    const auto writer = shared.disk.open();
    shared.disk.put(*writer, 1, 1);
  }
  expect_ok(engine::create_file(shared.disk.files, "other", kSchema, 64));
  {
    const auto other = test::open(shared.disk.files, "other");
    shared.disk.put(*other, 7, 7);
  }
  expect_ok(shared.disk.files.replace("other", kPath));
  auto fresh = take(shared.here.refresh(kPath, shared.first, rules));
  expect(holds(*shared.first, {{1, 1}}) || holds(*shared.first, {}), "an old handle changed");
  if (!fresh || !holds(*fresh, {{7, 7}})) return false;
  auto second = take(shared.here.refresh(kPath, shared.second, rules));
  return second && &*second == &*fresh;
}

const Test kReplaced("follower_test", "rule 18: another file at the path is opened anew", [] {
  Protocol rules;
  expect(notices_another_file(rules));
  rules.replaced_inode = false;
  expect(!notices_another_file(rules), "switching the rule off is not noticed");
});

const Test kReplacedBesideWriter(
    "follower_test", "rule 18: also by a reader that shares the store of a writer", [] {
      Shared shared;
      Registry other{shared.disk.files};
      OpenRequest writing;
      const auto writer = take(other.open(kPath, writing));
      (void)take(writer->append(Group(shared.disk.ids).put(1, vector_for(1))));
      const auto reader = take(other.open(kPath, shared.reading));
      expect(&*reader == &*writer);
      expect(!take(other.refresh(kPath, reader)));
      expect_ok(engine::create_file(shared.disk.files, "other", kSchema, 64));
      expect_ok(shared.disk.files.replace(kPath, "old"));
      expect_ok(shared.disk.files.replace("other", kPath));
      const auto fresh = take(other.refresh(kPath, reader));
      expect(fresh && holds(*fresh, {}));
      expect(!take(other.refresh(kPath, writer)), "a writer left its file");
      // The engine is still found by whoever opens its file.
      expect_ok(shared.disk.files.replace("old", kPath));
      expect(&*take(other.open(kPath, writing)) == &*writer);
      expect(holds(*reader, {{1, 1}}));
    });

const Test kReplacedBadly("follower_test", "a file of another kind in its place is refused", [] {
  Shared shared;
  expect_ok(engine::create_file(shared.disk.files, "other", schema_of(3), 64));
  expect_ok(shared.disk.files.replace("other", kPath));
  expect_code(shared.here.refresh(kPath, shared.first).status(), Code::dimension_mismatch);
  expect_ok(shared.disk.files.remove(kPath));
  expect_code(shared.here.refresh(kPath, shared.first).status(), Code::not_found);
  expect(holds(*shared.first, {}), "the old store is no longer shown");
});

}  // namespace
}  // namespace jvdb::test::protocol
