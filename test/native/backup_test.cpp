// Backups, increments and restoring: exact, atomic, and nothing else is written to.
#include <thread>

#include "check.h"
#include "engine/backup.h"
#include "engine/registry.h"
#include "store_fixture.h"
#include "temporary_directory.h"

namespace jvdb::test {
namespace {

using engine::BackupReport;
using engine::RestorePoint;
using engine::RestoreReport;
using engine::Store;

constexpr char kPath[] = "db.jvdb";
constexpr std::uint32_t kDimension = 20;

Result<BackupReport> backup(os::FileSystem& files, Store& store, const std::string& path,
                            std::optional<std::uint64_t> since = std::nullopt) {
  engine::Job job;
  return store.backup(files, path, since, job);
}

Result<RestoreReport> restore(os::FileSystem& files, const std::vector<std::string>& from,
                              const std::string& to, const RestorePoint& point = {}) {
  engine::Job job;
  return engine::restore(files, from, to, point, job);
}

using Contents = std::map<std::string, Stored>;

// A database, and what it held at the end of each group.
class Original {
 public:
  explicit Original(format::IdType type, bool codes = true) : ids_(type) {
    schema_ = schema_of(kDimension, type);
    schema_.has_codes = codes;
    store_ = create(disk, kPath, schema_, 6);
    states[0] = {};
  }
  SimFileSystem disk;
  std::map<std::uint64_t, Contents> states;
  std::map<std::uint64_t, std::uint64_t> times;
  Store& store() { return *store_; }
  std::uint64_t last() const { return states.rbegin()->first; }

  // Some groups: new ids, replaced ones and removals.
  void change(std::uint64_t seed) {
    for (std::uint64_t i = 0; i < 4; ++i) {
      Group group(ids_);
      for (std::uint64_t id = 0; id < 3; ++id) {
        group.put(seed + i + id, vector_of(kDimension, seed * 100 + i), R"({"s":1})");
      }
      if (i % 2 == 1) group.remove(seed + i);
      (void)take(store_->append(group));
      note();
    }
  }
  void note() {
    states[store_->last_lsn()] = contents(*store_);
    times[store_->last_lsn()] = store_->snapshot()->time_at(store_->last_lsn());
  }
  void expect_restored(const std::vector<std::string>& from, std::uint64_t lsn,
                       const RestorePoint& point = {}) {
    const std::string to = "restored" + std::to_string(++restored_);
    const RestoreReport report = take(restore(disk, from, to, point));
    expect_equal(report.last_lsn, lsn);
    // Its name and content are durable.
    const auto image = disk.power_cut({.sector = [](std::uint64_t, std::size_t) { return 0; },
                                       .name = [](const std::string&, std::size_t) { return 0; }});
    const auto copy = open(*image, to);
    expect(contents(*copy) == states.at(lsn), "another state");
    expect_equal(copy->last_lsn(), lsn);
    expect_equal(report.live, copy->live());
    (void)take(copy->append(Group(ids_).put(7, vector_of(kDimension, 7))));
    expect_equal(copy->last_lsn(), lsn + 1);
  }

 private:
  format::Schema schema_;
  Ids ids_;
  std::unique_ptr<Store> store_;
  int restored_ = 0;
};

const Test kWhole("backup_test", "a copy is the database, as it was", [] {
  for (const auto type : {format::IdType::int64, format::IdType::string}) {
    for (const bool codes : {true, false}) {
      Original original(type, codes);
      original.change(10);
      const std::uint64_t lsn = original.last();
      const BackupReport report = take(backup(original.disk, original.store(), "copy"));
      expect(!report.increment && report.last_lsn == lsn && report.since_lsn == 0);
      expect_equal(report.last_time_us, original.times.at(lsn));
      expect_equal(report.bytes, original.disk.bytes("copy").size());
      expect_equal(original.store().durable_lsn(), lsn);
      original.change(30);
      {
        const auto copy = open(original.disk, "copy");
        expect(contents(*copy) == original.states.at(lsn));
        expect_equal(report.live, copy->live());
        engine::Job job;
        expect_equal(take(copy->verify(true, job)).error_count, 0U);
      }
      expect_code(backup(original.disk, original.store(), "copy").status(), Code::exists);
      expect_code(backup(original.disk, original.store(), kPath).status(), Code::exists);
      original.expect_restored({"copy"}, lsn);
    }
  }
});

const Test kEmpty("backup_test", "an empty database, and an increment of nothing", [] {
  Original original(format::IdType::int64);
  (void)take(backup(original.disk, original.store(), "copy"));
  (void)take(backup(original.disk, original.store(), "more", 0));
  original.expect_restored({"copy"}, 0);
  original.expect_restored({"copy", "more"}, 0);
});

const Test kChain("backup_test", "a chain of increments, to its end, any LSN and any time", [] {
  for (const auto type : {format::IdType::int64, format::IdType::string}) {
    Original original(type);
    original.change(10);
    const BackupReport whole = take(backup(original.disk, original.store(), "whole"));
    original.change(12);
    const BackupReport first =
        take(backup(original.disk, original.store(), "first", whole.last_lsn));
    expect(first.increment && first.since_lsn == whole.last_lsn);
    expect_equal(first.since_time_us, whole.last_time_us);
    expect(first.bytes < whole.bytes);
    original.change(11);
    const BackupReport second =
        take(backup(original.disk, original.store(), "second", first.last_lsn));
    const std::vector<std::string> all = {"whole", "first", "second"};
    original.expect_restored(all, second.last_lsn);
    original.expect_restored({"whole", "first"}, first.last_lsn);
    for (const auto& [lsn, state] : original.states) {
      original.expect_restored(all, lsn, {lsn, std::nullopt});
      if (lsn > 0) original.expect_restored(all, lsn, {std::nullopt, original.times.at(lsn)});
    }
    // Inside of a group: the state before it. After everything: all there is.
    original.expect_restored(all, original.last(), {std::nullopt, ~std::uint64_t{0} >> 1});
    const auto inside = std::next(original.states.begin(), 3)->first - 1;
    original.expect_restored(all, std::next(original.states.begin(), 2)->first,
                             {inside, std::nullopt});
    expect_code(restore(original.disk, all, "no", {second.last_lsn + 1, {}}).status(),
                Code::not_found);
    expect_code(restore(original.disk, {"whole", "second"}, "no").status(), Code::conflict);
    expect_code(restore(original.disk, {"whole", "first", "first"}, "no").status(), Code::conflict);
    expect_code(restore(original.disk, {"first"}, "no").status(), Code::invalid_argument);
    expect_code(restore(original.disk, {"whole", "whole"}, "no").status(), Code::invalid_argument);
    expect_code(restore(original.disk, {}, "no").status(), Code::invalid_argument);
    expect_code(restore(original.disk, {"whole"}, "whole").status(), Code::exists);
    expect_code(try_open(original.disk, "first").status(), Code::invalid_argument);
    expect_code(original.disk.stat("no").status(), Code::not_found);
    expect_code(backup(original.disk, original.store(), "no", second.last_lsn + 1).status(),
                Code::conflict);
  }
});

const Test kCompacted("backup_test", "around a compaction", [] {
  Original original(format::IdType::string);
  original.change(10);
  (void)take(backup(original.disk, original.store(), "before"));
  const std::uint64_t first = original.last();
  original.change(12);
  (void)take(compact(original.disk, original.store()));
  // What followed the copy is no longer there one by one, nor the beginning.
  expect_code(backup(original.disk, original.store(), "no", 0).status(), Code::not_found);
  expect_code(backup(original.disk, original.store(), "no", first).status(), Code::not_found);
  const BackupReport whole = take(backup(original.disk, original.store(), "after"));
  expect_equal(whole.since_lsn, original.last());
  original.change(14);
  (void)take(backup(original.disk, original.store(), "more", whole.last_lsn));
  original.expect_restored({"after", "more"}, original.last());
  original.expect_restored({"after", "more"}, whole.last_lsn, {whole.last_lsn, std::nullopt});
  expect_code(restore(original.disk, {"after", "more"}, "no", {whole.last_lsn - 1, {}}).status(),
              Code::not_found);
});

const Test kOther("backup_test", "an increment of another history is refused", [] {
  Original original(format::IdType::int64);
  original.change(10);
  const std::uint64_t lsn = take(backup(original.disk, original.store(), "whole")).last_lsn;
  // Another database, with as many operations.
  expect_ok(engine::create_file(original.disk, "other", schema_of(kDimension), 16));
  Ids ids(format::IdType::int64);
  const auto other = open(original.disk, "other");
  for (std::uint64_t i = 0; i < lsn + 3; ++i) {
    (void)take(other->append(Group(ids).put(i, vector_of(kDimension, i))));
  }
  (void)take(backup(original.disk, *other, "increment", lsn));
  expect_code(restore(original.disk, {"whole", "increment"}, "no").status(), Code::conflict);
  // The same database, whose file was put back to an earlier state and went on from there.
  {
    const auto file = take(original.disk.create("again"));
    const auto bytes = original.disk.bytes("whole");
    expect_ok(file->write(0, bytes.data(), bytes.size()));
  }
  const auto again = open(original.disk, "again");
  (void)take(again->append(Group(ids).put(1, vector_of(kDimension, 1))));
  original.change(20);
  (void)take(backup(original.disk, original.store(), "first", lsn));
  (void)take(backup(original.disk, *again, "second", lsn + 1));
  expect_code(restore(original.disk, {"whole", "first", "second"}, "no").status(), Code::conflict);
});

const Test kDamaged("backup_test", "damage is found, and named, before a file has its name", [] {
  Original original(format::IdType::int64);
  original.change(10);
  const std::uint64_t lsn = take(backup(original.disk, original.store(), "whole")).last_lsn;
  original.change(12);
  (void)take(backup(original.disk, original.store(), "more", lsn));
  const auto schema = schema_of(kDimension);
  const std::uint64_t vectors =
      format::lay_out(schema, format::kFirstExtentOffset, format::first_extent(6))->vectors_offset;
  original.disk.damage(kPath, vectors + 5, std::byte{0x99});
  const auto status = backup(original.disk, original.store(), "no").status();
  expect_code(status, Code::corrupt);
  expect(status.message().find("vector") != std::string::npos, std::string(status.message()));
  original.disk.damage(kPath, vectors + schema.vector_stride(), std::byte{0x99});
  const auto twice = backup(original.disk, original.store(), "no").status();
  expect(twice.message().find("(and 1 more)") != std::string::npos, std::string(twice.message()));
  expect_code(original.disk.stat("no").status(), Code::not_found);
  for (const char* name : {"whole", "more"}) {
    const auto bytes = original.disk.bytes(name);
    for (std::uint64_t offset = 1; offset < bytes.size(); offset += 257) {
      original.disk.damage(name, offset, bytes[offset] ^ std::byte{0x10});
      const auto restored = restore(original.disk, {"whole", "more"}, "to");
      if (restored) {  // in what nobody reads
        const auto copy = open(original.disk, "to");
        expect(contents(*copy) == original.states.at(original.last()));
        expect_ok(original.disk.remove("to"));
      } else {
        expect_code(original.disk.stat("to").status(), Code::not_found);
      }
      original.disk.damage(name, offset, bytes[offset]);
    }
  }
});

const Test kFailures("backup_test", "whatever fails, there is a whole copy or none", [] {
  for (const bool restores : {false, true}) {
    for (int nth = 1, failed = 1; failed != 0; ++nth) {
      Original original(format::IdType::string);
      original.change(10);
      if (restores) (void)take(backup(original.disk, original.store(), "whole"));
      expect_ok(original.store().flush());
      int left = nth;
      std::vector<std::unique_ptr<SimFileSystem>> images;
      original.disk.hooks().before_change = [&] {
        images.push_back(original.disk.power_cut(
            {.sector = [](std::uint64_t, std::size_t) { return 0; },
             .name = [](const std::string&, std::size_t newest) { return newest; }}));
      };
      original.disk.hooks().fail_change = [&] { return --left == 0; };
      Status status;
      if (restores) {
        status = restore(original.disk, {"whole"}, "copy").status();
      } else {
        status = backup(original.disk, original.store(), "copy").status();
      }
      original.disk.hooks() = {};
      failed = left > 0 ? 0 : 1;
      const bool there = original.disk.stat("copy").ok();
      expect(there || !status);
      images.push_back(original.disk.power_cut({}));
      for (const auto& image : images) {
        if (!image->stat("copy")) continue;
        expect(contents(*open(*image, "copy")) == original.states.at(original.last()));
      }
    }
  }
});

const Test kBefore("backup_test", "there is no state before the database was created", [] {
  Original original(format::IdType::int64);
  original.change(10);
  (void)take(backup(original.disk, original.store(), "whole"));
  expect_code(restore(original.disk, {"whole"}, "no", {{}, 1}).status(), Code::not_found);
});

const Test kMany("backup_test", "a chain of a hundred increments", [] {
  const TemporaryDirectory directory;
  engine::Registry registry(os::disk());
  Ids ids(format::IdType::int64);
  auto handle = take(registry.open(directory.path() + "/db.jvdb", request_for(kDimension)));
  std::vector<std::string> chain;
  for (std::uint64_t id = 0; id < 100; ++id) {
    (void)take(handle->append(Group(ids).put(id, vector_of(kDimension, id))));
    chain.push_back(directory.path() + "/" + std::to_string(id));
    (void)take(backup(os::disk(), *handle, chain.back(),
                      id == 0 ? std::nullopt : std::optional<std::uint64_t>(id)));
  }
  expect_equal(take(restore(os::disk(), chain, directory.path() + "/to")).live, 100U);
});

const Test kReader("backup_test", "of a database that is read only, and of one whose sync failed",
                   [] {
                     Original original(format::IdType::int64);
                     original.change(10);
                     engine::OpenOptions options;
                     options.read_only = true;
                     const auto reader = open(original.disk, kPath, options);
                     (void)take(backup(original.disk, *reader, "one"));
                     original.disk.hooks().fail_sync = [] { return true; };
                     original.change(20);
                     expect_code(original.store().flush(), Code::io);
                     original.disk.hooks().fail_sync = nullptr;
                     (void)take(backup(original.disk, original.store(), "two"));
                     expect(contents(*open(original.disk, "two")) ==
                            original.states.at(original.last()));
                   });

const Test kWriters("backup_test", "beside a writer, each copy is a state that was", [] {
  const TemporaryDirectory directory;
  engine::Registry registry(os::disk());
  const auto handle = take(registry.open(directory.path() + "/db.jvdb", request_for(kDimension)));
  std::atomic<bool> done{false};
  std::thread writer([&] {
    Ids ids(format::IdType::int64);
    for (std::uint64_t round = 1; !done; ++round) {
      Group group(ids);
      for (std::uint64_t id = 0; id < 20; ++id) {
        group.put(id, Vector(kDimension, static_cast<float>(round)));
      }
      (void)handle->append(group);
    }
  });
  std::uint64_t since = 0;
  std::vector<std::string> chain;
  for (int round = 0; round < 10; ++round) {
    const std::string path = directory.path() + "/" + std::to_string(round);
    const auto report =
        take(backup(os::disk(), *handle, path, round == 0 ? std::nullopt : std::optional(since)));
    since = report.last_lsn;
    chain.push_back(path);
  }
  done = true;
  writer.join();
  const std::string to = directory.path() + "/to";
  expect_equal(take(restore(os::disk(), chain, to)).last_lsn, since);
  const auto restored = contents(*open(os::disk(), to));
  for (const auto& [id, stored] : restored) {
    expect(stored.vector == restored.begin()->second.vector, "a part of a group");
  }
});

}  // namespace
}  // namespace jvdb::test
