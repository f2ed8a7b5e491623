// Two different ids with one hash, and what the catalog answers between an operation and its
// publication. The two ids were found by a collision search of 2^32 steps for this seed; a
// database chooses its own at random.
#include <optional>

#include "base/hash.h"
#include "engine/plan.h"
#include "hostile_file.h"

namespace jvdb::test {
namespace {

using engine::Checker;
using engine::Id;
using engine::kNoSlot;
using engine::Place;
using format::IdType;

constexpr char kPath[] = "db.jvdb";
constexpr std::uint64_t kSeed = 7;
constexpr char kTwins[2][17] = {"f64a52d16cdf0efa", "4cc9caaea5def050"};

// Mutations by id text.
class Texts final : public engine::Mutations {
 public:
  Texts& put(std::string_view id, Vector vector, std::string_view metadata = "") {
    return add(engine::Mutation::Kind::put, id, std::move(vector), metadata);
  }
  Texts& update(std::string_view id, std::string_view metadata) {
    return add(engine::Mutation::Kind::update, id, {}, metadata);
  }
  Texts& remove(std::string_view id) { return add(engine::Mutation::Kind::remove, id, {}, ""); }

  std::size_t size() const noexcept override { return items_.size(); }
  engine::Mutation at(std::size_t index) const noexcept override {
    const auto& [kind, id, vector, metadata] = items_[index];
    return {kind, false, {0, id}, vector.empty() ? nullptr : vector.data(), metadata};
  }

 private:
  struct Item {
    engine::Mutation::Kind kind;
    std::string_view id;
    Vector vector;
    std::string_view metadata;
  };
  Texts& add(engine::Mutation::Kind kind, std::string_view id, Vector vector,
             std::string_view metadata) {
    items_.push_back({kind, id, std::move(vector), metadata});
    return *this;
  }
  std::vector<Item> items_;
};

Vector vector(std::uint64_t seed) {
  return vector_of(4, seed);
}

// A store of string ids whose hashes are keyed with kSeed. The first twin of each test is once the
// one and once the other: the table finds the one that came first.
class Twins {
 public:
  explicit Twins(bool swapped) : first(kTwins[swapped ? 1 : 0]), second(kTwins[swapped ? 0 : 1]) {
    SimFileSystem empty;
    expect_ok(engine::create_file(empty, kPath, schema_of(4, IdType::string), 16));
    file_.emplace(empty.bytes(kPath));
    file_->change_head([](format::Head& head) { head.identity.id_hash_seed = kSeed; });
    reopen();
  }
  void reopen(bool orderly = true) {
    if (store && orderly) expect_ok(store->close());
    store.reset();
    store = open(file_->disk, kPath);
  }
  void append(const Texts& texts) { (void)take(store->append(texts)); }
  // Whole: every part of each, by its id and in the list of all.
  void expect_holds(const std::map<std::string, Stored>& expected,
                    std::source_location where = std::source_location::current()) const {
    for (const char* const id : kTwins) {
      const auto found = expected.find(id);
      const auto stored = get(*store, {0, id}, where);
      expect(stored.has_value() == (found != expected.end()), std::string(id) + " there?", where);
      if (stored) expect(*stored == found->second, std::string(id) + " is the other", where);
      expect_equal(take(store->read().has({0, id})), stored.has_value(), where);
    }
    expect(contents(*store, where) == expected, "all of them", where);
  }

  const std::string first;
  const std::string second;
  std::unique_ptr<engine::Store> store;

 private:
  std::optional<HostileFile> file_;
};

void for_twins(const std::function<void(Twins&)>& body) {
  for (const bool swapped : {false, true}) {
    Twins twins(swapped);
    body(twins);
  }
}

const Test kEqual("equal_hash_test", "the twins have one hash", [] {
  expect(std::string_view(kTwins[0]) != kTwins[1]);
  expect_equal(hash_text(kTwins[0], kSeed), hash_text(kTwins[1], kSeed));
  expect(hash_text(kTwins[0], kSeed + 1) != hash_text(kTwins[1], kSeed + 1));
});

const Test kAlone("equal_hash_test", "one is there, the other isn't", [] {
  for_twins([](Twins& twins) {
    twins.append(Texts().put(twins.first, vector(1)));
    twins.expect_holds({{twins.first, {vector(1), ""}}});
    expect_equal(take(twins.store->append(Texts().remove(twins.second))).removed, 0U);
    expect_equal(take(twins.store->append(Texts().update(twins.second, "{}"))).stored, 0U);
    twins.reopen();
    twins.expect_holds({{twins.first, {vector(1), ""}}});
  });
});

const Test kApart("equal_hash_test", "each is put, replaced and removed by itself", [] {
  for_twins([](Twins& twins) {
    twins.append(Texts().put(twins.first, vector(1), R"({"n":1})"));
    twins.append(Texts().put(twins.second, vector(2)));
    const auto check = [&](const std::map<std::string, Stored>& expected) {
      twins.expect_holds(expected);
      for (const bool orderly : {true, false}) {
        twins.reopen(orderly);
        twins.expect_holds(expected);
      }
    };
    check({{twins.first, {vector(1), R"({"n":1})"}}, {twins.second, {vector(2), ""}}});
    twins.append(Texts().put(twins.second, vector(3)));
    check({{twins.first, {vector(1), R"({"n":1})"}}, {twins.second, {vector(3), ""}}});
    twins.append(Texts().update(twins.first, "{}"));
    check({{twins.first, {vector(1), "{}"}}, {twins.second, {vector(3), ""}}});
    twins.append(Texts().remove(twins.first));
    check({{twins.second, {vector(3), ""}}});
    twins.append(Texts().put(twins.first, vector(4)));
    check({{twins.first, {vector(4), ""}}, {twins.second, {vector(3), ""}}});
    twins.append(Texts().remove(twins.second).remove(twins.first));
    check({});
  });
});

const Test kGroup("equal_hash_test", "a group tells them apart", [] {
  for_twins([](Twins& twins) {
    Texts group;
    group.put(twins.first, vector(1))
        .put(twins.second, vector(2), "{}")
        .put(twins.second, vector(3));
    group.update(twins.first, R"({"n":1})").put("other", vector(5)).remove(twins.second);
    const auto appended = take(twins.store->append(group));
    expect_equal(appended.lsn, 6U);
    const std::map<std::string, Stored> expected = {{twins.first, {vector(1), R"({"n":1})"}},
                                                    {"other", {vector(5), ""}}};
    twins.expect_holds(expected);
    twins.reopen();
    twins.expect_holds(expected);
  });
});

const Test kRebuilt("equal_hash_test", "a larger table still tells them apart", [] {
  for_twins([](Twins& twins) {
    twins.append(Texts().put(twins.first, vector(1)).put(twins.second, vector(2)));
    std::map<std::string, Stored> expected = {{twins.first, {vector(1), ""}},
                                              {twins.second, {vector(2), ""}}};
    std::vector<std::string> ids(1000);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      ids[i] = "other-" + std::to_string(i);
      twins.append(Texts().put(ids[i], vector(i)));
      expected[ids[i]] = {vector(i), ""};
    }
    twins.expect_holds(expected);
  });
});

const Test kSearch("equal_hash_test", "a search names each by its own id", [] {
  for_twins([](Twins& twins) {
    twins.append(Texts().put(twins.first, vector(1)).put(twins.second, vector(2)));
    for (const auto& [id, seed] : {std::pair(twins.first, 1), std::pair(twins.second, 2)}) {
      const auto hits = take(search(*twins.store, vector(seed)));
      expect_equal(hits.size(), 2U);
      expect_equal(hits[0].id_text, id);
    }
  });
});

// --- the catalog by itself: one thread is both the writer and, between its steps, the reader ---

class OpenCatalog {
 public:
  OpenCatalog() {
    parsed = take(format::parse_file(*file_));
    add_extent(parsed.extents.at(0));
  }
  // Of records and slots only: nothing reads the payload.
  void add_extent(const format::ParsedExtent& extent) {
    std::vector<std::unique_ptr<engine::Extent>> extents;
    extents.push_back(
        take(engine::Extent::map(*file_, extent, schema_, os::Advice::normal, catalog.slot_end())));
    auto directory = catalog.directory_with(extents);
    catalog.add_extents(std::move(directory), std::move(extents));
    in_extent_ = 0;
  }
  // One put of a group; unpublished. Makes no room in the table.
  void put(std::uint64_t id) {
    format::Record record{};
    record.id = id;
    record.lsn = ++lsn;
    const auto before = latest(id);
    catalog.apply_put(catalog.hash({id, {}}), {&catalog.last_extent(), in_extent_}, in_extent_,
                      record, before ? before->number() : kNoSlot);
    ++in_extent_;
  }
  void remove(std::uint64_t id) { catalog.apply_remove(latest(id)->number(), ++lsn); }
  void publish() { catalog.publish(lsn); }
  std::optional<Place> latest(std::uint64_t id) {
    return take(catalog.latest({id, {}}, catalog.hash({id, {}})));
  }
  // The slot a reader is given, or kNoSlot.
  std::uint32_t found(std::uint64_t id) const {
    const auto place = take(catalog.find({id, {}}));
    return place ? place->number() : kNoSlot;
  }

 private:
  std::unique_ptr<os::File> make_file() {
    expect_ok(engine::create_file(disk_, kPath, schema_, 1000));
    return take(disk_.open(kPath, os::Access::read_write));
  }

  SimFileSystem disk_;
  const format::Schema schema_ = schema_of(4);
  const std::unique_ptr<os::File> file_ = make_file();
  std::uint32_t in_extent_ = 0;

 public:
  const Checker checker{*file_, "", 7, false};
  engine::Catalog catalog{schema_, kSeed, checker, 100};
  format::ParsedFile parsed;
  std::uint64_t lsn = 0;
};

const Test kUnpublished("equal_hash_test", "a reader sees nothing of a group before all of it", [] {
  OpenCatalog open;
  open.put(1);
  open.put(2);
  open.publish();
  open.put(1);  // slot 2
  open.put(1);  // slot 3
  open.remove(2);
  open.put(3);  // slot 4
  expect_equal(open.found(1), 0U);
  expect_equal(open.found(2), 1U);
  expect_equal(open.found(3), kNoSlot);
  open.publish();
  expect_equal(open.found(1), 3U);
  expect_equal(open.found(2), kNoSlot);
  expect_equal(open.found(3), 4U);
});

const Test kUnpublishedExtent("equal_hash_test", "nor of an extent that came with it", [] {
  OpenCatalog open;
  open.put(1);
  open.publish();
  open.add_extent(open.parsed.extents.at(0));  // which one does not matter
  open.put(1);
  open.put(2);
  expect_equal(open.found(1), 0U);
  expect_equal(open.found(2), kNoSlot);
  open.publish();
  expect_equal(open.found(1), 1U);
  expect_equal(open.found(2), 2U);
});

const Test kForgets("equal_hash_test", "a rebuilt table forgets deleted ids", [] {
  OpenCatalog open;
  for (std::uint64_t id = 0; id < 50; ++id) open.put(id);
  open.remove(7);
  open.publish();
  open.catalog.reserve_ids(1000);
  expect(!open.latest(7).has_value());
  expect(open.latest(8).has_value());
});

const Test kRoom("equal_hash_test", "a group makes room for ids that a rebuild may forget", [] {
  OpenCatalog open;
  for (std::uint64_t id = 0; id < 3; ++id) open.put(id);
  open.remove(1);
  open.remove(2);
  open.publish();
  engine::Plan plan(open.catalog, open.checker, schema_of(4));
  Ids ids(IdType::int64);
  // One is live, two are deleted and one is new; the last two are put twice.
  Group group(ids);
  for (const std::uint64_t id : {0, 1, 2, 3, 2, 3}) group.put(id, vector(id));
  expect_ok(plan.make(group, {open.lsn, 0, 1, {3, 3, 0}}));
  expect_equal(plan.records().size(), 6U);
  expect_equal(plan.stored(), 4U);
  expect_equal(plan.new_ids(), 3U);
});

}  // namespace
}  // namespace jvdb::test
