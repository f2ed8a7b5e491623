// Who holds the old file when a compaction replaces it: nobody minds, but for a system that does.
#include "check.h"
#include "engine/registry.h"
#include "passing_disk.h"
#include "store_fixture.h"
#include "temporary_directory.h"

namespace jvdb::test {
namespace {

using engine::Registry;
using engine::Store;

constexpr std::uint32_t kDimension = 20;

void put_twice(Store& store, Ids& ids) {
  for (std::uint64_t seed : {0, 1000}) {
    for (std::uint64_t id = 0; id < 200; ++id) {
      (void)take(store.append(Group(ids).put(id, vector_of(kDimension, seed + id))));
    }
  }
  expect_ok(store.flush());
}

const Test kHeld("posix_compaction_test", "snapshots and views begun before stay as they are", [] {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/db.jvdb";
  Ids ids(format::IdType::int64);
  Registry registry(os::disk());
  auto handle = take(registry.open(path, request_for(kDimension)));
  put_twice(*handle, ids);
  const auto snapshot = handle->snapshot();
  const auto view = take(handle->read().view(ids(2)));
  engine::Job job;
  expect(take(handle.compact(job)).compacted);
  (void)take(handle->append(Group(ids).put(2, vector_of(kDimension, 7)).remove(3)));
  std::uint64_t seen = 0;
  for (auto slot = snapshot->next(0); slot; slot = snapshot->next(*slot + 1), ++seen) {
    const auto entry =
        take(snapshot->entry(*slot, engine::Checker::vector | engine::Checker::heap));
    const std::uint64_t id = entry.id.number;
    expect(Vector(entry.vector, entry.vector + kDimension) == vector_of(kDimension, 1000 + id));
  }
  expect_equal(seen, 200U);
  const Vector old = vector_of(kDimension, 1002);
  expect(Vector(view.vector, view.vector + kDimension) == old);
});

#if defined(__linux__)
const Test kViews("posix_compaction_test", "a view keeps a file that is not replaced while mapped",
                  [] {
                    const TemporaryDirectory directory;
                    const std::string path = directory.path() + "/db.jvdb";
                    Ids ids(format::IdType::int64);
                    MindfulDisk disk;
                    Registry registry(disk);
                    auto handle = take(registry.open(path, request_for(kDimension)));
                    put_twice(*handle, ids);
                    auto view = take(handle->read().view(ids(2)));
                    expect(view.mapped != nullptr);
                    engine::Job job;
                    const auto refused = handle.compact(job);
                    expect_code(refused.status(), Code::conflict);
                    expect(refused.status().message().find("views") != std::string_view::npos);
                    expect_equal(view.vector[0], vector_of(kDimension, 1002)[0]);
                    expect_code(disk.stat(path + ".compacting").status(), Code::not_found);
                    expect_equal(take(handle->stats()).dead, 200U);
                    view = {};
                    expect(take(handle.compact(job)).compacted);
                    expect_equal(take(handle->stats()).dead, 0U);
                    (void)take(handle->append(Group(ids).remove(3)));
                    expect_ok(handle.close());
                    handle = take(registry.open(path, request_for(kDimension)));
                    expect_equal(handle->live(), 199U);
                  });
#endif

}  // namespace
}  // namespace jvdb::test
