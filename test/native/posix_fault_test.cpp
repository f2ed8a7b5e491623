// Files of the operating system when its calls are interrupted, do only a part, or fail.
#include <cerrno>

#include "check.h"
#include "os/posix/error.h"
#include "store_fixture.h"

#if defined(__linux__)
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>

#include "libc_faults.h"
#include "temporary_directory.h"
#endif

namespace jvdb::test {
namespace {

struct Meaning {
  int number;
  Code code;
};

constexpr Meaning kMeanings[] = {
    {EIO, Code::io},   {ENOSPC, Code::no_space}, {EDQUOT, Code::no_space}, {EFBIG, Code::no_space},
    {EBADF, Code::io}, {EACCES, Code::io},       {EPERM, Code::io},        {EROFS, Code::io},
};

const Test kErrors("posix_fault_test", "an errno becomes its code, and is kept", [] {
  const auto check = [](int number, Code code) {
    const Status status = os::posix::error(number, "change", "a.jvdb");
    expect_code(status, code);
    expect_equal(status.os_error(), number);
    expect(status.message().starts_with("cannot change a.jvdb: "));
  };
  for (const auto& [number, code] : kMeanings) check(number, code);
  for (const int number : {EMFILE, ENFILE}) check(number, Code::too_many_open_files);
  for (const int number : {EISDIR, ENOTDIR, ENAMETOOLONG, ELOOP})
    check(number, Code::invalid_argument);
  check(ENOENT, Code::not_found);
  check(EEXIST, Code::exists);
});

}  // namespace

#if defined(__linux__)

namespace {

using Bytes = std::vector<std::byte>;

Bytes bytes_of(std::size_t size) {
  Bytes out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::byte>(i * 7 + i / 251 + 1);
  return out;
}

// A new file on the disk, whose bytes are read past the code under test.
class DiskFile {
 public:
  Bytes bytes() const {
    Bytes out(std::filesystem::file_size(path_));
    std::ifstream(path_, std::ios::binary)
        .read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(out.size()));
    return out;
  }

 private:
  TemporaryDirectory directory_;
  std::string path_ = directory_.path() + "/file";

 public:
  const std::unique_ptr<os::File> file = take(os::disk().create(path_));
};

// One call of each function that a file uses.
struct Operation {
  const char* function;
  std::function<Status(os::File&)> run;
};

const std::vector<Operation>& operations() {
  static const std::vector<Operation> all = {
      {"pread",
       [](os::File& file) {
         Bytes bytes(100);
         Status status = file.read(0, bytes.data(), bytes.size());
         if (status) expect(bytes == bytes_of(100));
         return status;
       }},
      {"pwrite", [](os::File& file) { return file.write(0, bytes_of(100).data(), 100); }},
      {"pwritev",
       [](os::File& file) {
         const Bytes bytes = bytes_of(100);
         const os::Slice slices[] = {{bytes.data(), 10}, {bytes.data() + 10, 90}};
         return file.write(0, slices);
       }},
      {"ftruncate", [](os::File& file) { return file.resize(5000); }},
      {"fallocate", [](os::File& file) { return file.reserve(4096, 8192); }},
      {"fdatasync", [](os::File& file) { return file.sync(); }},
      {"flock", [](os::File& file) { return file.try_lock().status(); }},
  };
  return all;
}

const Test kInterrupted("posix_fault_test", "a call that a signal interrupts is made again", [] {
  for (const Operation& operation : operations()) {
    for (const std::size_t times : {0, 1, 1000}) {
      const DiskFile disk;
      expect_ok(disk.file->write(0, bytes_of(100).data(), 100));
      Faults faults;
      faults.errors.assign(times, EINTR);
      expect_ok(operation.run(*disk.file));
      expect(faults.errors.empty());
      expect_equal(faults.calls[operation.function], static_cast<int>(times) + 1);
      expect_equal(faults.calls.size(), 1U);
    }
  }
});

const Test kTyped("posix_fault_test", "a call that fails is not made again, and says why", [] {
  for (const Operation& operation : operations()) {
    for (const auto& [number, code] : kMeanings) {
      const DiskFile disk;
      expect_ok(disk.file->write(0, bytes_of(100).data(), 100));
      Faults faults;
      faults.errors = {number};
      const Status status = operation.run(*disk.file);
      expect_code(status, code);
      expect_equal(status.os_error(), number);
      expect(status.message().find(disk.file->path()) != std::string::npos);
      expect_equal(faults.calls[operation.function], 1);
      expect_equal(faults.calls.size(), 1U);  // a failed reservation writes no zeros
      expect_equal(take(disk.file->info()).size, 100U);
    }
  }
});

const Test kHeld("posix_fault_test", "a lock that another holds is no failure", [] {
  const DiskFile disk;
  const auto other = take(os::disk().open(disk.file->path(), os::Access::read_write));
  expect(take(other->try_lock()));
  expect(!take(disk.file->try_lock()));
});

const Test kShortReads("posix_fault_test", "a read goes on where the one before it stopped", [] {
  const DiskFile disk;
  const Bytes bytes = bytes_of(5000);
  expect_ok(disk.file->write(0, bytes.data(), bytes.size()));
  for (const std::size_t most : {std::size_t{1}, std::size_t{7}, std::size_t{4999}}) {
    Bytes found(5000);
    Faults faults;
    faults.most = most;
    expect_ok(disk.file->read(0, found.data(), found.size()));
    expect(found == bytes);
    expect_ok(disk.file->read(100, found.data(), 50));
    expect(std::equal(found.begin(), found.begin() + 50, bytes.begin() + 100));
    // The end inside the range: what is there may be read, but it is not enough.
    expect_code(disk.file->read(4900, found.data(), 101), Code::corrupt);
  }
});

const Test kShortWrites("posix_fault_test", "a write goes on inside and between slices", [] {
  const Bytes bytes = bytes_of(300);
  const std::size_t sizes[] = {0, 5, 100, 0, 0, 3, 1, 150, 41, 0};
  std::vector<os::Slice> slices;
  std::size_t begin = 0;
  for (const std::size_t size : sizes) {
    slices.push_back({bytes.data() + begin, size});
    begin += size;
  }
  expect_equal(begin, bytes.size());
  for (std::size_t most = 1; most <= bytes.size(); ++most) {
    const DiskFile disk;
    {
      Faults faults;
      faults.most = most;
      expect_ok(disk.file->write(0, slices));
    }
    expect(disk.bytes() == bytes, std::to_string(most) + " bytes a call");
  }
});

const Test kNothingWritten("posix_fault_test", "a write that does nothing fails, and ends", [] {
  const DiskFile disk;
  Faults faults;
  faults.most = 0;
  const Status status = disk.file->write(0, bytes_of(10).data(), 10);
  expect_code(status, Code::io);
  expect_equal(status.os_error(), EIO);
  expect_ok(disk.file->write(0, std::span<const os::Slice>()));
});

const Test kManySlices("posix_fault_test", "more slices than the system takes in one call", [] {
  constexpr std::size_t limit = 1024;  // IOV_MAX
  const Bytes bytes = bytes_of(3 * (2 * limit + 1));
  for (const std::size_t count : {limit - 1, limit, limit + 1, 2 * limit, 2 * limit + 1}) {
    const DiskFile disk;
    std::vector<os::Slice> slices;
    for (std::size_t i = 0; i < count; ++i) slices.push_back({bytes.data() + 3 * i, 3});
    std::size_t most_slices = 0;
    {
      Faults faults;
      expect_ok(disk.file->write(10, slices));
      most_slices = faults.most_slices;
    }
    expect(most_slices <= limit, "one call with " + std::to_string(most_slices) + " slices");
    const Bytes found = disk.bytes();
    expect_equal(found.size(), 10 + 3 * count);
    expect(std::equal(found.begin() + 10, found.end(), bytes.begin()));
  }
});

const Test kZeros("posix_fault_test", "where blocks can't be reserved, zeros are written", [] {
  // Below, at and above the size of the pieces.
  for (const std::uint64_t size :
       {std::uint64_t{1}, std::uint64_t{1} << 20, std::uint64_t{2500000}}) {
    const DiskFile disk;
    const Bytes before = bytes_of(1000);
    expect_ok(disk.file->write(0, before.data(), before.size()));
    {
      Faults faults;
      faults.only = "fallocate";
      faults.errors = {EOPNOTSUPP};
      expect_ok(disk.file->reserve(900, size));
    }
    Bytes expected(900 + std::max<std::uint64_t>(size, 100));
    std::copy(before.begin(), before.end(), expected.begin());
    std::fill_n(expected.begin() + 900, size, std::byte{0});
    expect(disk.bytes() == expected);
    expect(take(disk.file->info()).allocated >= size);
  }
});

const Test kZerosFail("posix_fault_test", "a disk that fills up under the zeros is full", [] {
  const DiskFile disk;
  Faults faults;
  faults.errors = {EOPNOTSUPP, ENOSPC};
  expect_code(disk.file->reserve(0, 100000), Code::no_space);
  expect_equal(faults.calls["pwrite"], 1);
});

const Test kRename("posix_fault_test", "where renaming can't be exclusive, a link is", [] {
  const TemporaryDirectory directory;
  const std::string from = directory.path() + "/from";
  const std::string to = directory.path() + "/to";
  const auto there = [](const std::string& path) { return os::disk().stat(path).ok(); };
  for (const int reason : {EINVAL, ENOSYS, ENOTSUP}) {
    std::string fails;
    const auto rename = [&] {
      Faults faults;
      faults.choose = [&, once = true](std::string_view function) mutable {
        if (function == "renameat2") return reason;
        return function == fails && std::exchange(once, false) ? EIO : 0;
      };
      return os::disk().rename_new(from, to);
    };
    expect_ok(os::disk().create(from).status());
    for (const char* function : {"link", "unlink"}) {
      fails = function;
      expect_code(rename(), Code::io);
      expect(there(from) && !there(to));
    }
    fails.clear();
    expect_ok(rename());
    expect(there(to) && !there(from));
    expect_ok(os::disk().create(from).status());
    expect_code(rename(), Code::exists);
    expect(there(to) && there(from));
    for (const std::string& path : {from, to}) expect_ok(os::disk().remove(path));
  }
});

// The whole engine above such a disk.
const Test kStore("posix_fault_test", "a store over short and interrupted calls", [] {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/db.jvdb";
  Ids ids(format::IdType::string);
  std::map<std::string, Stored> before;
  {
    const auto store = create(os::disk(), path, schema_of(16, format::IdType::string), 4);
    Faults faults;
    faults.most = 37;
    for (std::uint64_t i = 0; i < 40; ++i) {
      faults.errors.assign(3, EINTR);
      (void)take(store->append(
          Group(ids).put(2 * i, vector_of(16, i), R"({"a":1})").put(2 * i + 1, vector_of(16, i))));
    }
    before = contents(*store);
    expect_equal(before.size(), 80U);
    expect_ok(store->close());
  }
  Faults faults;
  faults.most = 37;
  expect(contents(*open(os::disk(), path)) == before);
});

const Test kFailedSync("posix_fault_test", "rule 12: a failed sync is final and keeps errno", [] {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/db.jvdb";
  Ids ids(format::IdType::int64);
  const auto store = create(os::disk(), path, schema_of(4));
  (void)take(store->append(Group(ids).put(1, vector_of(4, 1))));
  Faults faults;
  faults.only = "fdatasync";
  faults.errors = {EDQUOT};
  expect_code(store->flush(), Code::io);
  for (int again = 0; again < 2; ++again) {
    const Status status = store->flush();
    expect_code(status, Code::io);
    expect_equal(status.os_error(), EDQUOT);
    expect_code(store->append(Group(ids).put(2, vector_of(4, 2))).status(), Code::io);
  }
  expect_equal(faults.calls["fdatasync"], 1);
  expect_equal(contents(*store).size(), 1U);
});

}  // namespace
#endif
}  // namespace jvdb::test
