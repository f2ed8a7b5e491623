// Arithmetic on sizes and offsets that may come from an untrusted file. Threads: free functions.
#pragma once

#include <cstdint>

namespace jvdb {

// `unit` is a power of two. Undefined where the result would pass 2^64: use checked_align_up for
// values from a file.
constexpr std::uint64_t align_up(std::uint64_t value, std::uint64_t unit) noexcept {
  return (value + unit - 1) & ~(unit - 1);
}

// An unsigned 64-bit number that remembers whether a computation ever left its range.
class Checked {
 public:
  constexpr Checked(std::uint64_t value) noexcept
      : value_(value) {}  // NOLINT(google-explicit-constructor)

  constexpr Checked operator+(Checked other) const noexcept {
    Checked out(value_ + other.value_);
    out.valid_ = out.value_ >= value_ && valid_ && other.valid_;
    return out;
  }
  constexpr Checked operator*(Checked other) const noexcept {
    Checked out(value_ * other.value_);
    out.valid_ = (value_ == 0 || out.value_ / value_ == other.value_) && valid_ && other.valid_;
    return out;
  }
  constexpr Checked aligned(std::uint64_t unit) const noexcept {
    Checked out = *this + Checked(unit - 1);
    out.value_ &= ~(unit - 1);
    return out;
  }
  constexpr bool valid() const noexcept { return valid_; }
  // Only where valid().
  constexpr std::uint64_t value() const noexcept { return value_; }

 private:
  std::uint64_t value_;
  bool valid_ = true;
};

}  // namespace jvdb
