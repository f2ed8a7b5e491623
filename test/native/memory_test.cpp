// Files in anonymous memory.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <functional>
#include <random>
#include <thread>

#include "allocations.h"
#include "at_once.h"
#include "base/guarded.h"
#include "check.h"
#include "os/memory/memory_file_system.h"

namespace jvdb::test {
namespace {

using os::Access;
using os::Sharing;
using os::memory::MemoryFileSystem;

using Bytes = std::vector<std::byte>;

Bytes bytes_of(std::size_t size, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Bytes out(size);
  for (std::byte& byte : out) byte = static_cast<std::byte>(random() % 255 + 1);
  return out;
}

Bytes read(const os::File& file, std::uint64_t offset, std::size_t size) {
  Bytes out(size);
  expect_ok(file.read(offset, out.data(), size));
  return out;
}

void write(os::File& file, std::uint64_t offset, const Bytes& bytes) {
  expect_ok(file.write(offset, bytes.data(), bytes.size()));
}

std::uint64_t size_of(const os::File& file) {
  return take(file.info()).size;
}

bool is_aligned(const void* address) {
  return reinterpret_cast<std::uintptr_t>(address) % 64 == 0;
}

const Test kNames("memory_test", "names lead to files until they are removed", [] {
  MemoryFileSystem files;
  for (const Access access : {Access::read_only, Access::read_write}) {
    expect_code(files.open("a", access, os::Links::refuse).status(), Code::not_found);
  }
  expect_code(files.stat("a").status(), Code::not_found);
  expect_code(files.remove("a"), Code::not_found);
  expect_code(files.rename_new("a", "b"), Code::not_found);
  expect_code(files.replace("a", "b"), Code::not_found);

  const auto a = take(files.create("a"));
  expect_equal(a->path(), "a");
  expect_code(files.create("a").status(), Code::exists);
  write(*a, 0, bytes_of(10, 1));
  const auto again = take(files.open("a", Access::read_write, os::Links::follow));
  expect(take(again->info()).id == take(a->info()).id);
  expect(read(*again, 0, 10) == bytes_of(10, 1));
  expect_equal(take(files.stat("a")).size, 10U);

  const auto b = take(files.create("b"));
  expect(take(files.stat("b")).id != take(files.stat("a")).id);
  expect_code(files.rename_new("a", "b"), Code::exists);
  expect_code(files.rename_new("a", "a"), Code::exists);
  expect(take(files.stat("a")).id == take(a->info()).id);
  expect(take(files.stat("b")).id == take(b->info()).id);
  expect_ok(files.rename_new("a", "c"));
  expect_code(files.stat("a").status(), Code::not_found);
  expect(take(files.stat("c")).id == take(a->info()).id);

  expect_ok(files.remove("c"));
  expect_code(files.stat("c").status(), Code::not_found);
  expect(read(*a, 0, 10) == bytes_of(10, 1));
  const auto c = take(files.create("c"));
  expect(take(c->info()).id != take(a->info()).id);
  expect_equal(size_of(*c), 0U);
});

const Test kNothing("memory_test", "locks exclude nobody, and syncs have nothing to do", [] {
  MemoryFileSystem files;
  const auto file = take(files.create("a"));
  const auto other = take(files.open("a", Access::read_write, os::Links::follow));
  expect(take(file->try_lock()));
  expect(take(other->try_lock()));
  write(*file, 0, bytes_of(9000, 1));
  expect_ok(file->sync());
  expect_ok(files.sync_directory("a"));
  file->start_writeback(0, 9000);
  file->punch(0, 9000);
  expect(read(*file, 0, 9000) == bytes_of(9000, 1));
  expect_equal(take(file->info()).allocated, 9000U);
});

const Test kEnd("memory_test", "reading past a file's end says that it is cut short", [] {
  MemoryFileSystem files;
  const auto file = take(files.create("a"));
  Bytes to(200);
  expect_code(file->read(0, to.data(), 1), Code::corrupt);
  expect_ok(file->resize(100));
  expect_ok(file->resize(150));
  expect_ok(file->read(0, to.data(), 150));
  expect_ok(file->read(150, to.data(), 0));
  for (const std::uint64_t offset : {0U, 99U, 100U, 149U, 150U, 151U, 1000000U}) {
    expect_code(file->read(offset, to.data(), 151), Code::corrupt);
  }
  expect_ok(file->resize(120));
  expect_code(file->read(119, to.data(), 2), Code::corrupt);
});

const Test kPieces("memory_test", "a write goes on from piece to piece and past the end", [] {
  MemoryFileSystem files;
  const auto file = take(files.create("a"));
  for (const std::uint64_t size : {100U, 101U, 4000U, 70000U}) expect_ok(file->resize(size));
  const Bytes first = bytes_of(98, 1);
  const Bytes second = bytes_of(80000, 2);
  const os::Slice slices[] = {{first.data(), 98}, {nullptr, 0}, {second.data(), 80000}};
  expect_ok(file->write(5, slices));
  expect_equal(size_of(*file), 80103U);
  expect(read(*file, 0, 5) == Bytes(5));
  expect(read(*file, 5, 98) == first);
  expect(read(*file, 103, 80000) == second);
  // Behind the end: what lies between is zeros.
  write(*file, 100000, first);
  expect(read(*file, 80103, 19897) == Bytes(19897));
  expect(read(*file, 100000, 98) == first);
});

const Test kZeros("memory_test", "what was cut off reads as zeros when the file grows again", [] {
  for (const std::uint64_t cut : {0U, 1U, 99U, 100U, 101U, 150U, 199U, 200U}) {
    MemoryFileSystem files;
    const auto file = take(files.create("a"));
    expect_ok(file->resize(100));
    write(*file, 0, bytes_of(200, 1));
    expect_ok(file->resize(cut));
    expect_equal(size_of(*file), cut);
    expect_ok(file->reserve(10, 240));
    Bytes expected = bytes_of(200, 1);
    expected.resize(cut);
    expected.resize(250);
    expect(read(*file, 0, 250) == expected);
    expect_ok(file->reserve(0, 250));
    expect_ok(file->reserve(20, 30));
    expect(read(*file, 0, 250) == expected);
    expect_equal(size_of(*file), 250U);
  }
});

const Test kModel("memory_test", "a file is the bytes that were written to it", [] {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    std::mt19937_64 random(seed);
    MemoryFileSystem files;
    const auto file = take(files.create("a"));
    Bytes model;
    for (int step = 0; step < 300; ++step) {
      const std::uint64_t at = random() % 3000;
      const std::uint64_t count = random() % 1000;
      switch (random() % 4) {
        case 0:
          expect_ok(file->resize(at));
          model.resize(at);
          break;
        case 1:
          expect_ok(file->reserve(at, count));
          model.resize(std::max(model.size(), at + count));
          break;
        default: {
          const Bytes bytes = bytes_of(count + 1, random());
          write(*file, at, bytes);
          model.resize(std::max(model.size(), at + bytes.size()));
          std::copy(bytes.begin(), bytes.end(), model.begin() + static_cast<std::ptrdiff_t>(at));
        }
      }
      expect_equal(size_of(*file), model.size());
      expect(read(*file, 0, model.size()) == model, "seed " + std::to_string(seed));
    }
  }
});

// Each allocation in turn; under sanitizers not those of the bytes themselves.
const Test kExhausted("memory_test", "where memory runs out, a file stays as it is", [] {
  MemoryFileSystem files;
  const auto file = take(files.create("a"));
  write(*file, 0, bytes_of(100, 1));
  const Bytes more = bytes_of(1000, 2);
  const auto fails = [&](std::int64_t nth, const std::function<Status()>& call) {
    Allocations::here = {true, nth};
    const Status status = call();
    Allocations::here.fail = false;
    return !status;
  };
  const auto grow = [&](const std::function<Status()>& call) {
    std::int64_t nth = 0;
    for (; fails(nth, call); ++nth) expect(read(*file, 0, size_of(*file)) == bytes_of(100, 1));
    expect(nth > 0);
  };
  grow([&] { return file->reserve(0, 500); });
  Bytes expected = bytes_of(100, 1);
  expected.resize(500);
  expect(read(*file, 0, size_of(*file)) == expected);
  expect_ok(file->resize(100));
  grow([&] { return file->write(50, more.data(), more.size()); });
  expect(read(*file, 50, 1000) == more);
});

const Test kUnnamed("memory_test", "where memory runs out, names stay as they are", [] {
  const std::string a(100, 'a');  // too long to be kept without an allocation
  const std::string b(100, 'b');
  MemoryFileSystem files;
  const auto fails = [&](std::int64_t nth, const std::function<Status()>& call) {
    Allocations::here = {true, nth};
    const Status status = guarded(call);
    Allocations::here.fail = false;
    return !status;
  };
  std::int64_t nth = 0;
  for (; fails(nth, [&] { return files.create(a).status(); }); ++nth) {
    if (!files.stat(a)) continue;
    expect_ok(files.remove(a));  // made, and its File was not
  }
  expect(nth > 2);
  for (nth = 0; fails(nth, [&] { return files.rename_new(a, b); }); ++nth) {
    expect_ok(files.stat(a).status());
  }
  expect(nth > 0);
  expect_ok(files.stat(b).status());
});

const Test kTogether("memory_test", "threads that write behind the end keep each other's", [] {
  MemoryFileSystem files;
  const auto file = take(files.create("a"));
  const Bytes bytes = bytes_of(8, 1);
  constexpr std::uint64_t rounds = 100000;
  std::atomic<std::uint64_t> arrived{0};
  const auto write_each = [&](std::uint64_t own) {
    for (std::uint64_t round = 0; round < rounds; ++round) {
      ++arrived;
      while (arrived < 2 * (round + 1)) std::this_thread::yield();
      write(*file, (2 * round + own) * 8, bytes);
    }
  };
  at_once({[&] { write_each(0); }, [&] { write_each(1); }});
  expect_equal(size_of(*file), rounds * 16);
  for (std::uint64_t at = 0; at < rounds * 16; at += 8) expect(read(*file, at, 8) == bytes);
});

const Test kMapping("memory_test", "a mapping shows what is written, and outlives the file", [] {
  std::unique_ptr<os::Mapping> first;
  std::unique_ptr<os::Mapping> second;
  const auto shows = [](const os::Mapping& mapping, const Bytes& bytes) {
    return mapping.size() == bytes.size() &&
           std::memcmp(mapping.data(), bytes.data(), bytes.size()) == 0;
  };
  {
    MemoryFileSystem files;
    const auto file = take(files.create("a"));
    expect_ok(file->resize(65536));
    first = take(file->map(0, 65536));
    expect(is_aligned(first->data()));
    expect(shows(*first, Bytes(65536)));
    first->advise(0, 65536, os::Advice::random);
    write(*file, 0, bytes_of(65536, 1));
    expect(shows(*first, bytes_of(65536, 1)));
    // It stays where it is as the file grows.
    for (std::uint64_t size = 131072; size < 10000000; size += size) expect_ok(file->resize(size));
    second = take(file->map(65536, 65536));
    expect(is_aligned(second->data()));
    write(*file, 0, bytes_of(131072, 2));
    Bytes both = bytes_of(131072, 2);
    expect(shows(*second, Bytes(both.begin() + 65536, both.end())));
    both.resize(65536);
    expect(shows(*first, both));
    expect_ok(file->resize(65536));
    expect_ok(files.remove("a"));
    write(*file, 0, bytes_of(65536, 3));
  }
  expect(shows(*first, bytes_of(65536, 3)));
  for (std::size_t i = 0; i < second->size(); ++i) expect(second->data()[i] != std::byte{0});
});

const Test kRefused("memory_test", "a mapping lies in one piece, and is never copied on write", [] {
  MemoryFileSystem files;
  const auto file = take(files.create("a"));
  expect_ok(file->resize(131072));
  expect_ok(file->resize(262144));
  for (const Sharing sharing : {Sharing::shared, Sharing::copy_on_write}) {
    const Code whole = sharing == Sharing::shared ? Code::ok : Code::io;
    expect_code(file->map(0, 131072, sharing).status(), whole);
    expect_code(file->map(65536, 65536, sharing).status(), whole);
    expect_code(file->map(131072, 131072, sharing).status(), whole);
    expect_code(file->map(0, 131073, sharing).status(), Code::io);
    expect_code(file->map(65536, 131072, sharing).status(), Code::io);
    expect_code(file->map(196608, 65537, sharing).status(), Code::io);
    expect_code(file->map(262144, 1, sharing).status(), Code::io);
  }
});

const Test kAtOnce("memory_test", "threads that create one name at once: one gets it", [] {
  for (int round = 0; round < 50; ++round) {
    MemoryFileSystem files;
    std::atomic<int> created{0};
    const auto create = [&] {
      auto file = files.create("a");
      if (!file) expect_code(file.status(), Code::exists);
      created += file ? 1 : 0;
      const auto open = take(files.open("a", Access::read_write, os::Links::follow));
      for (int turn = 0; turn < 50 && !file; ++turn) {
        expect_code(files.stat("z").status(), Code::not_found);
        expect_code(files.open("z", Access::read_only, os::Links::follow).status(),
                    Code::not_found);
        expect_code(files.remove("z"), Code::not_found);
        expect(size_of(*open) <= 1000);
      }
      for (int turn = 0; turn < 50 && file; ++turn) {
        expect_ok(files.create("b").status());
        expect_ok(files.rename_new("b", "c"));
        expect_ok(files.remove("c"));
        if (turn == 25) write(**file, 0, bytes_of(1000, 1));
      }
    };
    at_once({create, create, create, create});
    expect_equal(created.load(), 1);
  }
});

}  // namespace
}  // namespace jvdb::test
