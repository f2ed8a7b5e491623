// Who may use a new file: its owner, the system and its administrators, whatever the directory
// would have it inherit. The like of mode 0600.
// Threads: free function, no state; the attributes have one owner.
#pragma once

#include <windows.h>

#include <memory>

#include "base/status.h"

namespace jvdb::os::win32 {

// What LocalAlloc() made.
struct FreeLocal {
  void operator()(void* memory) const noexcept { ::LocalFree(memory); }
};

class OwnerOnly {
 public:
  // `path` is for messages.
  static Result<OwnerOnly> make(const std::string& path);

  SECURITY_ATTRIBUTES attributes() const noexcept {
    return {sizeof(SECURITY_ATTRIBUTES), descriptor_.get(), FALSE};
  }

 private:
  using Descriptor = std::unique_ptr<void, FreeLocal>;
  explicit OwnerOnly(Descriptor descriptor) noexcept : descriptor_(std::move(descriptor)) {}

  Descriptor descriptor_;
};

}  // namespace jvdb::os::win32
