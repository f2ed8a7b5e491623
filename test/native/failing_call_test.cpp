// Every call to the operating system fails in turn, alone or with all that follow it: what was
// asked for is done or said not to be, and nothing is lost.
#include "check.h"
#include "engine/backup.h"
#include "engine/inspect.h"
#include "engine/registry.h"
#include "engine/salvage.h"
#include "engine/verify_file.h"
#include "store_fixture.h"

namespace jvdb::test {
namespace {

using engine::Job;
using engine::Registry;

constexpr char kPath[] = "db.jvdb";
constexpr std::uint32_t kDimension = 20;
using State = std::map<std::string, Stored>;

// A database that was left without closing it: an extent and a part of another, removed and
// replaced vectors, and much behind the last flush.
class Scene {
 public:
  Scene() {
    Registry registry(disk);
    engine::OpenRequest request = request_for(kDimension);
    request.id_type = format::IdType::string;
    request.initial_capacity = 8;
    auto handle = take(registry.open(kPath, request));
    Group group(ids);
    for (std::uint64_t id = 0; id < 40; ++id) group.put(id, vector_of(kDimension, id), "{}");
    (void)take(handle->append(group));
    expect_ok(handle->flush());
    (void)take(handle->backup(disk, "first", std::nullopt, job));
    for (std::uint64_t id = 0; id < 10; ++id) {
      (void)take(
          handle->append(Group(ids).put(id, vector_of(kDimension, 100 + id)).remove(39 - id)));
    }
    (void)take(handle->backup(disk, "second", 40, job));
    expected = contents(*handle);
    last_lsn = handle->last_lsn();
    (void)handle.close(false);
  }

  // `call` with the n-th call of the system failing, and maybe all that follow; whether there were
  // as many.
  bool run(const std::function<Status(Scene&)>& call, int nth, bool all) {
    int left = nth;
    bool failed = false;
    const auto fail_call = [&] {
      const bool now = all ? left <= 0 : left == 0;
      --left;
      failed = failed || now;
      return now;
    };
    disk.hooks().fail_look = fail_call;
    disk.hooks().fail_change = fail_call;
    const Status status = call(*this);
    disk.hooks() = {};
    expect(failed || status.ok(), std::string(status.message()));
    if (!status) expect_code(status, Code::io);
    expect_whole();
    return failed;
  }

  void expect_whole() {
    Registry registry(disk);
    auto handle = take(registry.open(kPath, request_for(kDimension)));
    expect(contents(*handle) == expected);
    expect_equal(handle->last_lsn(), last_lsn);
    (void)take(handle->append(Group(ids).put(500, vector_of(kDimension, 1))));
    expect_ok(handle->flush());
    expect_equal(take(handle->verify(true, job)).error_count, 0U);
    expect_ok(handle.close());
    expect_equal(open(*disk.power_cut({}), kPath)->last_lsn(), last_lsn + 1);
  }

  SimFileSystem disk;
  Ids ids{format::IdType::string};
  Job job;
  State expected;
  std::uint64_t last_lsn = 0;
};

void try_all(const std::function<Status(Scene&)>& call, int least) {
  for (const bool all : {false, true}) {
    int nth = 0;
    try {
      while (Scene().run(call, nth, all)) ++nth;
    } catch (const Failure& failure) {
      fail(std::string(failure.what()) + "; call " + std::to_string(nth) +
           (all ? " and all that follow" : ""));
    }
    expect(nth >= least, std::to_string(nth));
  }
}

// With nothing failing meanwhile.
template <typename Call>
auto undisturbed(SimFileSystem& disk, Call&& call) {
  SimHooks hooks = std::exchange(disk.hooks(), {});
  auto result = call();
  disk.hooks() = std::move(hooks);
  return result;
}

const Test kOpening("failing_call_test", "opening, for reading too, and by the copy of the head",
                    [] {
                      for (const int kind : {0, 1, 2, 3}) {
                        const bool read_only = kind % 2 == 1;
                        try_all(
                            [=](Scene& scene) {
                              if (kind >= 2) scene.disk.damage(kPath, 30, std::byte{0xA5});
                              Registry registry(scene.disk);
                              engine::OpenRequest request = request_for(kDimension);
                              request.read_only = read_only;
                              auto opened = registry.open(kPath, request);
                              if (!opened) return opened.status();
                              expect(contents(**opened) == scene.expected);
                              return opened->close();
                            },
                            10);
                      }
                    });

const Test kCreating("failing_call_test", "creating: there is a database, or nothing", [] {
  for (const bool opens : {false, true}) {
    try_all(
        [=](Scene& scene) {
          Registry registry(scene.disk);
          const auto request = request_for(7);
          Status status;
          if (opens) {
            status = registry.open("new", request).status();
          } else {
            status = registry.create("new", request);
          }
          undisturbed(scene.disk, [&] {
            if (status || scene.disk.stat("new")) {
              expect_equal(open(scene.disk, "new")->schema().dimension, 7U);
            }
            return 0;
          });
          return status;
        },
        8);
  }
});

const Test kRemoving("failing_call_test", "removing: the whole database, or nothing", [] {
  for (const bool opened : {false, true}) {
    try_all(
        [=](Scene& scene) {
          Registry registry(scene.disk);
          const auto handle = undisturbed(scene.disk, [&] {
            expect_ok(registry.create("other", request_for(7)));
            return opened ? take(registry.open("other", request_for(7))) : Registry::Handle();
          });
          Status status = registry.remove("other");
          undisturbed(scene.disk, [&] {
            const bool there = scene.disk.stat("other").ok();
            expect(!there || !status);
            if (there) (void)take(registry.open("other", request_for(7)));
            return 0;
          });
          return status;
        },
        4);
  }
});

const Test kWriting("failing_call_test", "writing: what was acknowledged is there", [] {
  try_all(
      [](Scene& scene) {
        Registry registry(scene.disk);
        auto handle =
            undisturbed(scene.disk, [&] { return take(registry.open(kPath, request_for(20))); });
        Status status;
        for (std::uint64_t id = 0; id < 60; ++id) {
          const std::string metadata(id * 10, ' ');
          const auto appended = handle->append(
              Group(scene.ids).put(200 + id, vector_of(kDimension, id), metadata).remove(id % 30));
          if (appended) {
            scene.expected = contents(*handle);
            scene.last_lsn = appended->lsn;
          } else {
            status = appended.status();
          }
          if (id % 16 == 0) {
            if (Status flushed = handle->flush(); !flushed) status = flushed;
          }
          expect(contents(*handle) == scene.expected);
        }
        if (Status closed = handle.close(); !closed) status = closed;
        return status;
      },
      100);
});

const Test kReading("failing_call_test", "reading whatever there is to be read", [] {
  try_all(
      [](Scene& scene) {
        Registry registry(scene.disk);
        const auto handle =
            undisturbed(scene.disk, [&] { return take(registry.open(kPath, request_for(20))); });
        expect(contents(*handle) == scene.expected);
        expect_equal(lsns_since(*handle, 0).size(), scene.last_lsn);
        const auto stats = handle->stats();
        if (!stats) return stats.status();
        const auto inspected = engine::inspect(scene.disk, kPath);
        if (!inspected) return inspected.status();
        expect_equal(inspected->live, 30U);
        const auto verified = engine::verify_file(scene.disk, kPath, false, scene.job);
        if (!verified) return verified.status();
        return Status();
      },
      5);
});

const Test kFollowing("failing_call_test", "following a writer", [] {
  try_all(
      [](Scene& scene) {
        Registry ours(scene.disk);
        Registry theirs(scene.disk);
        engine::OpenRequest request = request_for(kDimension);
        request.read_only = true;
        auto [reader, writer] = undisturbed(scene.disk, [&] {
          auto handle = take(ours.open(kPath, request));
          return std::pair(std::move(handle), take(theirs.open(kPath, request_for(20))));
        });
        Status status;
        for (std::uint64_t id = 0; id < 30; ++id) {
          undisturbed(scene.disk, [&] {
            scene.last_lsn = take(writer->append(Group(scene.ids).put(
                                      300 + id, vector_of(kDimension, id), "{}")))
                                 .lsn;
            scene.expected = contents(*writer);
            if (id % 8 == 7) expect_ok(writer->flush());
            if (id == 20) expect(take(writer.compact(scene.job)).compacted);
            return 0;
          });
          const auto before = contents(*reader);
          auto refreshed = ours.refresh(kPath, reader);
          if (!refreshed) {
            status = refreshed.status();
            expect(contents(*reader) == before);
            continue;
          }
          if (*refreshed) reader = std::move(*refreshed);
          expect(contents(*reader) == scene.expected);
        }
        return status;
      },
      50);
});

const Test kCompacting("failing_call_test", "compacting", [] {
  try_all(
      [](Scene& scene) {
        Registry registry(scene.disk);
        const auto handle =
            undisturbed(scene.disk, [&] { return take(registry.open(kPath, request_for(20))); });
        Status status = handle.compact(scene.job).status();
        undisturbed(scene.disk, [&] {
          expect(contents(*handle) == scene.expected);
          const auto again =
              handle->append(Group(scene.ids).put(200, vector_of(kDimension, 1), "{}"));
          // Where the new file has the name, but maybe not for good, nothing is taken.
          if (!status && !again) expect_code(again.status(), Code::io);
          if (again) scene.last_lsn = again->lsn;
          scene.expected = contents(*handle);
          expect(again || status.ok() || !handle->flush().ok());
          return 0;
        });
        return status;
      },
      20);
});

const Test kCopying("failing_call_test", "backing up, restoring, verifying and salvaging", [] {
  const std::vector<std::string> chain = {"first", "second"};
  try_all(
      [&](Scene& scene) {
        Registry registry(scene.disk);
        const auto handle =
            undisturbed(scene.disk, [&] { return take(registry.open(kPath, request_for(20))); });
        Job& job = scene.job;
        bool told = false;  // that something could not be salvaged
        const auto salvage = [&] {
          const auto saved = engine::salvage(scene.disk, kPath, "saved", job);
          told = saved && saved->error_count > 0;
          return saved.status();
        };
        const std::vector<std::pair<std::string, std::function<Status()>>> makers = {
            {"copy",
             [&] { return handle->backup(scene.disk, "copy", std::nullopt, job).status(); }},
            {"more", [&] { return handle->backup(scene.disk, "more", 40, job).status(); }},
            {"restored",
             [&] { return engine::restore(scene.disk, chain, "restored", {}, job).status(); }},
            {"saved", salvage},
        };
        Status status;
        for (const auto& [name, make] : makers) {
          const Status made = make();
          undisturbed(scene.disk, [&] {
            const bool there = scene.disk.stat(name).ok();
            expect(there || !made);
            if (there && name != "more" && !told) {
              expect(contents(*open(scene.disk, name)) == scene.expected, name);
            }
            return 0;
          });
          if (!made) status = made;
        }
        for (const bool increment : {false, true}) {
          const std::string& name = chain[increment ? 1 : 0];
          const auto verified = engine::verify_file(scene.disk, name, increment, job);
          if (!verified) status = verified.status();
        }
        return status;
      },
      60);
});

}  // namespace
}  // namespace jvdb::test
