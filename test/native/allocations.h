// What a thread allocates: tests let one allocation fail, or measure the largest. Sees C++'s
// operators and, in builds for glibc without sanitizers, calloc(), which zeroed arrays come from.
// Threads: each has its own.
#pragma once

#include <cstddef>
#include <cstdint>

namespace jvdb::test {

struct Allocations {
  bool fail = false;      // the one after `left` more
  std::int64_t left = 0;  // falls below 0 as it fails
  std::size_t largest = 0;

  static thread_local Allocations here;
};

}  // namespace jvdb::test
