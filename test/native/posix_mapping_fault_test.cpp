// Mapped files that another process cuts short, or whose disk fails to read them: what the engine
// makes of it.
#include <algorithm>
#include <filesystem>
#include <functional>
#include <numeric>

#include "engine/changes.h"
#include "passing_file.h"
#include "store_fixture.h"
#include "temporary_directory.h"

namespace jvdb::test {
namespace {

using engine::Checker;
using engine::Store;

constexpr std::size_t kDimension = 256;
constexpr std::uint64_t kCount = 500;

// A store whose file is cut in the middle of its life.
class Cut {
 public:
  explicit Cut(format::IdType type = format::IdType::string)
      : ids(type),
        path(directory_.path() + "/db.jvdb"),
        store(create(os::disk(), path, schema_of(kDimension, type), kCount)) {
    Group group(ids);
    for (std::uint64_t i = 0; i < kCount; ++i) {
      group.put(i, vector_of(kDimension, i), R"({"i":1})");
    }
    (void)take(store->append(group));
    expect_ok(store->flush());
  }
  void reopen(const engine::OpenOptions& options = {}) {
    expect_ok(store->close());
    store.reset();
    store = open(os::disk(), path, options);
  }
  void cut() const { std::filesystem::resize_file(path, 0); }

 private:
  TemporaryDirectory directory_;

 public:
  Ids ids;
  const std::string path;
  std::unique_ptr<Store> store;
};

void expect_fault(const Status& status, const std::string& path,
                  std::source_location where = std::source_location::current()) {
  expect_code(status, Code::io, where);
  expect(status.message().starts_with(path + " was cut short by another process"),
         std::string(status.message()), where);
}

Status read_vector(Cut& cut, Vector& out) {
  const Store::Reader reader = cut.store->read();
  const auto vector = reader.vector(cut.ids(7));
  if (!vector) return vector.status();
  out.assign(*vector, *vector + kDimension);
  return reader.intact();
}

Status read_entry(Cut& cut) {
  const Store::Reader reader = cut.store->read();
  const auto entry = reader.get(cut.ids(7), Checker::vector | Checker::heap);
  if (!entry) return entry.status();
  expect(entry->has_value());
  expect((*entry)->metadata.size() <= 7);
  return reader.intact();
}

Status read_all(const engine::Snapshot& snapshot) {
  float sum = 0;
  for (auto slot = snapshot.next(0); slot; slot = snapshot.next(*slot + 1)) {
    const auto entry = snapshot.entry(*slot, Checker::vector | Checker::heap);
    if (!entry) return entry.status();
    sum = std::accumulate(entry->vector, entry->vector + kDimension, sum);
    if (Status status = snapshot.intact(); !status) return status;
  }
  return {};
}

Status read_changes(const engine::Snapshot& snapshot) {
  auto changes = engine::Changes::since(snapshot, 0);
  if (!changes) return changes.status();
  engine::Change change;
  for (;;) {
    const auto more = changes->next(change);
    if (!more || !*more) return more.status();
  }
}

struct Call {
  const char* name;
  std::function<Status(Cut&)> run;
  bool reads = true;  // the mapping; else it only looks whether another call met a fault
};

const std::vector<Call>& calls() {
  static const std::vector<Call> all = {
      {"vector",
       [](Cut& cut) {
         Vector vector;
         return read_vector(cut, vector);
       }},
      {"get", [](Cut& cut) { return read_entry(cut); }},
      {"view",
       [](Cut& cut) {
         const Store::Reader reader = cut.store->read();
         const auto view = reader.view(cut.ids(7));
         if (!view) return view.status();
         const Vector vector(view->vector, view->vector + kDimension);
         return reader.intact();
       }},
      {"search", [](Cut& cut) { return search(*cut.store, vector_of(kDimension, 3)).status(); }},
      {"filtered search",
       [](Cut& cut) {
         engine::SearchOptions options = best(5);
         options.only = std::vector<engine::Id>{cut.ids(3), cut.ids(4)};
         options.vectors = true;
         return search(*cut.store, vector_of(kDimension, 3), options).status();
       }},
      {"iteration", [](Cut& cut) { return read_all(*cut.store->snapshot()); }},
      {"changes", [](Cut& cut) { return read_changes(*cut.store->snapshot()); }},
      {"update of the metadata",
       [](Cut& cut) {
         return cut.store->append(Group(cut.ids).update(7, {}, R"({"i":2})")).status();
       }},
      {"update of the vector",
       [](Cut& cut) {
         Group group(cut.ids);
         group.update_keeping_metadata(8, vector_of(kDimension, 8));
         return cut.store->append(group).status();
       }},
      {"compact", [](Cut& cut) { return compact(os::disk(), *cut.store).status(); }},
      {"has", [](Cut& cut) { return cut.store->read().has(cut.ids(7)).status(); }, false},
      {"flush", [](Cut& cut) { return cut.store->flush(); }, false},
      {"commit", [](Cut& cut) { return cut.store->commit(1); }, false},
      {"stats", [](Cut& cut) { return cut.store->stats().status(); }, false},
      {"refresh", [](Cut& cut) { return cut.store->refresh().status(); }, false},
      {"put",
       [](Cut& cut) {
         return cut.store->append(Group(cut.ids).put(1000, vector_of(kDimension, 1))).status();
       },
       false},
      {"intact", [](Cut& cut) { return cut.store->intact(); }, false},
      {"close", [](Cut& cut) { return cut.store->close(); }, false},
  };
  return all;
}

const Test kEachCall("posix_mapping_fault_test", "a cut file: each call that reads it says so", [] {
  for (const Call& call : calls()) {
    for (const bool reopened : {false, true}) {
      if (!call.reads) continue;
      Cut cut;
      if (reopened) cut.reopen();  // nothing was compared with its checksum yet
      if (std::string_view(call.name) == "compact") {
        (void)take(
            cut.store->append(Group(cut.ids).remove(9)));  // so that there is something to do
      } else {
        expect_ok(call.run(cut));
      }
      cut.cut();
      const Status status = call.run(cut);
      std::string during = call.name;
      try {
        expect_fault(status, cut.path);
        for (const Call& next : calls()) {
          during = std::string(call.name) + ", then " + next.name;
          expect_fault(next.run(cut), cut.path);
        }
      } catch (const Failure& failure) {
        fail(during + (reopened ? " after reopening: " : ": ") + failure.what());
      }
    }
  }
});

const Test kReader("posix_mapping_fault_test", "so it is for a store opened for reading", [] {
  for (const Call& call : calls()) {
    const std::string_view name = call.name;
    if (!call.reads || name.starts_with("update") || name == "compact") continue;
    Cut cut;
    cut.reopen({.read_only = true, .access = os::Advice::normal, .protocol = {}});
    cut.cut();
    expect_fault(call.run(cut), cut.path);
    expect_fault(cut.store->read().has(cut.ids(1)).status(), cut.path);
    expect_fault(cut.store->refresh().status(), cut.path);
  }
});

const Test kNotDurable("posix_mapping_fault_test", "nothing becomes durable after a fault", [] {
  Cut cut;
  const std::uint64_t durable = cut.store->durable_lsn();
  const auto appended = take(cut.store->append(Group(cut.ids).put(1, vector_of(kDimension, 9))));
  cut.cut();
  Vector vector;
  expect_fault(read_vector(cut, vector), cut.path);
  expect(std::all_of(vector.begin(), vector.end(), [](float value) { return value == 0; }));
  expect_fault(cut.store->flush(), cut.path);
  expect_fault(cut.store->commit(appended.lsn), cut.path);
  expect_fault(cut.store->close(), cut.path);
  expect_equal(cut.store->durable_lsn(), durable);
  expect_equal(std::filesystem::file_size(cut.path), std::uintmax_t{0});  // nothing was written
});

const Test kUnread("posix_mapping_fault_test", "growth and flushing see a cut nobody read", [] {
  for (const bool flushes : {false, true}) {
    Cut cut;
    const std::uint64_t durable = cut.store->durable_lsn();
    const std::uint64_t last =
        take(cut.store->append(Group(cut.ids).put(1, vector_of(kDimension, 9)))).lsn;
    // What a reader has seen before stays mapped, and would become zeros where the file grows
    // again.
    std::filesystem::resize_file(cut.path, std::filesystem::file_size(cut.path) - 1);
    if (flushes) expect_fault(cut.store->flush(), cut.path);
    Group more(cut.ids);
    for (std::uint64_t id = 0; id < 5 * kCount; ++id) more.put(id, vector_of(kDimension, 9));
    expect_code(cut.store->append(more).status(), Code::io);
    expect_equal(cut.store->last_lsn(), last);
    expect_code(cut.store->flush(), Code::io);
    expect_equal(cut.store->durable_lsn(), durable);
  }
});

// Whole pages of a vector that a view maps.
const Test kView("posix_mapping_fault_test", "a view shows zeros, and the store knows", [] {
  for (const bool outlives : {false, true}) {
    Cut cut;
    cut.reopen();
    auto view = take(cut.store->read().view(cut.ids(7)));
    expect(view.mapped != nullptr);
    if (outlives) cut.store.reset();
    cut.cut();
    expect(std::all_of(view.mapped.get(), view.mapped.get() + kDimension,
                       [](float value) { return value == 0; }));
    const_cast<float&>(view.mapped.get()[3]) = 5;  // as before the fault
    expect_equal(view.mapped.get()[3], 5.0F);
    if (!outlives) expect_fault(cut.store->read().has(cut.ids(7)).status(), cut.path);
  }
});

// Cuts the file at the moment when its n-th part is mapped.
class CutWhileOpening final : public PassingFile {
 public:
  CutWhileOpening(std::unique_ptr<os::File> file, int parts)
      : PassingFile(std::move(file)), left_(parts) {}
  Result<std::unique_ptr<os::Mapping>> map(std::uint64_t offset, std::size_t size,
                                           os::Sharing sharing) const override {
    auto mapping = PassingFile::map(offset, size, sharing);
    if (--left_ == 0) std::filesystem::resize_file(path(), 0);
    return mapping;
  }

 private:
  mutable int left_;
};

const Test kOpening("posix_mapping_fault_test", "a file cut while it is opened is not opened", [] {
  for (const bool read_only : {false, true}) {
    for (const int part : {1, 2, 3}) {
      Cut cut;
      for (std::uint64_t i = 0; i < 3; ++i) {  // more extents
        Group group(cut.ids);
        for (std::uint64_t id = 0; id < kCount; ++id) group.put(id, vector_of(kDimension, id + i));
        (void)take(cut.store->append(group));
      }
      expect(take(cut.store->stats()).extents >= 3);
      expect_ok(cut.store->close());
      cut.store.reset();
      auto file = take(os::disk().open(cut.path, os::Access::read_write));
      const auto opened =
          Store::open(std::make_unique<CutWhileOpening>(std::move(file), part),
                      {.read_only = read_only, .access = os::Advice::normal, .protocol = {}});
      expect_fault(opened.status(), cut.path);
    }
  }
});

}  // namespace
}  // namespace jvdb::test
