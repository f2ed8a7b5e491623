// The engine on the machine's own disk: creating, sharing, and the failures a path can bring.
#include <filesystem>
#include <fstream>
#include <thread>

#include "check.h"
#include "engine/registry.h"
#include "store_fixture.h"
#include "temporary_directory.h"

namespace jvdb::test {
namespace {

using engine::OpenRequest;
using engine::Registry;

const Test kShared("disk_test", "handles to one file share its engine, under any of its names", [] {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/db.jvdb";
  Registry registry(os::disk());
  auto first = take(registry.open(path, request_for(4)));
  std::filesystem::create_hard_link(path, directory.path() + "/hard.jvdb");
  Ids ids(format::IdType::int64);
  (void)take(first->append(Group(ids).put(1, vector_of(4, 1))));
  for (const char* name : {"/./db.jvdb", "/hard.jvdb"}) {
    auto other = take(registry.open(directory.path() + name, request_for(4)));
    expect(&*other == &*first);
    expect(get(*other, {1, {}}).has_value());
  }
  expect_ok(first.close());
  auto again = take(registry.open(path, request_for(4)));
  expect_equal(again->live(), 1U);
  expect(take(again->stats()).recovery.clean);
});

const Test kAccess("disk_test", "however it is to be accessed, it holds the same", [] {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/db.jvdb";
  Registry registry(os::disk());
  Ids ids(format::IdType::int64);
  std::map<std::string, Stored> expected;
  for (const os::Advice access : {os::Advice::normal, os::Advice::random, os::Advice::sequential}) {
    auto request = request_for(100);
    request.initial_capacity = 4;
    request.access = access;
    auto handle = take(registry.open(path, request));
    expect(contents(*handle) == expected);
    const std::uint64_t first = 100 * static_cast<std::uint64_t>(access);
    for (std::uint64_t id = first; id < first + 100; ++id) {
      (void)take(handle->append(Group(ids).put(id, vector_of(100, id), "{}")));
      expected[std::to_string(id)] = {vector_of(100, id), "{}"};
    }
    expect(contents(*handle) == expected);
    expect_ok(handle.close());
  }
});

const Test kContradictions("disk_test", "options that contradict the file are refused", [] {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/db.jvdb";
  Registry registry(os::disk());
  for (const bool stays_open : {true, false}) {
    auto handle = take(registry.open(path, request_for(4)));
    if (!stays_open) expect_ok(handle.close());
    expect_code(registry.open(path, request_for(5)).status(), Code::dimension_mismatch);
    OpenRequest request = request_for(4);
    request.metric = format::Metric::dot;
    expect_code(registry.open(path, request).status(), Code::invalid_argument);
    request = request_for(4);
    request.id_type = format::IdType::string;
    expect_code(registry.open(path, request).status(), Code::invalid_argument);
    request = request_for(4);
    request.has_codes = false;
    expect_code(registry.open(path, request).status(), Code::invalid_argument);
    request = request_for(4);
    request.allow_non_finite = true;
    expect_code(registry.open(path, request).status(), Code::invalid_argument);
    request = request_for(4);
    request.metric = format::Metric::cosine;
    (void)take(registry.open(path, request));
  }
});

const Test kTogether("disk_test", "threads that create one file at once all get it", [] {
  for (int round = 0; round < 50; ++round) {
    const TemporaryDirectory directory;
    const std::string path = directory.path() + "/db.jvdb";
    Registry registry(os::disk());
    std::array<Status, 4> outcomes;
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      threads.emplace_back([&, i] {
        for (int turn = 0; turn < 5 && outcomes[i]; ++turn) {
          auto handle = registry.open(path, request_for(4));
          outcomes[i] = handle.status();
          if (handle) outcomes[i] = handle->close();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (const Status& outcome : outcomes) expect_ok(outcome);
    std::size_t names = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory.path()))
      ++names;
    expect_equal(names, 1U);
  }
});

const Test kPaths("disk_test", "paths that lead to no database", [] {
  const TemporaryDirectory directory;
  Registry registry(os::disk());
  const auto code = [&](const std::string& name, bool create = true) {
    OpenRequest request = request_for(4);
    request.create = create;
    return registry.open(directory.path() + name, request).status();
  };
  expect_code(code(""), Code::invalid_argument);
  expect_code(code("/no/such/directory.jvdb"), Code::not_found);
  expect_code(code("/absent.jvdb", false), Code::not_found);
  std::ofstream(directory.path() + "/text") << std::string(100000, 'x');
  expect_code(code("/text"), Code::corrupt);
  expect_equal(std::filesystem::file_size(directory.path() + "/text"), 100000U);
});

const Test kCut("disk_test", "a file cut short anywhere is an error, or what is whole", [] {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/db.jvdb";
  Ids ids(format::IdType::string);
  const auto store = create(os::disk(), path, schema_of(16, format::IdType::string), 4);
  for (std::uint64_t i = 0; i < 30; ++i)
    (void)take(store->append(Group(ids).put(i, vector_of(16, i))));
  expect_ok(store->flush());
  const auto size = std::filesystem::file_size(path);
  const std::string copy = directory.path() + "/copy.jvdb";
  for (std::uintmax_t cut = 0; cut < size; cut += cut < 70000 ? 511 : 4093) {
    std::filesystem::remove(copy);  // MinGW's copy_file() never overwrites
    std::filesystem::copy_file(path, copy);
    std::filesystem::resize_file(copy, cut);
    expect_code(try_open(os::disk(), copy).status(), Code::corrupt);
  }
});

}  // namespace
}  // namespace jvdb::test
