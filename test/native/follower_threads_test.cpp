// A reader's store that is refreshed by two threads while others read it, beside a writer with a
// store of its own that is restarted now and then, on real files: every snapshot is whole. Also
// under ThreadSanitizer.
#include <atomic>
#include <functional>
#include <mutex>
#include <thread>

#include "check.h"
#include "engine/changes.h"
#include "engine/registry.h"
#include "store_fixture.h"
#include "temporary_directory.h"

namespace jvdb::test {
namespace {

using engine::Checker;
using engine::OpenRequest;
using engine::Registry;
using engine::Store;

constexpr std::uint32_t kDimension = 32;
constexpr std::uint64_t kIds = 40;
constexpr std::uint64_t kRounds = 200;

class Followed {
 public:
  Followed() {
    writing_.dimension = kDimension;
    writing_.id_type = format::IdType::string;
    writing_.initial_capacity = 8;
    writer_ = take(writers_.open(path_, writing_));
    OpenRequest reading;
    reading.create = false;
    reading.read_only = true;
    reader_ = std::make_shared<Registry::Handle>(take(readers_.open(path_, reading)));
  }

  // Round r writes all ids with vectors of value r as one group, and others that come and go.
  void write() {
    Ids ids(format::IdType::string);
    for (std::uint64_t round = 1; round <= kRounds; ++round) {
      Group group(ids);
      for (std::uint64_t id = 0; id < kIds; ++id) {
        group.put(id, Vector(kDimension, static_cast<float>(round)));
      }
      (void)take(writer_->append(group));
      Group others(ids);
      for (std::uint64_t id = 0; id < 10; ++id) others.put(1000 + round * 10 + id, kOther);
      for (std::uint64_t id = 0; id < 10; ++id) others.remove(990 + round * 10 + id);
      (void)take(writer_->append(others));
      if (round % 7 == 0) expect_ok(writer_->flush());
      if (round % 50 == 0) {
        writer_ = {};
        writer_ = take(writers_.open(path_, writing_));
      }
    }
  }
  void refresh() {
    auto fresh = take(readers_.refresh(path_, *reader()));
    if (!fresh) return;
    auto next = std::make_shared<Registry::Handle>(std::move(fresh));
    const std::scoped_lock lock(mutex_);
    reader_.swap(next);
  }
  void scan() {
    const auto share = reader();
    const auto snapshot = (*share)->snapshot();
    std::uint64_t seen = 0;
    float round = 0;
    for (auto slot = snapshot->next(0); slot; slot = snapshot->next(*slot + 1)) {
      const auto entry = take(snapshot->entry(*slot, Checker::vector | Checker::heap));
      if (entry.vector[0] == kOther[0]) continue;
      if (seen++ == 0) round = entry.vector[0];
      expect_equal(entry.vector[0], round);
    }
    expect(seen == 0 || seen == kIds, "a part of a group is seen");
  }
  void look() {
    const auto share = reader();
    Ids ids(format::IdType::string);
    const auto entry = take((*share)->read().get(ids(7), Checker::vector));
    const auto view = take((*share)->read().view(ids(9)));
    if (entry) expect(entry->vector[0] > 0 && view.vector != nullptr && view.vector[0] > 0);
    (void)take((*share)->stats());
  }
  void search() {
    const auto share = reader();
    engine::SearchOptions options = best(5);
    options.vectors = true;
    (void)take(test::search(**share, Vector(kDimension, 1.0F), options));
  }
  void change() {
    const auto share = reader();
    const auto snapshot = (*share)->snapshot();
    auto changes = take(engine::Changes::since(*snapshot, told_));
    for (engine::Change one; take(changes.next(one));) expect_equal(one.lsn, ++told_);
    expect_equal(told_, snapshot->point().lsn);
  }

 private:
  std::shared_ptr<Registry::Handle> reader() {
    const std::scoped_lock lock(mutex_);
    return reader_;
  }

  static inline const Vector kOther = Vector(kDimension, -1.0F);

  const TemporaryDirectory directory_;
  const std::string path_ = directory_.path() + "/db.jvdb";
  Registry writers_{os::disk()};
  Registry readers_{os::disk()};
  OpenRequest writing_;
  Registry::Handle writer_;
  std::mutex mutex_;
  std::shared_ptr<Registry::Handle> reader_;
  std::uint64_t told_ = 0;
};

const Test kThreads("follower_threads_test", "refreshing beside all kinds of reading", [] {
  Followed followed;
  std::atomic<bool> done{false};
  std::mutex mutex;
  std::string problem;
  const auto run = [&](auto&& body) {
    try {
      body();
    } catch (const Failure& failure) {
      const std::scoped_lock lock(mutex);
      problem = failure.what();
    }
  };
  const auto again_and_again = [&](void (Followed::*step)()) {
    return std::thread([&, step] {
      run([&] {
        while (!done) (followed.*step)();
      });
    });
  };
  std::vector<std::thread> threads;
  for (const auto step : {&Followed::refresh, &Followed::refresh, &Followed::scan, &Followed::look,
                          &Followed::search, &Followed::change}) {
    threads.push_back(again_and_again(step));
  }
  run([&] { followed.write(); });
  done = true;
  for (std::thread& thread : threads) thread.join();
  expect(problem.empty(), problem);
});

}  // namespace
}  // namespace jvdb::test
