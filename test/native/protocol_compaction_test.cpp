// Each part of rule 13 is needed: a history that goes wrong without it, and does not with it.
#include <chrono>
#include <future>

#include "passing_disk.h"
#include "protocol_fixture.h"
#include "temporary_directory.h"

namespace jvdb::test::protocol {
namespace {

using engine::Registry;

const std::map<std::uint64_t, std::uint64_t> kBoth = {{1, 2}, {2, 2}};

// One entry that lives and one that doesn't.
void begin(Disk& disk, Store& store) {
  disk.put(store, 1, 1);
  disk.put(store, 1, 2);
  expect_ok(store.flush());
}

void compact(Disk& disk, Store& store) {
  expect(take(test::compact(disk.files, store)).compacted);
}

// What runs on another thread, for as long as it isn't waiting for this one.
template <typename Call>
auto beside(Call&& call) {
  auto result = std::async(std::launch::async, std::forward<Call>(call));
  (void)result.wait_for(std::chrono::milliseconds(200));
  return result;
}

const Test kSync("protocol_compaction_test", "rule 13: the new file is synced before it is named",
                 [] {
                   expect_rule(&Protocol::sync_before_rename, [](Disk& disk) {
                     {
                       const auto store = disk.open();
                       begin(disk, *store);
                       compact(disk, *store);
                     }
                     disk.power_cut([](std::uint64_t, std::size_t) { return 0; });
                     return opens_with(disk, {{1, 2}});
                   });
                 });

const Test kDirectory("protocol_compaction_test",
                      "rule 13: the new name is durable before writes go on", [] {
                        expect_rule(&Protocol::directory_sync_in_compaction, [](Disk& disk) {
                          {
                            const auto store = disk.open();
                            begin(disk, *store);
                            expect_ok(disk.files.sync_directory(kPath));
                            compact(disk, *store);
                            disk.put(*store, 2, 2);
                            expect_ok(store->flush());
                          }
                          disk.power_cut(
                              {.name = [](const std::string&, std::size_t) { return 0; }});
                          return opens_with(disk, kBoth);
                        });
                      });

// With real files: here two threads are at work.
const Test kAlone("protocol_compaction_test",
                  "rule 13: nothing is appended between the last part and the name", [] {
                    expect_rule(&Protocol::catch_up_alone, [](Disk& disk) {
                      const TemporaryDirectory directory;
                      const std::string path = directory.path() + "/db.jvdb";
                      const auto store =
                          create(os::disk(), path, kSchema, 16, {false, {}, disk.protocol});
                      begin(disk, *store);
                      std::future<void> put;
                      engine::Job job;
                      const auto renaming = [&](const os::FileId&,
                                                const std::function<Status()>& rename) {
                        put = beside([&] { disk.put(*store, 2, 2); });
                        return rename();
                      };
                      (void)take(store->compact(os::disk(), renaming, job));
                      put.get();
                      return holds(*store, kBoth);
                    });
                  });

engine::OpenRequest request(const Disk& disk) {
  engine::OpenRequest out;
  out.protocol = disk.protocol;
  return out;
}

const Test kLock("protocol_compaction_test", "rule 13: the new file is locked before it is named",
                 [] {
                   expect_rule(&Protocol::lock_before_rename, [](Disk& disk) {
                     Registry registry(disk.files);
                     const auto handle = take(registry.open(kPath, request(disk)));
                     begin(disk, *handle);
                     engine::Job job;
                     (void)take(handle.compact(job));
                     Registry other(disk.files);  // another process
                     return other.open(kPath, request(disk)).status().code() == Code::locked;
                   });
                 });

// What happens right after a file took another's name.
class Renaming final : public PassingDisk {
 public:
  Status replace(const std::string& from, const std::string& to) override {
    Status status = os::disk().replace(from, to);
    if (status) after();
    return status;
  }

  std::function<void()> after;
};

const Test kEnter("protocol_compaction_test", "rule 13: the new file is entered before it is named",
                  [] {
                    expect_rule(&Protocol::enter_before_rename, [](Disk& disk) {
                      const TemporaryDirectory directory;
                      const std::string path = directory.path() + "/db.jvdb";
                      Renaming files;
                      Registry registry(files);
                      engine::OpenRequest create = request(disk);
                      create.dimension = kDimension;
                      const auto handle = take(registry.open(path, create));
                      begin(disk, *handle);
                      std::future<Result<Registry::Handle>> opened;
                      files.after = [&] {
                        opened = beside([&] { return registry.open(path, request(disk)); });
                      };
                      engine::Job job;
                      (void)take(handle.compact(job));
                      const auto shared = opened.get();
                      return shared && &**shared == &*handle;
                    });
                  });

}  // namespace
}  // namespace jvdb::test::protocol
