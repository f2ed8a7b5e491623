// Errors of Windows as codes and messages.
#include <windows.h>

#include "check.h"
#include "os/win32/error.h"

namespace jvdb::test {
namespace {

struct Meaning {
  DWORD number;
  Code code;
};

constexpr Meaning kMeanings[] = {
    {ERROR_DISK_FULL, Code::no_space},
    {ERROR_HANDLE_DISK_FULL, Code::no_space},
    {1295, Code::no_space},  // ERROR_DISK_QUOTA_EXCEEDED, which MinGW lacks
    {ERROR_FILE_TOO_LARGE, Code::no_space},
    {ERROR_TOO_MANY_OPEN_FILES, Code::too_many_open_files},
    {ERROR_FILE_NOT_FOUND, Code::not_found},
    {ERROR_PATH_NOT_FOUND, Code::not_found},
    {ERROR_FILE_EXISTS, Code::exists},
    {ERROR_ALREADY_EXISTS, Code::exists},
    {ERROR_INVALID_NAME, Code::invalid_argument},
    {ERROR_FILENAME_EXCED_RANGE, Code::invalid_argument},
    {ERROR_ACCESS_DENIED, Code::io},
    {ERROR_SHARING_VIOLATION, Code::io},
    {ERROR_USER_MAPPED_FILE, Code::io},
    {ERROR_CRC, Code::io},
};

const Test kErrors("win32_error_test", "an error becomes its code, and its number is kept", [] {
  for (const auto& [number, code] : kMeanings) {
    const Status status = os::win32::error(number, "change", "a.jvdb");
    expect_code(status, code);
    expect_equal(status.os_error(), static_cast<int>(number));
    const std::string message(status.message());
    expect(message.starts_with("cannot change a.jvdb: "), message);
    expect(message.find_first_of("\r\n") == message.npos && message.back() != '.', message);
  }
});

const Test kReason("win32_error_test", "the system's own text says why", [] {
  const Status status = os::win32::error(ERROR_DISK_FULL, "write to", "a.jvdb");
  expect(status.message().find("Windows error") == std::string_view::npos);
});

const Test kUnknown("win32_error_test", "an error without a text has its number", [] {
  const Status status = os::win32::error(0x1FFFF, "open", "a.jvdb");
  expect_equal(std::string(status.message()), "cannot open a.jvdb: Windows error 131071");
});

}  // namespace
}  // namespace jvdb::test
