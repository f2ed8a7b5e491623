#include "os/win32/owner_only.h"

#include <sddl.h>

#include <array>
#include <string>

#include "os/win32/error.h"
#include "os/win32/handle.h"

namespace jvdb::os::win32 {
namespace {

// "S-1-5-21-…" of the user this process runs as.
Result<std::wstring> user_id(const std::string& path) {
  const auto failed = [&] { return error(::GetLastError(), "find the owner of", path); };
  HANDLE opened = nullptr;
  if (::OpenProcessToken(::GetCurrentProcess(), TOKEN_QUERY, &opened) == 0) return failed();
  const Handle token(opened);
  alignas(TOKEN_USER) std::array<std::byte, sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE> buffer;
  auto size = static_cast<DWORD>(buffer.size());
  if (::GetTokenInformation(token.get(), TokenUser, buffer.data(), size, &size) == 0) {
    return failed();
  }
  wchar_t* text = nullptr;
  const auto* user = reinterpret_cast<const TOKEN_USER*>(buffer.data());
  if (::ConvertSidToStringSidW(user->User.Sid, &text) == 0) return failed();
  const std::unique_ptr<wchar_t, FreeLocal> owner(text);
  return std::wstring(text);
}

}  // namespace

Result<OwnerOnly> OwnerOnly::make(const std::string& path) {
  const auto user = user_id(path);
  if (!user) return user.status();
  // Full access (FA) for the user, the system (SY) and administrators (BA); nothing inherited (P).
  const std::wstring rules = L"D:P(A;;FA;;;" + *user + L")(A;;FA;;;SY)(A;;FA;;;BA)";
  void* descriptor = nullptr;
  if (::ConvertStringSecurityDescriptorToSecurityDescriptorW(rules.c_str(), SDDL_REVISION_1,
                                                             &descriptor, nullptr) == 0) {
    return error(::GetLastError(), "make the permissions of", path);
  }
  return OwnerOnly(Descriptor(descriptor));
}

}  // namespace jvdb::os::win32
