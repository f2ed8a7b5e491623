#include "os/win32/path.h"

#include <windows.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/text.h"
#include "os/win32/error.h"
#include "os/win32/utf16.h"

namespace jvdb::os::win32 {
namespace {

constexpr std::wstring_view kVerbatim = L"\\\\?\\";
constexpr std::wstring_view kDevice = L"\\\\.\\";
constexpr std::wstring_view kShare = L"\\\\";

Status refused(const std::string& path, std::string_view why) {
  return {Code::invalid_argument, text("cannot use the path ", path, ": ", why)};
}

// Also with an ending, and whatever this version of Windows makes of it: a file that one version
// creates must open with every other.
bool names_device(std::wstring_view system_path) {
  std::wstring name(system_path.substr(system_path.rfind(L'\\') + 1));
  name.resize(std::min(name.size(), name.find(L'.')));
  name.resize(name.find_last_not_of(L' ') + 1);
  std::transform(name.begin(), name.end(), name.begin(), [](wchar_t letter) {
    return letter >= L'a' && letter <= L'z' ? static_cast<wchar_t>(letter - L'a' + L'A') : letter;
  });
  constexpr std::array<std::wstring_view, 6> devices = {L"CON", L"PRN",    L"AUX",
                                                        L"NUL", L"CONIN$", L"CONOUT$"};
  if (std::find(devices.begin(), devices.end(), name) != devices.end()) return true;
  if (name.size() != 4 || !(name.starts_with(L"COM") || name.starts_with(L"LPT"))) return false;
  constexpr std::wstring_view digits = L"0123456789\u00B9\u00B2\u00B3";
  return digits.find(name[3]) != digits.npos;
}

Result<std::wstring> absolute(const std::wstring& wide, const std::string& path) {
  std::wstring full;
  for (DWORD needed = MAX_PATH; needed > full.size();) {
    full.resize(needed);
    needed = ::GetFullPathNameW(wide.c_str(), needed, full.data(), nullptr);
    if (needed == 0) return error(::GetLastError(), "use the path", path);
    if (needed < full.size()) {
      full.resize(needed);
      break;
    }
  }
  return full;
}

}  // namespace

Result<std::wstring> system_path(const std::string& path) {
  if (path.empty()) return error(ERROR_PATH_NOT_FOUND, "use the path", path);
  const auto wide = to_utf16(path);
  if (!wide) return refused(path, "it is not UTF-8");
  if (wide->find(L'\0') != wide->npos) return refused(path, "it has a NUL character");
  std::wstring out = *wide;
  if (!wide->starts_with(kVerbatim)) {
    auto full = absolute(*wide, path);
    if (!full) return full.status();
    if (full->starts_with(kDevice)) return refused(path, "it names a device, not a file");
    const bool on_share = full->starts_with(kShare);
    out = on_share ? std::wstring(kVerbatim) + L"UNC\\" + full->substr(kShare.size())
                   : std::wstring(kVerbatim) + *full;
  }
  // The system would find the file all the same.
  if (out.ends_with(L'\\')) return refused(path, "it ends in a slash; give the path of a file");
  if (names_device(out)) return refused(path, "it names a device, not a file");
  const std::size_t after_drive = kVerbatim.size() + 2;
  if (out.find(L':', after_drive) != out.npos) {
    return refused(path, "a colon after the drive names a part of a file; leave it out");
  }
  return out;
}

std::wstring parent_of(const std::wstring& system_path) {
  // With its backslash: the root of a drive is none without.
  return system_path.substr(0, system_path.rfind(L'\\') + 1);
}

}  // namespace jvdb::os::win32
