// One writer and many readers on one engine: every reader sees exactly one snapshot.
// Threads: run_all() starts its own.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "at_once.h"
#include "check.h"
#include "store_fixture.h"

namespace jvdb::test {

// Round r writes all ids with vectors whose first value is r, as one group, and removes and puts
// back some of them singly. In every snapshot all of the ids carry one round, or the one before.
class Rounds {
 public:
  Rounds(engine::Store& store, std::uint64_t rounds) : store_(store), rounds_(rounds) {}

  void write() {
    Ids ids(store_.schema().id_type);
    for (std::uint64_t round = 1; round <= rounds_; ++round) {
      Group group(ids);
      for (std::uint64_t id = 0; id < kIds; ++id) group.put(id, vector(round, id), metadata(round));
      (void)take(store_.append(group));
      // Ids that come and go make the table grow and forget.
      Group others(ids);
      for (std::uint64_t id = 0; id < 200; ++id) others.put(kIds + round * 200 + id, vector(0, id));
      if (round > 1) {
        for (std::uint64_t id = 0; id < 200; ++id) others.remove(kIds + (round - 1) * 200 + id);
      }
      (void)take(store_.append(others));
    }
    done_ = true;
  }

  // A snapshot holds one round for every id.
  void scan() {
    while (!done_) {
      const auto snapshot = store_.snapshot();
      std::uint64_t seen = 0;
      std::uint64_t others = 0;
      float round = -1;
      for (auto slot = snapshot->next(0); slot; slot = snapshot->next(*slot + 1)) {
        const auto entry =
            take(snapshot->entry(*slot, engine::Checker::vector | engine::Checker::heap));
        if (entry.vector[0] == 0) {
          ++others;
          continue;
        }
        ++seen;
        if (round < 0) round = entry.vector[0];
        expect_equal(entry.vector[0], round);
        expect_equal(entry.metadata, metadata(static_cast<std::uint64_t>(round)));
      }
      expect(seen == kIds || (seen == 0 && snapshot->point().lsn == 0));
      expect(others == 0 || others == 200);
    }
  }

  // An id that always exists is always found, and never gets older.
  void look_up(std::uint64_t id) {
    Ids ids(store_.schema().id_type);
    float last = 0;
    while (!done_) {
      const auto entry =
          take(store_.read().get(ids(id), engine::Checker::vector | engine::Checker::heap));
      if (!entry) {
        expect_equal(last, 0.0F);
        continue;
      }
      expect(entry->vector[0] >= last);
      expect_equal(entry->vector[1], static_cast<float>(id));
      last = entry->vector[0];
    }
  }

  void search() {
    engine::SearchOptions options = best(kIds);
    options.vectors = true;
    const Vector query(store_.schema().dimension, 1.0F);
    while (!done_) {
      const auto hits = take(test::search(store_, query, options));
      std::uint64_t seen = 0;
      float round = -1;
      for (const engine::Hit& hit : hits) {
        if (hit.vector[0] == 0) continue;
        ++seen;
        if (round < 0) round = hit.vector[0];
        expect_equal(hit.vector[0], round);
      }
      expect(hits.empty() || seen == kIds);
    }
  }

  void flush() {
    while (!done_) expect_ok(store_.flush());
  }

  void stop() noexcept { done_ = true; }

 private:
  static constexpr std::uint64_t kIds = 300;

  Vector vector(std::uint64_t round, std::uint64_t id) const {
    Vector out(store_.schema().dimension, 0.5F);
    // Far larger than the others', so that a search by dot product finds these first.
    out[0] = static_cast<float>(round);
    out[1] = static_cast<float>(id);
    out[2] = round == 0 ? -1e9F : 1e6F;
    return out;
  }
  static std::string metadata(std::uint64_t round) {
    return R"({"round":)" + std::to_string(round) + "}";
  }

  engine::Store& store_;
  std::uint64_t rounds_;
  std::atomic<bool> done_{false};
};

// The store's metric is the dot product, its dimension at least 3.
inline void run_all(engine::Store& store, std::uint64_t rounds) {
  Rounds test(store, rounds);
  at_once({[&] { test.write(); }, [&] { test.scan(); }, [&] { test.look_up(7); },
           [&] { test.look_up(299); }, [&] { test.search(); }, [&] { test.flush(); }},
          [&] { test.stop(); });
}

}  // namespace jvdb::test
