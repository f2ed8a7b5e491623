// The file system of Windows. Threads: no state.
#include <windows.h>
#include <winioctl.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "base/text.h"
#include "os/file_system.h"
#include "os/random.h"
#include "os/win32/error.h"
#include "os/win32/file_info.h"
#include "os/win32/handle.h"
#include "os/win32/owner_only.h"
#include "os/win32/path.h"
#include "os/win32/utf16.h"
#include "os/win32/win32_file.h"

namespace jvdb::os {
namespace win32 {
namespace {

// Names that MinGW's headers lack.
constexpr auto kFileDispositionInfoEx = static_cast<FILE_INFO_BY_HANDLE_CLASS>(21);
constexpr auto kFileRenameInfoEx = static_cast<FILE_INFO_BY_HANDLE_CLASS>(22);

// Whoever has a file open, others may open, rename and remove it, as on POSIX.
constexpr DWORD kShareAll = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;

// The flag lets directories be opened, so that they can be told from files one may not use.
Handle open_existing(const std::wstring& name, DWORD access, DWORD flags = 0) noexcept {
  return Handle(::CreateFileW(name.c_str(), access, kShareAll, nullptr, OPEN_EXISTING,
                              FILE_FLAG_BACKUP_SEMANTICS | flags, nullptr));
}

// For what is done to a name: to a link itself, not to what it leads to.
Handle open_name(const std::wstring& name) noexcept {
  return open_existing(name, DELETE | SYNCHRONIZE, FILE_FLAG_OPEN_REPARSE_POINT);
}

Status check_regular(HANDLE file, const std::string& path) {
  const auto refused = [&](std::string_view what) -> Status {
    return {Code::invalid_argument, text("cannot open ", path, ": it is ", what)};
  };
  if (::GetFileType(file) != FILE_TYPE_DISK) {
    return refused("a pipe, socket or device; give the path of a file");
  }
  FILE_STANDARD_INFO found{};
  if (::GetFileInformationByHandleEx(file, FileStandardInfo, &found, sizeof found) == 0) {
    return error(::GetLastError(), "examine", path);
  }
  return found.Directory != 0 ? refused("a directory; give the path of a file") : Status();
}

// Of the points where a path is parsed anew, those that stand for another name: links and
// junctions, not files that a cloud keeps. Looked at before the file is opened: whoever may put a
// link here in between may write the file itself.
Status check_no_link(const std::wstring& name, const std::string& path) {
  const Handle itself = open_existing(name, FILE_READ_ATTRIBUTES, FILE_FLAG_OPEN_REPARSE_POINT);
  if (!itself) return error(::GetLastError(), "open", path);
  FILE_ATTRIBUTE_TAG_INFO found{};
  const BOOL known =
      ::GetFileInformationByHandleEx(itself.get(), FileAttributeTagInfo, &found, sizeof found);
  if (known == 0 || (found.FileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) == 0 ||
      !IsReparseTagNameSurrogate(found.ReparseTag)) {
    return {};
  }
  return {Code::invalid_argument,
          text("cannot open ", path,
               ": it is a symbolic link, and those are not followed here; put the file itself in "
               "its place")};
}

Status check_file_system(HANDLE file, const std::wstring& name, const std::string& path) {
  if (!is_remote(file, name)) return {};
  const char* insists = std::getenv("JVDB_ALLOW_UNSUPPORTED_FS");
  if (insists != nullptr && std::strcmp(insists, "1") == 0) return {};
  return {Code::unsupported_fs,
          text(path,
               " is on a network drive, where locks, mappings and syncs do not keep what a store "
               "relies on; put it on a local disk, or set JVDB_ALLOW_UNSUPPORTED_FS=1 to take the "
               "risk")};
}

// Whether the system or the file system lacks a call of Windows 10: the older one does it then.
bool unknown(DWORD number) noexcept {
  return number == ERROR_INVALID_PARAMETER || number == ERROR_INVALID_FUNCTION ||
         number == ERROR_NOT_SUPPORTED || number == ERROR_CALL_NOT_IMPLEMENTED;
}

// Whether a file may be in use that was to be replaced. It is writable, and so is its directory: to
// be denied access means little else.
bool in_use(DWORD number) noexcept {
  return number == ERROR_ACCESS_DENIED || number == ERROR_SHARING_VIOLATION ||
         number == ERROR_USER_MAPPED_FILE;
}

// 0, or the error's number.
DWORD rename(HANDLE file, const std::wstring& to, bool replaces) {
  std::vector<std::byte> buffer(sizeof(FILE_RENAME_INFO) + to.size() * sizeof(wchar_t));
  auto* info = new (buffer.data()) FILE_RENAME_INFO{};
  info->Flags = FILE_RENAME_FLAG_POSIX_SEMANTICS;
  if (replaces) info->Flags |= FILE_RENAME_FLAG_REPLACE_IF_EXISTS;
  info->FileNameLength = static_cast<DWORD>(to.size() * sizeof(wchar_t));
  std::memcpy(info->FileName, to.data(), info->FileNameLength);
  const BOOL done = ::SetFileInformationByHandle(file, kFileRenameInfoEx, buffer.data(),
                                                 static_cast<DWORD>(buffer.size()));
  return done != 0 ? ERROR_SUCCESS : ::GetLastError();
}

// Without POSIX semantics a removed file keeps its name while it is open: it goes under another
// one. Returns 0, or the error's number.
DWORD remove_renamed(const std::wstring& name) {
  const std::wstring other = name + L".tmp-" + std::to_wstring(random_u64());
  const bool renamed = ::MoveFileExW(name.c_str(), other.c_str(), 0) != 0;
  if (::DeleteFileW((renamed ? other : name).c_str()) != 0) return ERROR_SUCCESS;
  const DWORD number = ::GetLastError();
  if (renamed) ::MoveFileExW(other.c_str(), name.c_str(), 0);
  return number;
}

class Win32FileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, Access access, Links links) override {
    auto name = system_path(path);
    if (!name) return name.status();
    if (links == Links::refuse) {
      if (Status status = check_no_link(*name, path); !status) return status;
    }
    const bool writes = access == Access::read_write;
    Handle handle = open_existing(*name, GENERIC_READ | (writes ? GENERIC_WRITE : 0));
    if (!handle) return error(::GetLastError(), "open", path);
    if (Status status = check_regular(handle.get(), path); !status) return status;
    return finish(std::move(handle), *name, path, writes);
  }

  Result<std::unique_ptr<File>> create(const std::string& path) override {
    auto name = system_path(path);
    if (!name) return name.status();
    const auto owner_only = OwnerOnly::make(path);
    if (!owner_only) return owner_only.status();
    SECURITY_ATTRIBUTES attributes = owner_only->attributes();
    Handle handle(::CreateFileW(name->c_str(), GENERIC_READ | GENERIC_WRITE, kShareAll, &attributes,
                                CREATE_NEW, FILE_ATTRIBUTE_NORMAL, nullptr));
    if (!handle) return error(::GetLastError(), "create", path);
    // In a compressed directory it would be born compressed, and reserve nothing as it grows.
    USHORT format = COMPRESSION_FORMAT_NONE;
    DWORD ignored = 0;
    ::DeviceIoControl(handle.get(), FSCTL_SET_COMPRESSION, &format, sizeof format, nullptr, 0,
                      &ignored, nullptr);
    auto file = finish(std::move(handle), *name, path, true);
    if (!file) ::DeleteFileW(name->c_str());
    return file;
  }

  Result<FileInfo> stat(const std::string& path) override {
    auto name = system_path(path);
    if (!name) return name.status();
    const Handle handle = open_existing(*name, FILE_READ_ATTRIBUTES);
    if (!handle) return error(::GetLastError(), "examine", path);
    return info_of(handle.get(), path);
  }

  Status rename_new(const std::string& from, const std::string& to) override {
    return rename_to(from, to, false);
  }

  Status replace(const std::string& from, const std::string& to) override {
    return rename_to(from, to, true);
  }

  Result<std::string> resolve(const std::string& path) override {
    auto name = system_path(path);
    if (!name) return name.status();
    const Handle handle = open_existing(*name, FILE_READ_ATTRIBUTES);
    std::wstring found;
    for (DWORD needed = handle ? MAX_PATH : 0; needed > found.size();) {
      found.resize(needed);
      needed = ::GetFinalPathNameByHandleW(handle.get(), found.data(), needed, 0);
      if (needed < found.size()) found.resize(needed);
    }
    if (!found.empty()) return to_utf8(found);
    const DWORD number = ::GetLastError();
    // Wine 8, and none else, can't say it of more than 260 characters. It has no links either.
    if (handle && number == ERROR_MORE_DATA) return path;
    return error(number, "find", path);
  }

  // With POSIX semantics the name is free at once, not when the last handle is closed.
  Status remove(const std::string& path) override {
    auto name = system_path(path);
    if (!name) return name.status();
    {
      const Handle handle = open_name(*name);
      if (!handle) return error(::GetLastError(), "remove", path);
      FILE_DISPOSITION_INFO_EX info{FILE_DISPOSITION_FLAG_DELETE |
                                    FILE_DISPOSITION_FLAG_POSIX_SEMANTICS};
      if (::SetFileInformationByHandle(handle.get(), kFileDispositionInfoEx, &info, sizeof info) !=
          0) {
        return {};
      }
      const DWORD number = ::GetLastError();
      if (!unknown(number)) return error(number, "remove", path);
    }
    const DWORD number = remove_renamed(*name);
    return number == ERROR_SUCCESS ? Status() : error(number, "remove", path);
  }

  // NTFS keeps names in its journal: flushing writes that to the disk, up to the rename. Opened
  // with the right to add files, which whoever created one has; a flush wants a right to write.
  Status sync_directory(const std::string& path) override {
    auto name = system_path(path);
    if (!name) return name.status();
    const Handle directory = open_existing(parent_of(*name), FILE_ADD_FILE | SYNCHRONIZE);
    if (directory && ::FlushFileBuffers(directory.get()) != 0) return {};
    // A file system that can't flush a directory writes the same journal for the file itself.
    const Handle file = open_existing(*name, GENERIC_WRITE);
    if (file && ::FlushFileBuffers(file.get()) != 0) return {};
    if (!file && ::GetLastError() == ERROR_FILE_NOT_FOUND) return {};  // it was removed
    return error(::GetLastError(), "sync the directory of", path);
  }

 private:
  static Status rename_to(const std::string& from, const std::string& to, bool replaces) {
    auto old_name = system_path(from);
    auto new_name = system_path(to);
    if (!old_name || !new_name) return (old_name ? new_name : old_name).status();
    const Handle handle = open_name(*old_name);
    if (!handle) return error(::GetLastError(), "rename", from);
    DWORD number = rename(handle.get(), *new_name, replaces);
    if (unknown(number)) {
      const DWORD flags = MOVEFILE_WRITE_THROUGH | (replaces ? MOVEFILE_REPLACE_EXISTING : 0);
      const BOOL done = ::MoveFileExW(old_name->c_str(), new_name->c_str(), flags);
      number = done != 0 ? ERROR_SUCCESS : ::GetLastError();
    }
    if (number == ERROR_SUCCESS) return {};
    Status failed = error(number, replaces ? "replace" : "create", to);
    if (!replaces || !in_use(number)) return failed;
    return {Code::conflict,
            text("cannot replace ", to, " while it is open (Windows error ", number,
                 "): close it in other processes, and where it was opened with readOnly: true, "
                 "then try again"),
            failed.os_error()};
  }

  static Result<std::unique_ptr<File>> finish(Handle handle, const std::wstring& name,
                                              const std::string& path, bool writes) {
    if (Status status = check_file_system(handle.get(), name, path); !status) return status;
    Handle sync_handle(writes ? ::ReOpenFile(handle.get(), GENERIC_WRITE, kShareAll, 0) : nullptr);
    if (writes && !sync_handle) return error(::GetLastError(), "open", path);
    auto info = info_of(handle.get(), path);
    if (!info) return info.status();
    return std::unique_ptr<File>(
        std::make_unique<Win32File>(std::move(handle), std::move(sync_handle), info->id, path));
  }
};

}  // namespace
}  // namespace win32

FileSystem& disk() noexcept {
  static win32::Win32FileSystem instance;
  return instance;
}

}  // namespace jvdb::os
