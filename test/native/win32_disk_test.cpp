// What Windows adds to a disk: paths, names that are none, locks, shared handles, sizes.
#include <windows.h>
#include <winioctl.h>

#include <sddl.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "check.h"
#include "engine/registry.h"
#include "os/win32/handle.h"
#include "os/win32/path.h"
#include "os/win32/utf16.h"
#include "store_fixture.h"
#include "temporary_directory.h"

namespace jvdb::test {
namespace {

using engine::OpenRequest;
using engine::Registry;
using os::win32::Handle;

using Bytes = std::vector<std::byte>;

std::wstring wide(const std::string& path) {
  return take(os::win32::system_path(path));
}

Bytes bytes_of(std::size_t size) {
  Bytes out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::byte>(i * 31 + i / 251);
  return out;
}

Bytes read_all(const os::File& file) {
  Bytes out(take(file.info()).size);
  expect_ok(file.read(0, out.data(), out.size()));
  return out;
}

struct DiskFile {
  DiskFile() : path(directory.path() + "\\file"), file(take(os::disk().create(path))) {}

  const TemporaryDirectory directory;
  const std::string path;
  std::unique_ptr<os::File> file;
};

// A store there can be created, written to, and opened again.
void use(const std::string& path) {
  Registry registry(os::disk());
  Ids ids(format::IdType::int64);
  {
    auto handle = take(registry.open(path, request_for(4)));
    (void)take(handle->append(Group(ids).put(1, vector_of(4, 1))));
    expect_ok(handle.close());
  }
  OpenRequest request = request_for(4);
  request.create = false;
  auto handle = take(registry.open(path, request));
  expect(get(*handle, {1, {}}) == Stored{vector_of(4, 1), ""});
}

const Test kNames("win32_disk_test", "names in any script, and either slash", [] {
  const TemporaryDirectory directory;
  for (const char* name : {"\\дб-向量-é.jvdb", "/with space.jvdb", "\\🗄.jvdb", "\\NULL.jvdb"}) {
    use(directory.path() + name);
  }
});

const Test kLong("win32_disk_test", "a path of more than 260 characters", [] {
  const TemporaryDirectory directory;
  std::string path = directory.path();
  for (int level = 0; level < 3; ++level) {
    path.append("\\").append(120, static_cast<char>('a' + level));
    expect(::CreateDirectoryW(wide(path).c_str(), nullptr) != 0, "no directory " + path);
  }
  use(path + "\\дб.jvdb");
  // Relative ones are as long once they are absolute.
  use(path + "\\..\\" + std::string(120, 'c') + "\\b.jvdb");
  use("\\\\?\\" + path + "\\c.jvdb");
  for (const char* name : {"\\дб.jvdb", "\\b.jvdb", "\\c.jvdb"}) {
    expect_ok(os::disk().remove(path + name));
  }
  for (int level = 0; level < 3; ++level) {
    expect(::RemoveDirectoryW(wide(path).c_str()) != 0);
    path.resize(path.rfind('\\'));
  }
});

const Test kForms("win32_disk_test", "every path has one form", [] {
  expect(wide("C:\\a\\.\\b/../c.jvdb") == L"\\\\?\\C:\\a\\c.jvdb");
  expect(wide("\\\\server\\share\\a.jvdb") == L"\\\\?\\UNC\\server\\share\\a.jvdb");
  expect(wide("\\\\?\\C:\\a.jvdb") == L"\\\\?\\C:\\a.jvdb");
  expect(wide("a.jvdb").ends_with(L"\\a.jvdb") && wide("a.jvdb").starts_with(L"\\\\?\\"));
  expect(os::win32::parent_of(L"\\\\?\\C:\\a.jvdb") == L"\\\\?\\C:\\");
});

const Test kRefused("win32_disk_test", "devices, streams and directories are no database", [] {
  const TemporaryDirectory directory;
  Registry registry(os::disk());
  for (const char* name :
       {"NUL", "nul", "CON", "C:\\nul.jvdb", "COM1", "lpt9.txt", "aux ", "\\\\.\\PhysicalDrive0",
        "\\\\.\\pipe\\jvdb", "\\\\?\\C:\\Windows\\NUL", "\xFF\xFE.jvdb"}) {
    expect_code(registry.open(name, request_for(4)).status(), Code::invalid_argument);
  }
  const std::string path = directory.path() + "\\a.jvdb";
  use(path);
  expect_code(registry.open(path + ":b", request_for(4)).status(), Code::invalid_argument);
  expect_code(registry.open(directory.path(), request_for(4)).status(), Code::invalid_argument);
  expect_code(registry.open("", request_for(4)).status(), Code::not_found);
});

const Test kLink("win32_disk_test", "a symbolic link shares the engine of its file", [] {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "\\db.jvdb";
  const std::string link = directory.path() + "\\link.jvdb";
  Registry registry(os::disk());
  auto first = take(registry.open(path, request_for(4)));
  if (::CreateSymbolicLinkW(wide(link).c_str(), wide(path).c_str(),
                            SYMBOLIC_LINK_FLAG_ALLOW_UNPRIVILEGED_CREATE) == 0) {
    expect_equal(::GetLastError(), DWORD{ERROR_PRIVILEGE_NOT_HELD});
    return;
  }
  if (!os::disk().stat(link)) return;  // Wine 8 says that it made one, and makes none
  auto other = take(registry.open(link, request_for(4)));
  expect(&*other == &*first);
  expect_ok(os::disk().remove(link));
  (void)take(os::disk().stat(path));
});

const Test kLock("win32_disk_test", "a second lock is refused until the first is given back", [] {
  DiskFile disk;
  auto second = take(os::disk().open(disk.path, os::Access::read_write));
  expect(take(disk.file->try_lock()));
  expect(!take(second->try_lock()));
  // The lock stands in nobody's way.
  const Bytes bytes = bytes_of(100);
  expect_ok(second->write(0, bytes.data(), bytes.size()));
  expect(read_all(*take(os::disk().open(disk.path, os::Access::read_only))) == bytes);
  disk.file = nullptr;
  expect(take(second->try_lock()));
});

// Another process that runs the test kHolder: it opens a store and holds it.
class Holder {
 public:
  explicit Holder(const std::string& path) {
    expect(::SetEnvironmentVariableW(L"JVDB_TEST_HOLD", wide(path).c_str()) != 0);
    SECURITY_ATTRIBUTES inherited{sizeof inherited, nullptr, TRUE};
    const Handle held(::CreateEventW(&inherited, TRUE, FALSE, event_name(path).c_str()));
    std::wstring program(MAX_PATH, L'\0');
    ::GetModuleFileNameW(nullptr, program.data(), MAX_PATH);
    program = L"\"" + std::wstring(program.c_str()) + L"\" win32_disk_test \"holds a store\"";
    STARTUPINFOW startup{};
    startup.cb = sizeof startup;
    expect(::CreateProcessW(nullptr, program.data(), nullptr, nullptr, FALSE, 0, nullptr, nullptr,
                            &startup, &process_) != 0);
    ::SetEnvironmentVariableW(L"JVDB_TEST_HOLD", nullptr);
    const HANDLE either[] = {held.get(), process_.hProcess};
    expect(::WaitForMultipleObjects(2, either, FALSE, 60000) == WAIT_OBJECT_0);
  }
  ~Holder() {
    end();
    ::CloseHandle(process_.hThread);
    ::CloseHandle(process_.hProcess);
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;

  void end() {
    ::TerminateProcess(process_.hProcess, 1);
    ::WaitForSingleObject(process_.hProcess, 60000);
  }
  static std::wstring event_name(const std::string& path) {
    return L"jvdb-" + std::filesystem::path(path).parent_path().filename().wstring();
  }

 private:
  PROCESS_INFORMATION process_{};
};

const Test kHolder("win32_disk_test", "holds a store for the test of another process", [] {
  const wchar_t* told = ::_wgetenv(L"JVDB_TEST_HOLD");
  if (told == nullptr) return;
  const std::string path = os::win32::to_utf8(told);
  Registry registry(os::disk());
  auto handle = take(registry.open(path, request_for(4)));
  Ids ids(format::IdType::int64);
  (void)take(handle->append(Group(ids).put(7, vector_of(4, 7))));
  const Handle held(::OpenEventW(EVENT_MODIFY_STATE, FALSE, Holder::event_name(path).c_str()));
  expect(::SetEvent(held.get()) != 0);
  ::Sleep(INFINITE);
});

const Test kOtherProcess("win32_disk_test", "another process's store is locked until it ends", [] {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "\\дб.jvdb";
  Registry registry(os::disk());
  {
    Holder holder(path);
    expect_code(registry.open(path, request_for(4)).status(), Code::locked);
    OpenRequest reader = request_for(4);
    reader.read_only = true;
    expect_equal(take(registry.open(path, reader))->live(), 1U);
    holder.end();
  }
  auto handle = take(registry.open(path, request_for(4)));
  expect(get(*handle, {7, {}}) == Stored{vector_of(4, 7), ""});
  expect(!take(handle->stats()).recovery.clean);
});

const Test kRename("win32_disk_test", "a rename never replaces, and may be of an open file", [] {
  const DiskFile disk;
  const Bytes bytes = bytes_of(5000);
  expect_ok(disk.file->write(0, bytes.data(), bytes.size()));
  const std::string other = disk.directory.path() + "\\other";
  (void)take(os::disk().create(other));
  expect_code(os::disk().create(other).status(), Code::exists);
  expect_code(os::disk().rename_new(disk.path, other), Code::exists);
  expect_equal(take(os::disk().stat(other)).size, 0U);
  expect_code(os::disk().rename_new(disk.path + "-none", other + "-none"), Code::not_found);
  const std::string free = disk.directory.path() + "\\свободно";
  expect_ok(os::disk().rename_new(disk.path, free));
  expect_ok(os::disk().sync_directory(free));
  // Not their devices: Wine 8 forgets that of a handle whose file was renamed.
  expect_equal(take(os::disk().stat(free)).id.inode, take(disk.file->info()).id.inode);
  expect_code(os::disk().stat(disk.path).status(), Code::not_found);
  expect(read_all(*disk.file) == bytes);
});

const Test kRemove("win32_disk_test", "an open file can be removed, and its name is free", [] {
  DiskFile disk;
  const Bytes bytes = bytes_of(5000);
  expect_ok(disk.file->write(0, bytes.data(), bytes.size()));
  expect_ok(os::disk().remove(disk.path));
  expect_code(os::disk().stat(disk.path).status(), Code::not_found);
  expect(read_all(*disk.file) == bytes);
  expect_equal(read_all(*take(os::disk().create(disk.path))).size(), 0U);
  expect_ok(os::disk().remove(disk.path));
  disk.file = nullptr;
  expect_code(os::disk().stat(disk.path).status(), Code::not_found);
  expect_code(os::disk().remove(disk.path), Code::not_found);
});

const Test kSlices("win32_disk_test", "slices of every size come one after the other", [] {
  for (const std::size_t size : {1U, 3U, 4096U, 16384U, 16385U, 65535U, 65536U, 200000U}) {
    const DiskFile disk;
    const Bytes bytes = bytes_of(5 * size + 7);
    std::vector<os::Slice> slices;
    for (std::size_t i = 0; i < 5; ++i) {
      slices.push_back({bytes.data() + i * size, size});
      slices.push_back({bytes.data(), 0});
    }
    slices.push_back({bytes.data() + 5 * size, 7});
    expect_ok(disk.file->write(10, slices));
    const Bytes found = read_all(*disk.file);
    expect_equal(found.size(), 10 + bytes.size());
    expect(std::equal(bytes.begin(), bytes.end(), found.begin() + 10));
  }
  const DiskFile disk;
  expect_ok(disk.file->write(10, std::span<const os::Slice>()));
  expect_equal(take(disk.file->info()).size, 0U);
});

const Test kSpace("win32_disk_test", "a reservation is there, and a read behind the end is not",
                  [] {
                    const DiskFile disk;
                    expect_ok(disk.file->reserve(100000, 3000000));
                    const os::FileInfo info = take(disk.file->info());
                    expect_equal(info.size, 3100000U);
                    expect(info.allocated >= 3000000, std::to_string(info.allocated));
                    expect_ok(disk.file->resize(1000));
                    Bytes bytes(1001);
                    expect_ok(disk.file->read(0, bytes.data(), 1000));
                    expect_code(disk.file->read(0, bytes.data(), 1001), Code::corrupt);
                    expect_code(disk.file->read(5000, bytes.data(), 1), Code::corrupt);
                  });

const Test kMappings(
    "win32_disk_test", "a shared mapping sees writes, one's own keeps its own", [] {
      DiskFile disk;
      const Bytes bytes = bytes_of(200000);
      expect_ok(disk.file->write(0, bytes.data(), bytes.size()));
      const auto shared = take(disk.file->map(65536, 100000));
      const auto own = take(disk.file->map(65536, 100000, os::Sharing::copy_on_write));
      expect(std::equal(shared->data(), shared->data() + 100000, bytes.begin() + 65536));
      const std::byte changed{0xEE};
      const_cast<std::byte*>(own->data())[5] = changed;
      expect(shared->data()[5] == bytes[65536 + 5] && read_all(*disk.file) == bytes);
      expect_ok(disk.file->write(65536 + 70000, &changed, 1));
      expect(shared->data()[70000] == changed);
      expect_ok(disk.file->sync());
      disk.file = nullptr;
      expect(shared->data()[70000] == changed && own->data()[5] == changed);
    });

const Test kLarge("win32_disk_test", "offsets above 4 GiB", [] {
  const DiskFile disk;
  {
    // Or NTFS would write five gigabytes of zeros.
    const Handle handle(::CreateFileW(wide(disk.path).c_str(), GENERIC_WRITE,
                                      FILE_SHARE_READ | FILE_SHARE_WRITE, nullptr, OPEN_EXISTING, 0,
                                      nullptr));
    DWORD ignored = 0;
    expect(::DeviceIoControl(handle.get(), FSCTL_SET_SPARSE, nullptr, 0, nullptr, 0, &ignored,
                             nullptr) != 0);
  }
  const std::uint64_t high = (std::uint64_t{5} << 30) + 12345;
  const Bytes bytes = bytes_of(1000);
  expect_ok(disk.file->write(high, bytes.data(), bytes.size()));
  expect_equal(take(disk.file->info()).size, high + 1000);
  Bytes found(1000);
  expect_ok(disk.file->read(high, found.data(), found.size()));
  expect(found == bytes);
  const auto mapping = take(disk.file->map(std::uint64_t{5} << 30, 13345));
  expect(std::equal(bytes.begin(), bytes.end(), mapping->data() + 12345));
  expect_code(disk.file->read(1000 + high, found.data(), 1), Code::corrupt);
});

const Test kPrivate("win32_disk_test", "a new file is its owner's, and the system's", [] {
  const DiskFile disk;
  alignas(8) std::array<std::byte, 1024> descriptor;
  DWORD size = 0;
  expect(::GetFileSecurityW(wide(disk.path).c_str(), DACL_SECURITY_INFORMATION, descriptor.data(),
                            descriptor.size(), &size) != 0);
  wchar_t* text = nullptr;
  expect(::ConvertSecurityDescriptorToStringSecurityDescriptorW(
             descriptor.data(), SDDL_REVISION_1, DACL_SECURITY_INFORMATION, &text, nullptr) != 0);
  const std::string rules = os::win32::to_utf8(text);
  ::LocalFree(text);
  expect(rules.find(";FA;;;SY)") != rules.npos || rules.find("(A;;FA;;;S-1-") != rules.npos, rules);
  for (const char* everybody : {";WD)", ";AU)", ";BU)", ";AN)"}) {
    expect(rules.find(everybody) == rules.npos, rules);
  }
});

}  // namespace
}  // namespace jvdb::test
