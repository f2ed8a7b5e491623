// A Windows handle that closes itself. Threads: one owner.
#pragma once

#include <windows.h>

#include <utility>

namespace jvdb::os::win32 {

class Handle {
 public:
  Handle() noexcept = default;
  // What a call returned: some say failure with null, some with INVALID_HANDLE_VALUE.
  explicit Handle(HANDLE handle) noexcept : handle_(handle) {
    if (handle_ == INVALID_HANDLE_VALUE) handle_ = nullptr;  // NOLINT(performance-no-int-to-ptr)
  }
  Handle(Handle&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Handle& operator=(Handle&&) = delete;
  ~Handle() {
    if (handle_ != nullptr) ::CloseHandle(handle_);
  }

  explicit operator bool() const noexcept { return handle_ != nullptr; }
  HANDLE get() const noexcept { return handle_; }

 private:
  HANDLE handle_ = nullptr;
};

}  // namespace jvdb::os::win32
