// The journal read from an LSN on: every put and removal in order, by group, whoever reads it.
#include <set>
#include <utility>

#include "engine/changes.h"
#include "protocol_fixture.h"

namespace jvdb::test::protocol {
namespace {

using engine::Change;
using engine::Changes;

// A change that owns what it says.
struct Told {
  std::uint64_t lsn;
  std::string id;
  std::optional<Stored> put;
  bool ends_group;
  bool operator==(const Told&) const = default;
};

Result<std::vector<Told>> try_told(const Store& store, std::uint64_t since) {
  const auto snapshot = store.snapshot();
  auto changes = Changes::since(*snapshot, since);
  if (!changes) return changes.status();
  std::vector<Told> out;
  for (Change change;;) {
    auto more = changes->next(change);
    if (!more) return more.status();
    if (!*more) return out;
    const engine::Entry& entry = change.entry;
    Told told{change.lsn,
              entry.id.text.empty() ? std::to_string(entry.id.number) : std::string(entry.id.text),
              std::nullopt, change.ends_group};
    if (change.put) {
      told.put = Stored{Vector(entry.vector, entry.vector + store.schema().dimension),
                        std::string(entry.metadata)};
    }
    out.push_back(std::move(told));
  }
}

std::vector<Told> told(const Store& store, std::uint64_t since) {
  return take(try_told(store, since));
}

// Appends groups of puts and removals of different ids, and what they are to be told as.
class History {
 public:
  explicit History(format::IdType type) : ids_(type), type_(type) {}

  void append(Store& store, std::uint64_t round) {
    Group group(ids_);
    const std::uint64_t size = 1 + round % 4;
    for (std::uint64_t i = 0; i < size; ++i) {
      const std::uint64_t id = (round * 5 + i * 3) % 17;
      const std::string name = name_of(id);
      if ((round + i) % 3 == 0 && live_.contains(name)) {
        group.remove(id);
        live_.erase(name);
        expected.push_back({++lsn_, name, std::nullopt, i + 1 == size});
        continue;
      }
      const Stored stored{vector_for(round * 10 + i), i % 2 == 0 ? R"({"i":1})" : ""};
      group.put(id, stored.vector, stored.metadata);
      live_.insert(name);
      expected.push_back({++lsn_, name, stored, i + 1 == size});
    }
    (void)take(store.append(group));
  }
  void check(const Store& store) const {
    for (std::uint64_t since = 0; since <= expected.size(); ++since) {
      const std::vector<Told> rest(expected.begin() + static_cast<std::ptrdiff_t>(since),
                                   expected.end());
      expect(told(store, since) == rest, "the changes after LSN " + std::to_string(since));
    }
  }
  std::vector<Told> expected;

 private:
  std::string name_of(std::uint64_t id) const {
    return (type_ == format::IdType::string ? "id-" : "") + std::to_string(id);
  }
  Ids ids_;
  format::IdType type_;
  std::set<std::string> live_;
  std::uint64_t lsn_ = 0;
};

const Test kEvery("changes_test", "every change from every LSN on, by writer and follower", [] {
  for (const format::IdType type : {format::IdType::int64, format::IdType::string}) {
    SimFileSystem files;
    format::Schema schema = schema_of(kDimension, type);
    auto writer = create(files, kPath, schema, 4);
    const auto follower = test::open(files, kPath, {true, {}, {}});
    History history(type);
    history.check(*writer);
    for (std::uint64_t round = 0; round < 60; ++round) {
      history.append(*writer, round);
      if (round % 20 != 19) continue;
      history.check(*writer);
      expect(take(follower->refresh()) == engine::Follower::Outcome::advanced);
      history.check(*follower);
      writer = nullptr;  // as if killed
      writer = test::open(files, kPath);
      history.check(*writer);
    }
    expect(take(writer->stats()).extents > 1, "the file did not grow");
    expect_ok(writer->close());
    history.check(*writer);
    expect_code(try_told(*writer, history.expected.size() + 1).status(), Code::conflict);
  }
});

const Test kSnapshot("changes_test", "what is written meanwhile is not told", [] {
  Disk disk{Protocol()};
  const auto store = disk.open();
  disk.put(*store, 1, 1);
  const auto snapshot = store->snapshot();
  auto changes = take(Changes::since(*snapshot, 0));
  disk.put(*store, 1, 2);
  Change change;
  expect(take(changes.next(change)));
  expect(Vector(change.entry.vector, change.entry.vector + kDimension) == vector_for(1));
  expect(!take(changes.next(change)));
  expect(!take(changes.next(change)));
});

const Test kDamage("changes_test", "a damaged record, id or vector is not told", [] {
  SimFileSystem files;
  const format::Schema schema = schema_of(kDimension, format::IdType::string);
  const auto geometry =
      *format::lay_out(schema, format::kFirstExtentOffset, format::first_extent(16));
  Ids ids(format::IdType::string);
  const auto damaged = [&](std::uint64_t at) {
    const auto store = test::open(files, kPath);
    const std::byte was = files.bytes(kPath)[at];
    files.damage(kPath, at, ~was);
    const Status status = try_told(*store, 0).status();
    files.damage(kPath, at, was);
    return status;
  };
  {
    const auto store = create(files, kPath, schema, 16);
    (void)take(store->append(Group(ids).put(1, vector_for(1), R"({"a":1})")));
    (void)take(store->append(Group(ids).remove(1)));
    expect_ok(store->close());
  }
  const std::uint64_t removal = geometry.records_offset() + sizeof(format::Record);
  expect_code(damaged(geometry.vectors_offset + 5), Code::corrupt);
  expect_code(damaged(geometry.heap_offset + 9), Code::corrupt);   // the id that was put
  expect_code(damaged(geometry.heap_offset + 33), Code::corrupt);  // the id that was removed
  expect_code(damaged(removal + offsetof(format::Record, timestamp_us)), Code::corrupt);
});

// LSN 1 and 2 are durable, 3 is a removal that a failed sync lost.
bool removal_is_told_rightly(const Protocol& rules) {
  Disk disk{Protocol()};
  {
    const auto writer = disk.open();
    disk.put(*writer, 1, 1);
    disk.put(*writer, 2, 2);
    expect_ok(writer->flush());
    (void)take(writer->append(Group(disk.ids).remove(1)));
    disk.fail_flush(*writer);
  }
  const auto follower = test::open(disk.files, kPath, {true, {}, rules});
  expect_equal(told(*follower, 0).size(), std::size_t{3});
  disk.files.forget_lost(kPath, 0, disk.files.bytes(kPath).size());
  const auto writer = disk.open();
  (void)take(writer->append(Group(disk.ids).remove(2)));  // LSN 3 now
  const auto found = try_told(*follower, 2);
  return found ? (*found)[0].id == "1" : found.status().code() == Code::conflict;
}

const Test kRewritten("changes_test", "rule 18: a removal that was rewritten is not told", [] {
  Protocol rules;
  expect(removal_is_told_rightly(rules));
  rules.distrust_unsynced = false;
  expect(!removal_is_told_rightly(rules), "switching the rule off is not noticed");
});

}  // namespace
}  // namespace jvdb::test::protocol
