// Status and Result: how every room reports failure. No exception crosses a room's border.
// Threads: values; share one only as const.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace jvdb {

// One for each code of JvdbError that the core can raise, plus `aborted`, which becomes the
// signal's own reason in JavaScript.
enum class Code : std::uint8_t {
  ok,
  invalid_argument,
  invalid_id,
  invalid_vector,
  dimension_mismatch,
  not_found,
  exists,
  closed,
  locked,
  read_only,
  corrupt,
  version,
  io,
  no_space,
  too_many_open_files,
  unsupported_fs,
  forked,
  conflict,
  aborted,
};

// "JVDB_CORRUPT" and so on; a string literal.
const char* code_name(Code code) noexcept;

class [[nodiscard]] Status {
 public:
  Status() noexcept = default;  // ok
  // `os_error` is the errno (or GetLastError value) behind it, 0 where there is none.
  Status(Code code, std::string message, int os_error = 0);
  // A failure that needs no memory to be made or copied.
  static Status out_of_memory() noexcept;
  Status(const Status& other);
  Status(Status&&) noexcept = default;
  Status& operator=(const Status& other);
  Status& operator=(Status&&) noexcept = default;
  ~Status() = default;

  bool ok() const noexcept { return detail_ == nullptr; }
  explicit operator bool() const noexcept { return ok(); }
  Code code() const noexcept { return detail_ ? detail_->code : Code::ok; }
  int os_error() const noexcept { return detail_ ? detail_->os_error : 0; }
  std::string_view message() const noexcept {
    return detail_ ? std::string_view(detail_->message) : std::string_view();
  }

 private:
  struct Detail {
    Code code;
    int os_error;
    std::string message;
  };
  struct Free {
    void operator()(const Detail* detail) const noexcept;
  };
  using Owner = std::unique_ptr<const Detail, Free>;
  explicit Status(Owner detail) noexcept : detail_(std::move(detail)) {}
  static const Detail& memory_detail() noexcept;

  Owner detail_;  // a success costs one null pointer
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}            // NOLINT(google-explicit-constructor)
  Result(Status failure) : status_(std::move(failure)) {}  // NOLINT(google-explicit-constructor)
  bool ok() const noexcept { return value_.has_value(); }
  explicit operator bool() const noexcept { return ok(); }
  T& operator*() noexcept { return *value_; }
  const T& operator*() const noexcept { return *value_; }
  T* operator->() noexcept { return &*value_; }
  const T* operator->() const noexcept { return &*value_; }
  Status status() const { return status_; }

 private:
  Status status_;
  std::optional<T> value_;
};

}  // namespace jvdb
