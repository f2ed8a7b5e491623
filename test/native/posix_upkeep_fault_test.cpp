// Compaction, backups, restoring and salvage on a real file system whose calls are interrupted, do
// only a part, or fail one after the other: done, or said why not, and nothing is lost or left.
#include "check.h"

#if defined(__linux__)
#include <cerrno>
#include <filesystem>
#include <set>

#include "engine/backup.h"
#include "engine/registry.h"
#include "engine/salvage.h"
#include "libc_faults.h"
#include "store_fixture.h"
#include "temporary_directory.h"

namespace jvdb::test {
namespace {

using engine::Job;
using engine::Registry;
using State = std::map<std::string, Stored>;
namespace fs = std::filesystem;

constexpr std::uint32_t kDimension = 20;
constexpr std::uint64_t kFirstLsn = 40;  // of the whole backup

engine::OpenRequest request() {
  engine::OpenRequest out = request_for(kDimension);
  out.id_type = format::IdType::string;
  out.initial_capacity = 8;
  return out;
}

// A closed database of several extents with removed and replaced vectors, and a chain of backups.
class Original {
 public:
  Original() {
    Registry registry(os::disk());
    Ids ids(format::IdType::string);
    auto handle = take(registry.open(directory_.path() + "/db", request()));
    Group group(ids);
    for (std::uint64_t id = 0; id < kFirstLsn; ++id) {
      group.put(id, vector_of(kDimension, id), "{}");
    }
    (void)take(handle->append(group));
    Job job;
    const std::string first = directory_.path() + "/first";
    (void)take(handle->backup(os::disk(), first, std::nullopt, job));
    for (std::uint64_t id = 0; id < 10; ++id) {
      (void)take(
          handle->append(Group(ids).put(id, vector_of(kDimension, 100 + id)).remove(39 - id)));
    }
    (void)take(handle->backup(os::disk(), directory_.path() + "/second", kFirstLsn, job));
    state = contents(*handle);
    expect_ok(handle.close());
  }
  std::string path() const { return directory_.path(); }

  State state;

 private:
  const TemporaryDirectory directory_;
};

// A copy of it, open.
class Scene {
 public:
  explicit Scene(const Original& original) : state(original.state), restored(state) {
    faults.syncs = false;
    fs::copy(original.path(), directory_.path());
    handle = take(registry_.open(path("db"), request()));
  }
  std::string path(const std::string& name) const { return directory_.path() + "/" + name; }

  std::set<std::string> names() const {
    std::set<std::string> out;
    for (const auto& entry : fs::directory_iterator(directory_.path())) {
      out.insert(entry.path().filename().string());
    }
    return out;
  }

  // The database is whole, open and opened again. `takes`: it must take changes meanwhile.
  void expect_whole(bool takes) {
    expect(contents(*handle) == state, "another state");
    const auto appended = handle->append(Group(ids_).put(500, vector_of(kDimension, 5)));
    if (takes) expect_ok(appended.status());
    // Where the new file has the name, but maybe not for good, nothing is taken.
    if (!appended) expect_code(appended.status(), Code::io);
    if (appended) state["id-500"] = {vector_of(kDimension, 5), ""};
    (void)handle.close();
    handle = take(registry_.open(path("db"), request()));
    expect(contents(*handle) == state, "another state when opened again");
    expect_equal(take(handle->verify(true, job)).error_count, 0U);
  }
  void expect_database(const std::string& name, const State& expected) {
    const auto store = open(os::disk(), path(name));
    expect(contents(*store) == expected, name);
    expect_equal(take(store->verify(true, job)).error_count, 0U);
  }
  Status restore(const std::string& end, const std::string& to) {
    return engine::restore(os::disk(), {path("first"), path(end)}, path(to), {}, job).status();
  }

  Faults faults;  // none, but when the work runs
  Registry::Handle handle;
  State state;
  const State restored;  // by the chain
  Job job;
  bool told = false;  // that something could not be had

 private:
  const TemporaryDirectory directory_;
  Registry registry_{os::disk()};
  Ids ids_{format::IdType::string};
};

struct Work {
  const char* name;
  bool of_open;         // of the database that is open, which it may flush or replace
  std::string product;  // the new file, empty for none
  std::function<Status(Scene&)> run;
  std::function<void(Scene&)> check;  // what it made
};

const Work kCompaction = {"compacting", true, "",
                          [](Scene& scene) { return scene.handle.compact(scene.job).status(); },
                          [](Scene& scene) { expect_equal(take(scene.handle->stats()).dead, 0U); }};

const Work kBackup = {
    "backing up", true, "copy",
    [](Scene& scene) {
      return scene.handle->backup(os::disk(), scene.path("copy"), std::nullopt, scene.job).status();
    },
    [](Scene& scene) { scene.expect_database("copy", scene.state); }};

const Work kIncrement = {
    "backing up what followed", true, "more",
    [](Scene& scene) {
      return scene.handle->backup(os::disk(), scene.path("more"), kFirstLsn, scene.job).status();
    },
    [](Scene& scene) {
      expect_ok(scene.restore("more", "checked"));
      scene.expect_database("checked", scene.state);
      fs::remove(scene.path("checked"));
    }};

const Work kRestore = {"restoring", false, "restored",
                       [](Scene& scene) { return scene.restore("second", "restored"); },
                       [](Scene& scene) { scene.expect_database("restored", scene.restored); }};

const Work kSalvage = {"salvaging", false, "saved",
                       [](Scene& scene) {
                         const auto saved = engine::salvage(os::disk(), scene.path("db"),
                                                            scene.path("saved"), scene.job);
                         scene.told = saved && saved->error_count > 0;
                         return saved.status();
                       },
                       [](Scene& scene) { scene.expect_database("saved", scene.state); }};

const std::vector<const Work*> kWorks = {&kCompaction, &kBackup, &kIncrement, &kRestore, &kSalvage};

const Test kInterrupted("posix_upkeep_fault_test", "every call is interrupted and cut short", [] {
  const Original original;
  for (const Work* work : kWorks) {
    for (const bool fallback : {false, true}) {
      Scene scene(original);
      scene.faults.calls.clear();
      scene.faults.most = 97;
      scene.faults.choose = [&, again = false](std::string_view function) mutable {
        if (fallback && (function == "copy_file_range" || function == "renameat2")) return EINVAL;
        if (fallback && function == "fallocate") return EOPNOTSUPP;
        again = !again && may_be_interrupted(function);
        return again ? EINTR : 0;
      };
      const Status status = work->run(scene);
      const auto calls = scene.faults.calls;
      scene.faults.choose = nullptr;
      scene.faults.most = ~std::size_t{0};
      if (!status) fail(std::string(work->name) + ": " + std::string(status.message()));
      expect(calls.at("pread") > 10 && calls.at("pwrite") > 10, work->name);
      expect(!scene.told);
      work->check(scene);
      std::set<std::string> names = {"db", "first", "second"};
      if (!work->product.empty()) names.insert(work->product);
      expect(scene.names() == names, "something is left");
      scene.expect_whole(true);
    }
  }
});

struct Fault {
  int number;
  Code code;
  std::set<std::string_view> functions;  // empty: all
};

const Fault kFaults[] = {
    {ENOSPC,
     Code::no_space,
     {"pwrite", "pwritev", "copy_file_range", "fallocate", "ftruncate", "fdatasync", "fsync",
      "create", "rename", "renameat2", "link"}},
    {EMFILE, Code::too_many_open_files, {"open", "create"}},
    {EIO, Code::io, {}},
};

// One fault of one piece of work: its n-th call that it fits, and maybe all that follow.
class Trial {
 public:
  Trial(Scene& scene, const Work& work, const Fault& fault)
      : scene_(scene), work_(work), fault_(fault) {}

  const std::string& last() const noexcept { return last_; }  // function that failed
  // Whether there were as many calls.
  bool run(int nth, bool all, int& refused) {
    const Status status = run_faulty(nth, all);
    refused += status ? 0 : 1;
    if (!status) expect_fitting(status);
    expect(failed_ || status.ok(), std::string(status.message()));
    expect_nothing_left(status);
    finish_product(status);
    // A sync that fails is final, and so is a new file whose name may not last.
    const bool final = work_.product.empty() ? renamed_ && !status : synced_in_vain_;
    check_database(!final);
    not_removed_ = false;
    expect_ok(work_.run(scene_));
    expect(!scene_.told);
    expect_nothing_left({});
    finish_product({});
    check_database(true);
    return failed_;
  }

 private:
  Status run_faulty(int left, bool all) {
    scene_.faults.choose = [&, left](std::string_view function) mutable {
      const bool fits = fault_.functions.empty() || fault_.functions.contains(function);
      const bool now = fits && (all ? left <= 0 : left == 0);
      left -= fits ? 1 : 0;
      renamed_ = renamed_ || (function == "rename" && !now);
      if (!now) return 0;
      failed_ = true;
      last_ = function;
      synced_in_vain_ = synced_in_vain_ || function == "fdatasync";
      not_removed_ = not_removed_ || function == "unlink";
      return fault_.number;
    };
    Status status = work_.run(scene_);
    scene_.faults.choose = nullptr;
    return status;
  }

  void check_database(bool takes) {
    if (work_.of_open) return scene_.expect_whole(takes);
    expect(contents(*scene_.handle) == scene_.state, "another state");
  }

  void expect_fitting(const Status& status) const {
    if (synced_in_vain_ && status.code() == Code::io) return;
    expect_code(status, fault_.code);
    // What salvage can read once, but not twice, it tells without.
    if (&work_ != &kSalvage) expect_equal(status.os_error(), fault_.number);
  }

  void expect_nothing_left(const Status& status) {
    for (const std::string& name : scene_.names()) {
      const bool known =
          name == "db" || name == "first" || name == "second" || (status && name == work_.product);
      expect(known || not_removed_, name + " is left");
      if (!known && work_.product.empty()) expect_equal(name, std::string("db.compacting"));
      if (!known && !work_.product.empty()) fs::remove(scene_.path(name));
    }
  }

  void finish_product(const Status& status) {
    if (status && scene_.told) {
      expect(fault_.number == EIO, "salvage told of something else");
    } else if (status) {
      work_.check(scene_);
    }
    if (status && !work_.product.empty()) fs::remove(scene_.path(work_.product));
  }

  Scene& scene_;
  const Work& work_;
  const Fault& fault_;
  bool failed_ = false;
  std::string last_;
  bool synced_in_vain_ = false;
  bool renamed_ = false;
  bool not_removed_ = false;
};

// Each call in turn.
void sweep(const Original& original, const Work& work, const Fault& fault, bool all, int& refused) {
  std::optional<Scene> scene;
  for (int nth = 0;; ++nth) {
    if (!scene || work.of_open) scene.emplace(original);
    Trial trial(*scene, work, fault);
    try {
      if (!trial.run(nth, all, refused)) break;
    } catch (const Failure& failure) {
      fail(std::string(failure.what()) + "; errno " + std::to_string(fault.number) + " of " +
           trial.last() + ", call " + std::to_string(nth) + (all ? " and what follows" : ""));
    }
  }
  scene->expect_whole(true);
}

void try_all(const Work& work) {
  const Original original;
  int refused = 0;
  for (const Fault& fault : kFaults) {
    for (const bool all : {false, true}) sweep(original, work, fault, all, refused);
  }
  expect(refused > 100, std::to_string(refused));
}

const Test kCompactionFails("posix_upkeep_fault_test", "compacting", [] { try_all(kCompaction); });
const Test kBackupFails("posix_upkeep_fault_test", "backing up", [] { try_all(kBackup); });
const Test kIncrementFails("posix_upkeep_fault_test", "an increment", [] { try_all(kIncrement); });
const Test kRestoreFails("posix_upkeep_fault_test", "restoring", [] { try_all(kRestore); });
const Test kSalvageFails("posix_upkeep_fault_test", "salvaging", [] { try_all(kSalvage); });

}  // namespace
}  // namespace jvdb::test
#endif
