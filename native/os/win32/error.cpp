#include "os/win32/error.h"

#include <windows.h>

#include <array>

#include "base/text.h"
#include "os/win32/utf16.h"

namespace jvdb::os::win32 {
namespace {

// Names that MinGW's headers lack.
constexpr unsigned long kFileSystemLimitation = 665;
constexpr unsigned long kDiskQuotaExceeded = 1295;

struct Meaning {
  Code code;
  std::string_view advice;
};

Meaning meaning(unsigned long number) noexcept {
  switch (number) {
    case ERROR_DISK_FULL:
    case ERROR_HANDLE_DISK_FULL:
      return {Code::no_space, "; free some space and try again"};
    case kDiskQuotaExceeded:
      return {Code::no_space, "; the disk quota is used up"};
    case ERROR_FILE_TOO_LARGE:
    case kFileSystemLimitation:
      return {Code::no_space, "; the file system does not allow a larger file"};
    case ERROR_TOO_MANY_OPEN_FILES:
      return {Code::too_many_open_files, "; close some stores"};
    case ERROR_FILE_NOT_FOUND:
      return {Code::not_found, ""};
    case ERROR_PATH_NOT_FOUND:
    case ERROR_INVALID_DRIVE:
      return {Code::not_found, "; check that its directory exists"};
    case ERROR_FILE_EXISTS:
    case ERROR_ALREADY_EXISTS:
      return {Code::exists, ""};
    case ERROR_INVALID_NAME:
    case ERROR_BAD_PATHNAME:
    case ERROR_FILENAME_EXCED_RANGE:
    case ERROR_BUFFER_OVERFLOW:
    case ERROR_DIRECTORY:
    case ERROR_CANT_RESOLVE_FILENAME:
      return {Code::invalid_argument, "; check the path"};
    case ERROR_ACCESS_DENIED:
    case ERROR_WRITE_PROTECT:
      return {Code::io, "; check the permissions of the file and its directory"};
    case ERROR_SHARING_VIOLATION:
    case ERROR_LOCK_VIOLATION:
      return {Code::io, "; another program has the file to itself: close it there"};
    case ERROR_USER_MAPPED_FILE:
      return {Code::io, "; a process that has the file open must close it first"};
    default:
      return {Code::io, ""};
  }
}

std::string reason(unsigned long number) {
  std::array<wchar_t, 512> buffer;
  const DWORD length = ::FormatMessageW(
      FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS | FORMAT_MESSAGE_MAX_WIDTH_MASK,
      nullptr, number, 0, buffer.data(), static_cast<DWORD>(buffer.size()), nullptr);
  std::wstring_view message(buffer.data(), length);
  // The system's sentences end in a full stop and white space; advice may follow here.
  const std::size_t end = message.find_last_not_of(L" \r\n.");
  message = message.substr(0, end == message.npos ? 0 : end + 1);
  return message.empty() ? text("Windows error ", number) : to_utf8(message);
}

}  // namespace

Status error(unsigned long number, std::string_view action, const std::string& path) {
  const Meaning what = meaning(number);
  return {what.code, text("cannot ", action, " ", path, ": ", reason(number), what.advice),
          static_cast<int>(number)};
}

}  // namespace jvdb::os::win32
