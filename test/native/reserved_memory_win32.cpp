#include <windows.h>

#include <new>

#include "reserved_memory.h"

namespace jvdb::test {

ReservedMemory::ReservedMemory(std::size_t size) : size_(size) {
  void* memory = ::VirtualAlloc(nullptr, size, MEM_RESERVE, PAGE_READWRITE);
  if (memory == nullptr) throw std::bad_alloc();
  data_ = static_cast<std::byte*>(memory);
}

ReservedMemory::~ReservedMemory() {
  ::VirtualFree(data_, 0, MEM_RELEASE);
}

void ReservedMemory::use(std::size_t size) {
  if (size == 0) return;
  if (size > size_ || ::VirtualAlloc(data_, size, MEM_COMMIT, PAGE_READWRITE) == nullptr) {
    throw std::bad_alloc();
  }
}

}  // namespace jvdb::test
