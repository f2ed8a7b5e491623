// What a thread allocates: tests let one allocation fail, or measure the largest. Sees C++'s
// operators and, in builds for glibc without sanitizers, calloc(), which zeroed arrays come from.
// Threads: each has its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace jvdb::test {

struct Allocations {
  bool fail = false;      // the one after `left` more
  std::int64_t left = 0;  // falls below 0 as it fails
  std::size_t largest = 0;

  static thread_local Allocations here;
};

// What the double allocates for itself stands for the kernel's memory and never fails; the text of
// an error is the engine's own, and may.
class Kernel {
 public:
  Kernel() noexcept : was_(std::exchange(Allocations::here.fail, false)) {}
  ~Kernel() { Allocations::here.fail = was_; }
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;

 private:
  const bool was_;
};

}  // namespace jvdb::test
