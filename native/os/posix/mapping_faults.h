// What becomes of mapped bytes that can't be had, because another process cut the file short or the
// disk fails to read them: a handler of SIGBUS puts a page of zeros there and raises the flag of
// the mapping's file. Faults anywhere else go to the handler that was there before.
// On Windows the fault is an exception (EXCEPTION_IN_PAGE_ERROR) that ends the process: it would
// have to be caught around each access, and JavaScript's are not ours.
// Threads: any.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>

namespace jvdb::os::posix {

// True once bytes of a file were replaced by zeros.
using FaultFlag = std::shared_ptr<std::atomic<bool>>;

// A mapping whose faults are handled, from before its first byte is read until after its last.
class FaultGuard {
 public:
  // The first one of the process installs the handler, and any later one does so again where
  // somebody else replaced it. `writable` is how the zeros are mapped. May throw bad_alloc.
  FaultGuard(const void* begin, std::size_t size, bool writable, FaultFlag flag);
  ~FaultGuard();
  FaultGuard(const FaultGuard&) = delete;
  FaultGuard& operator=(const FaultGuard&) = delete;

  struct Place;

 private:
  const FaultFlag flag_;
  Place& place_;
};

}  // namespace jvdb::os::posix
