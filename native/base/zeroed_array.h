// An array of zeros whose untouched pages cost no memory: large ones come from the kernel's zero
// page, so an extent's arrays can be made for all of its slots at once and never move.
// Threads: as for a plain array; elements may be std::atomic of a type whose zero is all-zero bits.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>

namespace jvdb {

template <typename T>
class ZeroedArray {
 public:
  ZeroedArray() = default;
  explicit ZeroedArray(std::size_t size)
      : data_(static_cast<T*>(std::calloc(size == 0 ? 1 : size, sizeof(T)))), size_(size) {
    if (!data_) throw std::bad_alloc();
  }
  T& operator[](std::size_t index) noexcept { return data_.get()[index]; }
  const T& operator[](std::size_t index) const noexcept { return data_.get()[index]; }
  T* data() noexcept { return data_.get(); }
  const T* data() const noexcept { return data_.get(); }
  std::size_t size() const noexcept { return size_; }

 private:
  struct Free {
    void operator()(T* memory) const noexcept { std::free(memory); }
  };
  std::unique_ptr<T, Free> data_;
  std::size_t size_ = 0;
};

}  // namespace jvdb
