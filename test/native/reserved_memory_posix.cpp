#include <sys/mman.h>

#include <new>

#include "reserved_memory.h"

namespace jvdb::test {

ReservedMemory::ReservedMemory(std::size_t size) : size_(size) {
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  data_ = static_cast<std::byte*>(memory);
}

ReservedMemory::~ReservedMemory() {
  ::munmap(data_, size_);
}

// Each page comes when it is touched.
void ReservedMemory::use(std::size_t) {}

}  // namespace jvdb::test
