// Rule 18: a follower never shows a history that is no longer the file's. Histories end differently
// after a failed sync: what readers saw was in the cache alone, which forgot it, and the next
// writer goes on from what the disk has.
#include <utility>

#include "engine/registry.h"
#include "protocol_fixture.h"

namespace jvdb::test::protocol {
namespace {

using Outcome = engine::Follower::Outcome;

// LSN 1 is durable; 2 to 2 + `lost` − 1 were seen by the reader and lost by a failed sync.
struct Lost {
  Disk disk{Protocol()};
  std::unique_ptr<Store> reader;

  Lost(const Protocol& rules, std::uint64_t lost) {
    auto writer = disk.open();
    disk.put(*writer, 1, 1);
    expect_ok(writer->flush());
    for (std::uint64_t id = 2; id < 2 + lost; ++id) disk.put(*writer, id, id);
    disk.fail_flush(*writer);
    reader = test::open(disk.files, kPath, {true, {}, rules});
    expect_equal(reader->last_lsn(), 1 + lost);
  }
  std::unique_ptr<Store> reopen() {
    disk.forget();
    return disk.open();
  }
  // A new writer finds LSN 1 and writes `count` others.
  std::unique_ptr<Store> rewrite(std::uint64_t count) {
    auto writer = reopen();
    expect_equal(writer->last_lsn(), std::uint64_t{1});
    for (std::uint64_t id = 102; id < 102 + count; ++id) disk.put(*writer, id, id);
    return writer;
  }
};

bool shows_the_same(Store& reader, const Store& writer) {
  Ids ids(format::IdType::int64);
  for (std::uint64_t id = 1; id < 600; ++id) {
    if (take(reader.read().has(ids(id))) != take(writer.read().has(ids(id)))) return false;
  }
  try {
    return contents(reader) == contents(writer);
  } catch (const Failure&) {
    return false;
  }
}

// Whether the reader says that the history was rewritten, or shows the new one.
bool refreshes_rightly(Store& reader, const Store& writer) {
  auto outcome = reader.refresh();
  if (!outcome) return false;
  if (*outcome == Outcome::rewritten) return true;
  return shows_the_same(reader, writer);
}

void expect_rule_18(bool Protocol::* rule, const std::function<bool(const Protocol&)>& scenario,
                    std::source_location where = std::source_location::current()) {
  Protocol rules;
  expect(scenario(rules), "the scenario fails with all rules on", where);
  rules.*rule = false;
  expect(!scenario(rules), "switching the rule off is not noticed", where);
}

const Test kShorter("follower_history_test", "rule 18: a history that became shorter", [] {
  expect_rule_18(&Protocol::rewritten_history, [](const Protocol& rules) {
    Lost lost(rules, 20);
    const auto writer = lost.rewrite(5);
    return refreshes_rightly(*lost.reader, *writer);
  });
});

const Test kLonger("follower_history_test", "rule 18: a history that overtook the old one", [] {
  expect_rule_18(&Protocol::rewritten_history, [](const Protocol& rules) {
    Lost lost(rules, 3);
    const auto writer = lost.rewrite(20);
    return refreshes_rightly(*lost.reader, *writer);
  });
});

const Test kEpochs("follower_history_test", "rule 18: and of which the last epoch begins later",
                   [] {
                     expect_rule_18(&Protocol::rewritten_history, [](const Protocol& rules) {
                       Lost lost(rules, 3);
                       (void)lost.rewrite(10);
                       const auto writer = lost.disk.open();
                       lost.disk.put(*writer, 500, 500);
                       return refreshes_rightly(*lost.reader, *writer);
                     });
                   });

const Test kElsewhere(
    "follower_history_test", "rule 18: the last record stands, but is no longer part of it", [] {
      expect_rule_18(&Protocol::rewritten_history, [](const Protocol& rules) {
        Lost lost(rules, 63);  // the first extent's slots are full: its records aren't
        {
          // What the first extent has no room for goes to the next: the records of LSN 2 and above
          // stay as they are.
          const auto writer = lost.reopen();
          const std::string large = R"({"a":")" + std::string(500000, 'x') + R"("})";
          (void)take(writer->append(Group(lost.disk.ids).put(200, vector_for(200), large)));
          for (std::uint64_t id = 201; id < 300; ++id) lost.disk.put(*writer, id, id);
        }
        const auto writer = lost.disk.open();
        lost.disk.put(*writer, 500, 500);
        return refreshes_rightly(*lost.reader, *writer);
      });
    });

const Test kOverwritten("follower_history_test", "rule 18: another database, copied over it", [] {
  Lost lost(Protocol(), 3);
  expect_ok(engine::create_file(lost.disk.files, "other", kSchema, 64));
  const std::vector<std::byte> other = lost.disk.files.bytes("other");
  {
    auto file = take(lost.disk.files.open(kPath, os::Access::read_write));
    expect_ok(file->write(0, other.data(), other.size()));
  }
  expect(take(lost.reader->refresh()) == Outcome::rewritten);
});

// Every answer is the old history's or an error; never the new one's under an old id.
bool reads_rightly(Store& reader, std::uint64_t lost) {
  Ids ids(format::IdType::int64);
  for (std::uint64_t id = 1; id < 2 + lost; ++id) {
    const auto entry = reader.read().get(ids(id), engine::Checker::vector);
    if (!entry) {
      if (entry.status().code() != Code::conflict) return false;
      continue;
    }
    if (!*entry) return false;
    const float* vector = (**entry).vector;
    if (Vector(vector, vector + kDimension) != vector_for(id)) return false;
  }
  return true;
}

const Test kReads("follower_history_test",
                  "rule 18: what was not durable is checked at every read, not once", [] {
                    expect_rule_18(&Protocol::distrust_unsynced, [](const Protocol& rules) {
                      Lost lost(rules, 4);
                      expect(reads_rightly(*lost.reader, 4));
                      (void)lost.rewrite(2);
                      return reads_rightly(*lost.reader, 4);
                    });
                  });

const Test kEvicted("follower_history_test", "rule 18: nor is what the cache has forgotten", [] {
  expect_rule_18(&Protocol::distrust_unsynced, [](const Protocol& rules) {
    Lost lost(rules, 4);
    expect(reads_rightly(*lost.reader, 4));
    lost.disk.files.forget_lost(kPath, kFirst.vectors_offset, 64 * 512);
    return reads_rightly(*lost.reader, 4);
  });
});

const Test kDoubtKept("follower_history_test",
                      "a refresh keeps in doubt what it had taken in before and is not durable",
                      [] {
                        Disk disk{Protocol()};
                        auto writer = disk.open();
                        disk.put(*writer, 1, 1);
                        expect_ok(writer->flush());
                        disk.put(*writer, 2, 2);
                        const auto reader = test::open(disk.files, kPath, {true, {}, {}});
                        disk.put(*writer, 3, 3);
                        expect(take(reader->refresh()) == Outcome::advanced);
                        expect(take(reader->read().vector(disk.ids(2))) != nullptr);
                        disk.fail_flush(*writer);
                        disk.forget();
                        writer = disk.open();
                        disk.put(*writer, 102, 102);
                        expect_code(reader->read().vector(disk.ids(2)).status(), Code::conflict);
                      });

const Test kEpochAlone("follower_history_test",
                       "rule 18: a history that ended earlier, its old records untouched", [] {
                         expect_rule_18(&Protocol::rewritten_history, [](const Protocol& rules) {
                           Lost lost(rules, 20);
                           // Only the vector of LSN 3 is forgotten: the records of all that follows
                           // stay.
                           lost.disk.files.forget_lost(kPath, kFirst.vectors_offset + 2 * kSector,
                                                       kSector);
                           const auto writer = lost.disk.open();
                           expect_equal(writer->last_lsn(), std::uint64_t{2});
                           (void)take(writer->append(Group(lost.disk.ids).remove(1)));
                           auto outcome = lost.reader->refresh();
                           return outcome && *outcome == Outcome::rewritten;
                         });
                       });

const Test kDurable("follower_history_test", "what has become durable is checked once", [] {
  Disk disk{Protocol()};
  const auto writer = disk.open();
  disk.put(*writer, 1, 1);
  const auto reader = test::open(disk.files, kPath, {true, {}, {}});
  expect(holds(*reader, {{1, 1}}));
  expect_ok(writer->flush());
  expect(take(reader->refresh()) == Outcome::unchanged);
  expect_equal(reader->durable_lsn(), std::uint64_t{1});
  disk.files.damage(kPath, kFirst.vectors_offset, std::byte{1});
  expect(take(reader->read().vector(disk.ids(1))) != nullptr);  // it was checked before
});

// A writer that starts while the next reader walks: what was walked over is written over.
void rewrite_during_walk(Lost& lost, std::unique_ptr<Store>& writer) {
  lost.disk.files.hooks().before_read = [&, blocks = 0](std::uint64_t offset) mutable {
    const bool header = offset % format::kExtentAlignment == 0;
    if (offset < kFirst.records_offset() || header || ++blocks != 2) return;
    auto hook = std::exchange(lost.disk.files.hooks().before_read, nullptr);
    writer = lost.rewrite(5);
  };
}

bool walks_rightly(const Protocol& rules) {
  Lost lost(rules, 100);
  lost.reader = nullptr;
  std::unique_ptr<Store> writer;
  rewrite_during_walk(lost, writer);
  auto opened = try_open(lost.disk.files, kPath, {true, {}, rules});
  lost.disk.files.hooks().before_read = nullptr;
  expect(writer != nullptr, "the records were read in one block");
  if (!opened) return opened.status().code() == Code::conflict;
  return shows_the_same(**opened, *writer);
}

const Test kOpenedAgain("follower_history_test", "opening while it is rewritten tries again", [] {
  Lost lost(Protocol(), 100);
  lost.reader = nullptr;
  engine::Registry here{lost.disk.files};
  engine::OpenRequest reading;
  reading.create = false;
  reading.read_only = true;
  std::unique_ptr<Store> writer;
  rewrite_during_walk(lost, writer);
  const auto reader = take(here.open(kPath, reading));
  expect(writer != nullptr && shows_the_same(*reader, *writer));
});

const Test kDuringWalk("follower_history_test",
                       "rule 18: a history rewritten while it is read is read again",
                       [] { expect_rule_18(&Protocol::epoch_after_refresh, walks_rightly); });

}  // namespace
}  // namespace jvdb::test::protocol
