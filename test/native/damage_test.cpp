// Small files, bits of them flipped and cut at many lengths: what opens answers exactly, and what
// does not is Code::corrupt. JVDB_DAMAGE=1 flips every bit of what the engine reads, one bit of
// each byte of padding and one of every 509th byte that nobody used yet, and opens the file for
// writing or reading in turn; JVDB_DAMAGE=10 tries every tenth of these, by default it is every
// fifth; JVDB_DAMAGE=all flips every bit of every byte, cuts at every length, and opens both ways.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>

#include "damage_map.h"
#include "memory_image.h"

namespace jvdb::test {
namespace {

using engine::Checker;
using engine::Store;
using format::IdType;
using format::Schema;

constexpr unsigned kAllParts = Checker::vector | Checker::code | Checker::heap;

const char* setting() {
  const char* value = std::getenv("JVDB_DAMAGE");
  return value == nullptr ? "" : value;
}

[[noreturn]] void wrong(const std::string& what, const Status& status) {
  fail(what + ": " + code_name(status.code()) + " (" + std::string(status.message()) + ")");
}

void expect_corrupt(const Status& status, const char* what) {
  if (status.code() != Code::corrupt) wrong(what, status);
}

void expect_item(const engine::Entry& entry, const Item& item, const Schema& schema) {
  const bool same_id =
      schema.id_type == IdType::int64 ? entry.id.number == item.id : entry.id.text == item.text;
  if (!same_id || entry.metadata != item.metadata ||
      std::memcmp(entry.vector, item.vector.data(), schema.vector_bytes()) != 0) {
    fail("another entry in the place of id " + std::to_string(item.id));
  }
}

bool same_hit(const engine::Hit& a, const engine::Hit& b) {
  return a.id_number == b.id_number && a.id_text == b.id_text && a.score == b.score &&
         a.distance == b.distance && a.metadata == b.metadata && a.vector == b.vector;
}

// Compares every answer of an open store with the recorded one.
class Inspection {
 public:
  Inspection(const Store& store, const Recorded& file, const Outcome& outcome)
      : store_(store), file_(file), outcome_(outcome), state_(file.states.at(outcome.lsn)) {}

  void run() {
    if (store_.last_lsn() != outcome_.lsn) {
      fail("opened at LSN " + std::to_string(store_.last_lsn()) + " instead of " +
           std::to_string(outcome_.lsn));
    }
    if (store_.live() != state_.in_order.size()) fail("another number of entries");
    by_id();
    in_order();
    searched();
  }

 private:
  bool damaged(const Item& item, unsigned parts) const {
    return item.lsn != 0 && item.lsn == outcome_.damaged_lsn &&
           (parts & outcome_.damaged_parts) != 0;
  }

  void by_id() {
    const bool texts = file_.schema.id_type == IdType::string;
    for (std::uint64_t id = 1; id <= kIds; ++id) {
      const Item& item = state_.by_id[id - 1];
      const engine::Id wanted = file_.id(id);
      const auto has = store_.read().has(wanted);
      if (texts && damaged(item, Checker::heap)) {
        expect_corrupt(has.status(), "has");
      } else {
        if (!has) wrong("has", has.status());
        if (*has != (item.lsn != 0)) fail("has says otherwise of id " + std::to_string(id));
      }
      const auto found = store_.read().get(wanted, kAllParts);
      if (damaged(item, kAllParts)) {
        expect_corrupt(found.status(), "get");
        continue;
      }
      if (!found) wrong("get", found.status());
      if (found->has_value() != (item.lsn != 0))
        fail("get says otherwise of " + std::to_string(id));
      if (*found) expect_item(**found, item, file_.schema);
    }
  }

  void in_order() {
    const auto snapshot = store_.snapshot();
    auto slot = snapshot->next(0);
    for (const Item& item : state_.in_order) {
      if (!slot) fail("entries are missing from id " + std::to_string(item.id) + " on");
      const auto entry = snapshot->entry(*slot, kAllParts);
      if (damaged(item, kAllParts)) {
        expect_corrupt(entry.status(), "entry");
      } else {
        if (!entry) wrong("entry", entry.status());
        expect_item(*entry, item, file_.schema);
      }
      slot = snapshot->next(*slot + 1);
    }
    if (slot) fail("an entry too many");
  }

  void searched() {
    const auto hits = search_all(store_);
    const auto seen = [&](const Item& item) {
      return damaged(item, Checker::vector | Checker::heap);
    };
    if (std::any_of(state_.in_order.begin(), state_.in_order.end(), seen)) {
      expect_corrupt(hits.status(), "search");
      expect_corrupt(search_all(store_, false).status(), "search without vectors");
      return;
    }
    if (!hits) wrong("search", hits.status());
    if (!std::equal(hits->begin(), hits->end(), state_.hits.begin(), state_.hits.end(), same_hit)) {
      fail("another search result");
    }
  }

  const Store& store_;
  const Recorded& file_;
  const Outcome& outcome_;
  const State& state_;
};

void inspect(MemoryImage& image, const Recorded& file, const Outcome& outcome, bool read_only) {
  engine::OpenOptions options;
  options.read_only = read_only;
  const auto store = Store::open(image.open(), options);
  if (store && !outcome.opens) fail("opened");
  if (!store && outcome.opens) wrong("refused", store.status());
  if (store) {
    Inspection(**store, file, outcome).run();
  } else {
    expect_corrupt(store.status(), "refused");
  }
}

struct Variant {
  std::string name;
  Recorded file;
};

void for_variants(const std::function<void(const Variant&)>& body) {
  constexpr const char* endings[] = {"closed", "killed", "killed again"};
  for (const IdType type : {IdType::int64, IdType::string}) {
    for (const bool codes : {true, false}) {
      for (const bool metadata : {true, false}) {
        for (const Ending ending : {Ending::closed, Ending::killed, Ending::killed_again}) {
          Schema schema = schema_of(codes ? 3 : 16, type);  // with padding and without
          schema.has_codes = codes;
          body({std::string(name_of(type)) + (codes ? ", codes" : "") +
                    (metadata ? ", metadata, " : ", ") + endings[static_cast<int>(ending)],
                record(schema, metadata, ending)});
        }
      }
    }
  }
}

// A group appended to the damaged file is there after kill -9, with all that was.
void expect_goes_on(const std::vector<std::byte>& bytes, const Recorded& file, Outcome outcome) {
  SimFileSystem disk;
  expect_ok(take(disk.create(Recorder::kPath))->write(0, bytes.data(), bytes.size()));
  State state = file.states.at(outcome.lsn);
  const Item added{++outcome.lsn, kIds, text_of(kIds), vector_of(file.schema.dimension, 500), "{}"};
  state.by_id[kIds - 1] = added;
  state.in_order.push_back(added);
  {
    const auto store = open(disk, Recorder::kPath);
    Ids ids(file.schema.id_type);
    Group group(ids);
    group.put(added.id, added.vector, added.metadata);
    expect_equal(take(store->append(group)).lsn, added.lsn);
    if (auto hits = search_all(*store)) state.hits = std::move(*hits);
  }
  Recorded expected{file.schema, {}, {}, {}, file.texts, 0};
  expected.states[outcome.lsn] = std::move(state);
  const auto store = open(disk, Recorder::kPath);
  Inspection(*store, expected, outcome).run();
}

// One file, damaged in every way, and how often.
class Damage {
 public:
  explicit Damage(const Variant& variant)
      : variant_(variant),
        file_(variant.file),
        image_(file_.bytes),
        parsed_(take(format::parse_file(*image_.open()))),
        map_(file_, parsed_) {
    expect_equal(parsed_.extents.size(), 2U);
    expect_equal(parsed_.superblock.durable_lsn, file_.durable_lsn);
  }

  std::uint64_t flip_all() {
    std::uint64_t at = 0;
    for (const Region& region : map_.regions()) {
      for (; at < region.begin; ++at) flip_unused(at);
      for (; at < region.end; ++at) {
        const bool one = !region.means_something && !all_;
        for (unsigned bit = one ? at % 8 : 0; bit < 8; bit += one ? 8 : 1) {
          flip(at, bit, region.what, region.outcome);
        }
      }
    }
    for (; at < file_.bytes.size(); ++at) flip_unused(at);
    if (image_.bytes() != file_.bytes) fail("the image changed");
    return count_;
  }

  // One bit of each kind of byte: the next writer goes on from what is there.
  void write_on() {
    for (const Region& region : map_.regions()) {
      if (!region.outcome.opens) continue;
      image_.flip(region.begin, 0);
      try {
        expect_goes_on(image_.bytes(), file_, region.outcome);
      } catch (const Failure& failure) {
        fail(variant_.name + ", " + region.what + " at " + std::to_string(region.begin) + ": " +
             failure.what());
      }
      image_.flip(region.begin, 0);
    }
    const auto shorter = std::span(file_.bytes).first(file_.bytes.size() - 1);
    const Outcome cut = map_.cut_at(shorter.size());
    if (cut.opens) expect_goes_on({shorter.begin(), shorter.end()}, file_, cut);
  }

  std::uint64_t cut_all() {
    for (std::uint64_t size = file_.bytes.size(); size-- > 0;) {
      if (all_ || size % kSector <= 1 || size % kSector == kSector - 1 || inside_a_region(size)) {
        cut(size);
      }
    }
    return count_;
  }

 private:
  void flip_unused(std::uint64_t at) {
    if (all_) {
      for (unsigned bit = 0; bit < 8; ++bit) flip(at, bit, "unused byte", map_.whole());
    } else if (at % kSampled == 0) {
      flip(at, at / kSampled % 8, "unused byte", map_.whole());
    }
  }

  void flip(std::uint64_t at, unsigned bit, const char* what, const Outcome& outcome) {
    image_.flip(at, bit);
    check(outcome, [&] {
      return "bit " + std::to_string(bit) + " of byte " + std::to_string(at) + " (" + what + ")";
    });
    image_.flip(at, bit);
  }

  void cut(std::uint64_t size) {
    image_.truncate(size);
    check(map_.cut_at(size), [&] { return "cut at " + std::to_string(size); });
  }

  template <typename What>
  void check(const Outcome& outcome, What&& what) {
    if (++tried_ % every_ != 0) return;
    ++count_;
    for (const bool read_only : {false, true}) {
      if (!all_ && read_only != (count_ % 2 == 0)) continue;
      try {
        inspect(image_, file_, outcome, read_only);
      } catch (const Failure& failure) {
        fail(variant_.name + ", " + what() + (read_only ? ", read-only: " : ": ") + failure.what());
      }
    }
  }

  bool inside_a_region(std::uint64_t at) const {
    const auto& all = map_.regions();
    const auto after = std::upper_bound(
        all.begin(), all.end(), at,
        [](std::uint64_t wanted, const Region& region) { return wanted < region.begin; });
    return after != all.begin() && at <= std::prev(after)->end;
  }

  static constexpr std::uint64_t kSampled = 509;
  const bool all_ = std::strcmp(setting(), "all") == 0;
  const std::uint64_t every_ =
      all_ ? 1 : std::max(std::strtoull(*setting() ? setting() : "5", nullptr, 10), 1ULL);
  const Variant& variant_;
  const Recorded& file_;
  MemoryImage image_;
  const format::ParsedFile parsed_;
  const DamageMap map_;
  std::uint64_t tried_ = 0;
  std::uint64_t count_ = 0;
};

const Test kFlips("damage_test", "no flipped bit changes an answer", [] {
  std::uint64_t count = 0;
  for_variants([&](const Variant& variant) { count += Damage(variant).flip_all(); });
  std::printf("damage_test: %llu bits flipped\n", static_cast<unsigned long long>(count));
});

const Test kCuts("damage_test", "no length that a file is cut to changes an answer", [] {
  std::uint64_t count = 0;
  for_variants([&](const Variant& variant) { count += Damage(variant).cut_all(); });
  std::printf("damage_test: cut to %llu lengths\n", static_cast<unsigned long long>(count));
});

const Test kGoesOn("damage_test", "what opens in spite of damage is written to, and keeps all", [] {
  for_variants([](const Variant& variant) { Damage(variant).write_on(); });
});

}  // namespace
}  // namespace jvdb::test
