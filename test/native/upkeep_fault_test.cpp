// Every allocation fails in turn while a database is verified, compacted, backed up, restored and
// salvaged: a failure that says so, and the database as it was.
#include "allocations.h"
#include "check.h"
#include "engine/backup.h"
#include "engine/registry.h"
#include "engine/salvage.h"
#include "store_fixture.h"

namespace jvdb::test {
namespace {

using engine::Job;
using engine::Registry;

constexpr char kPath[] = "db.jvdb";
constexpr std::uint32_t kDimension = 20;

class Upkeep {
 public:
  Upkeep() {
    engine::OpenRequest request = request_for(kDimension);
    request.id_type = format::IdType::string;
    request.initial_capacity = 8;
    handle_ = take(registry_.open(kPath, request));
    Group group(ids_);
    for (std::uint64_t id = 0; id < 40; ++id) group.put(id, vector_of(kDimension, id), "{}");
    (void)take(handle_->append(group));
    for (std::uint64_t id = 0; id < 10; ++id) {
      (void)take(
          handle_->append(Group(ids_).put(id, vector_of(kDimension, 100 + id)).remove(39 - id)));
    }
    expect_ok(handle_->flush());
    expected_ = contents(*handle_);
  }

  // False once the n-th allocation wasn't reached.
  bool run(const std::function<Status(Upkeep&)>& work, std::int64_t nth) {
    Allocations::here.left = nth;
    Allocations::here.fail = true;
    const Status status = work(*this);
    Allocations::here.fail = false;
    const bool reached = Allocations::here.left < 0;
    expect(reached || status.ok(), std::string(status.message()));
    expect(contents(*handle_) == expected_);
    const auto appended = handle_->append(Group(ids_).put(1000, vector_of(kDimension, 5)));
    // Where the new file has the name, but maybe not for good, nothing is taken.
    if (!status && !appended) expect_code(appended.status(), Code::io);
    if (appended) expected_["id-1000"] = {vector_of(kDimension, 5), ""};
    expect(contents(*handle_) == expected_);
    expect(&*take(registry_.open(kPath, request_for(kDimension))) == &*handle_, "another store");
    (void)handle_.close();
    handle_ = take(registry_.open(kPath, request_for(kDimension)));
    expect(contents(*handle_) == expected_);
    Job job;
    (void)take(handle_.compact(job));
    expect_equal(take(handle_->stats()).dead, 0U);
    expect(contents(*handle_) == expected_);
    return reached;
  }

  SimFileSystem& disk() noexcept { return disk_; }
  Registry::Handle& handle() noexcept { return handle_; }

 private:
  SimFileSystem disk_;
  Registry registry_{disk_};
  Registry::Handle handle_;
  Ids ids_{format::IdType::string};
  std::map<std::string, Stored> expected_;
};

void try_all(const std::function<Status(Upkeep&)>& work) {
  std::int64_t nth = 0;
  try {
    while (Upkeep().run(work, nth)) ++nth;
  } catch (const Failure& failure) {
    Allocations::here.fail = false;
    fail(std::string(failure.what()) + "; allocation " + std::to_string(nth));
  }
  expect(nth > 1, std::to_string(nth));
}

const Test kCompaction("upkeep_fault_test", "compacting", [] {
  try_all([](Upkeep& upkeep) {
    Job job;
    return upkeep.handle().compact(job).status();
  });
});

const Test kVerification("upkeep_fault_test", "verifying", [] {
  try_all([](Upkeep& upkeep) {
    Job job;
    return upkeep.handle()->verify(true, job).status();
  });
});

const Test kBackup("upkeep_fault_test", "backing up, restoring and salvaging", [] {
  const std::vector<std::string> names = {"copy", "restored", "saved"};
  const std::vector<std::string> from = {names[0]};
  try_all([&](Upkeep& upkeep) {
    Job job;
    Status status = upkeep.handle()->backup(upkeep.disk(), names[0], std::nullopt, job).status();
    if (status) status = engine::restore(upkeep.disk(), from, names[1], {}, job).status();
    if (status) status = engine::salvage(upkeep.disk(), names[0], names[2], job).status();
    return status;
  });
});

}  // namespace
}  // namespace jvdb::test
