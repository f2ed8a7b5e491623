// Rule 18 against random histories: batches, growth, failed appends, failed syncs, restarts and
// orderly ends, with a reader that takes them in through the registry. Also what it tells by
// changes and shows by views.
#include <algorithm>
#include <cstdlib>
#include <random>
#include <tuple>
#include <utility>

#include "engine/changes.h"
#include "engine/registry.h"
#include "protocol_fixture.h"

namespace jvdb::test::protocol {
namespace {

constexpr std::uint32_t kSmall = 16;  // dimension
constexpr std::uint64_t kIdCount = 40;

class Model {
 public:
  explicit Model(std::uint64_t seed)
      : seed_(seed),
        random_(seed),
        ids_(seed % 2 == 0 ? format::IdType::int64 : format::IdType::string) {
    const auto type = seed % 2 == 0 ? format::IdType::int64 : format::IdType::string;
    const auto capacity = static_cast<std::uint32_t>(1 + below(8));
    writer_ = create(files_, kPath, schema_of(kSmall, type), capacity);
    reading_.create = false;
    reading_.read_only = true;
    reader_ = take(here_.open(kPath, reading_));
  }

  void run(int steps) {
    for (step_ = 0; step_ < steps; ++step_) {
      change();
      if (below(2) == 0) compare();
    }
  }

 private:
  std::uint64_t below(std::uint64_t sides) { return random_() % sides; }

  void change() {
    switch (below(12)) {
      case 0:
        expect_ok(writer_->flush());
        return;
      case 1:  // killed
        writer_ = nullptr;
        writer_ = test::open(files_, kPath);
        return;
      case 2:
        expect_ok(writer_->close());
        writer_ = test::open(files_, kPath);
        return;
      case 3:
        lose();
        return;
      case 4:
        fail_append();
        return;
      default:
        (void)take(append());
    }
  }

  Result<engine::Appended> append() {
    Group out(ids_);
    const std::uint64_t size = below(8) == 0 ? below(300) : 1 + below(6);
    for (std::uint64_t i = 0; i < size; ++i) {
      if (below(3) == 0) {
        out.remove(below(kIdCount));
        continue;
      }
      const std::string text(below(20) == 0 ? below(60000) : below(40), 'x');
      out.put(below(kIdCount), vector_of(kSmall, random_()),
              below(3) == 0 ? R"({"a":")" + text + R"("})" : "");
    }
    return writer_->append(out);
  }

  // A failed sync, after which the cache forgets some of what it lost, or nothing.
  void lose() {
    files_.hooks().fail_sync = [] { return true; };
    const bool failed = !writer_->flush();
    files_.hooks().fail_sync = nullptr;
    if (!failed) return;
    const std::uint64_t size = files_.bytes(kPath).size();
    const std::uint64_t from = below(size) / kSector * kSector;
    if (below(3) != 0) files_.forget_lost(kPath, from, size - from);
    writer_ = test::open(files_, kPath);
    // Until a writer begins an epoch, nothing says that the history ends earlier.
    (void)take(writer_->append(Group(ids_).put(0, vector_of(kSmall, random_()))));
  }

  void fail_append() {
    files_.hooks().cut_write = [at = below(3)](std::uint64_t, std::size_t size) mutable {
      return at-- == 0 ? std::optional(size / 2) : std::nullopt;
    };
    (void)append();
    files_.hooks().cut_write = nullptr;
    // The handle may have given up.
    if (!writer_->append(Group(ids_).put(1, vector_of(kSmall, 1)))) {
      writer_ = test::open(files_, kPath);
    }
  }

  void compare() {
    auto fresh = take(here_.refresh(kPath, reader_));
    if (fresh) reader_ = std::move(fresh);
    expect(reader_->last_lsn() == writer_->last_lsn(), where() + "another LSN");
    expect(contents(*reader_) == contents(*writer_), where() + "another content");
    expect(take(reader_->stats()).dead == take(writer_->stats()).dead, where() + "dead");
    expect(changes(*reader_, 0) == changes(*writer_, 0), where() + "changes");
    const std::uint64_t since = below(writer_->last_lsn() + 1);
    expect(changes(*reader_, since) == changes(*writer_, since), where() + "some changes");
    for (std::uint64_t id = 0; id < kIdCount; ++id) {
      const auto there = get(*writer_, ids_(id));
      const auto view = take(reader_->read().view(ids_(id)));
      expect((view.vector != nullptr) == there.has_value(), where() + "a view");
      if (there) expect(Vector(view.vector, view.vector + kSmall) == there->vector, where());
    }
  }

  using Told = std::tuple<std::uint64_t, std::string, bool, bool, Vector>;
  static std::vector<Told> changes(const Store& store, std::uint64_t since) {
    const auto snapshot = store.snapshot();
    auto all = take(engine::Changes::since(*snapshot, since));
    std::vector<Told> out;
    for (engine::Change one; take(all.next(one));) {
      const engine::Entry& entry = one.entry;
      Vector vector;
      if (one.put) vector.assign(entry.vector, entry.vector + kSmall);
      out.emplace_back(one.lsn, std::to_string(entry.id.number) + std::string(entry.id.text),
                       one.put, one.ends_group, std::move(vector));
    }
    return out;
  }

  std::string where() const {
    return "JVDB_SEED=" + std::to_string(seed_) + ", step " + std::to_string(step_) + ": ";
  }

  const std::uint64_t seed_;
  std::mt19937_64 random_;
  Ids ids_;
  SimFileSystem files_;
  engine::Registry here_{files_};
  engine::OpenRequest reading_;
  std::unique_ptr<Store> writer_;
  engine::Registry::Handle reader_;
  int step_ = 0;
};

const Test kModel("follower_model_test", "a reader shows what the writer does, in random histories",
                  [] {
                    const auto number = [](const char* name, std::uint64_t otherwise) {
                      const char* text = std::getenv(name);
                      return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
                    };
                    const std::uint64_t first = number("JVDB_SEED", 1);
                    const std::uint64_t count = number("JVDB_HISTORIES", 40);
                    for (std::uint64_t i = 0; i < count; ++i) Model(first + i).run(120);
                  });

}  // namespace
}  // namespace jvdb::test::protocol
