// An array of trivial elements, zero at first, that begins on a cache line. Threads: as its
// elements.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>

namespace jvdb {

template <typename T>
class AlignedArray {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);
  static constexpr std::align_val_t kAlignment{64};

  struct Free {
    void operator()(T* elements) const noexcept { ::operator delete(elements, kAlignment); }
  };

 public:
  // May throw bad_alloc.
  explicit AlignedArray(std::size_t count)
      : elements_(static_cast<T*>(::operator new(count * sizeof(T), kAlignment))) {
    std::uninitialized_value_construct_n(elements_.get(), count);
  }
  T* data() noexcept { return elements_.get(); }
  const T* data() const noexcept { return elements_.get(); }
  T& operator[](std::size_t index) noexcept { return elements_.get()[index]; }
  const T& operator[](std::size_t index) const noexcept { return elements_.get()[index]; }

 private:
  std::unique_ptr<T, Free> elements_;
};

}  // namespace jvdb
