// A range of addresses that costs memory only where it is used, and never moves. Zeros at first.
// Threads: one owner.
#pragma once

#include <cstddef>

namespace jvdb::test {

class ReservedMemory {
 public:
  explicit ReservedMemory(std::size_t size);
  ~ReservedMemory();
  ReservedMemory(const ReservedMemory&) = delete;
  ReservedMemory& operator=(const ReservedMemory&) = delete;

  std::byte* data() const noexcept { return data_; }
  // To be called before more than this many bytes are touched.
  void use(std::size_t size);

 private:
  std::byte* data_ = nullptr;
  std::size_t size_;
};

}  // namespace jvdb::test
