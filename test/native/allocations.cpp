#include "allocations.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <new>

namespace jvdb::test {

thread_local Allocations Allocations::here;

namespace {

void note(std::size_t size) noexcept {
  Allocations::here.largest = std::max(Allocations::here.largest, size);
}

}  // namespace
}  // namespace jvdb::test

[[gnu::noinline]] void* operator new(std::size_t size) {
  jvdb::test::Allocations& here = jvdb::test::Allocations::here;
  if (here.fail && here.left-- == 0) throw std::bad_alloc();
  jvdb::test::note(size);
  if (void* const memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  jvdb::test::note(size);
  return std::malloc(size == 0 ? 1 : size);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
extern "C" {
void* __libc_calloc(std::size_t count, std::size_t size);
void* calloc(std::size_t count, std::size_t size) noexcept {
  jvdb::test::Allocations& here = jvdb::test::Allocations::here;
  if (here.fail && here.left-- == 0) {
    errno = ENOMEM;
    return nullptr;
  }
  jvdb::test::note(count * size);
  return __libc_calloc(count, size);
}
}
#endif
