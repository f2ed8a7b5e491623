#include "os/win32/file_info.h"

#include <bit>
#include <cstring>

#include "os/win32/error.h"

namespace jvdb::os::win32 {
namespace {

// A 64-bit number of a 128-bit id. NTFS uses the lower half alone, which stays as it is; ReFS both,
// the upper one for the directory: the product spreads it over all bits.
std::uint64_t folded(const FILE_ID_128& id) noexcept {
  std::uint64_t low;
  std::uint64_t high;
  static_assert(sizeof id == sizeof low + sizeof high);
  std::memcpy(&low, id.Identifier, sizeof low);
  std::memcpy(&high, id.Identifier + sizeof low, sizeof high);
  return low ^ std::rotl(high * 0x9E3779B97F4A7C15U, 32);
}

// Serial numbers of volumes have 64 bits in one call and 32 in the other: a file system answers
// always the first, or never.
Result<FileId> id_of(HANDLE file, const std::string& path) {
  FILE_ID_INFO wide{};
  if (::GetFileInformationByHandleEx(file, FileIdInfo, &wide, sizeof wide) != 0) {
    return FileId{wide.VolumeSerialNumber, folded(wide.FileId)};
  }
  BY_HANDLE_FILE_INFORMATION narrow{};
  if (::GetFileInformationByHandle(file, &narrow) == 0) {
    return error(::GetLastError(), "identify", path);
  }
  return FileId{narrow.dwVolumeSerialNumber,
                std::uint64_t{narrow.nFileIndexHigh} << 32 | narrow.nFileIndexLow};
}

}  // namespace

Result<FileInfo> info_of(HANDLE file, const std::string& path) {
  auto id = id_of(file, path);
  if (!id) return id.status();
  FILE_STANDARD_INFO found{};
  if (::GetFileInformationByHandleEx(file, FileStandardInfo, &found, sizeof found) == 0) {
    return error(::GetLastError(), "read the size of", path);
  }
  return FileInfo{*id, static_cast<std::uint64_t>(found.EndOfFile.QuadPart),
                  static_cast<std::uint64_t>(found.AllocationSize.QuadPart), found.NumberOfLinks};
}

bool is_remote(HANDLE file, const std::wstring& system_path) {
  // The handle knows where a link led; the drive knows redirectors that can't be asked for theirs.
  FILE_REMOTE_PROTOCOL_INFO protocol{};
  if (::GetFileInformationByHandleEx(file, FileRemoteProtocolInfo, &protocol, sizeof protocol) !=
      0) {
    return true;
  }
  std::wstring volume(system_path.size() + 2, L'\0');
  const BOOL found =
      ::GetVolumePathNameW(system_path.c_str(), volume.data(), static_cast<DWORD>(volume.size()));
  return found != 0 && ::GetDriveTypeW(volume.c_str()) == DRIVE_REMOTE;
}

}  // namespace jvdb::os::win32
