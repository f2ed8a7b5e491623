#include "base/status.h"

#include <cstddef>
#include <new>

namespace jvdb {

const char* code_name(Code code) noexcept {
  switch (code) {
    case Code::ok:
      return "JVDB_OK";
    case Code::invalid_argument:
      return "JVDB_INVALID_ARGUMENT";
    case Code::invalid_id:
      return "JVDB_INVALID_ID";
    case Code::invalid_vector:
      return "JVDB_INVALID_VECTOR";
    case Code::dimension_mismatch:
      return "JVDB_DIMENSION_MISMATCH";
    case Code::not_found:
      return "JVDB_NOT_FOUND";
    case Code::exists:
      return "JVDB_EXISTS";
    case Code::closed:
      return "JVDB_CLOSED";
    case Code::locked:
      return "JVDB_LOCKED";
    case Code::read_only:
      return "JVDB_READ_ONLY";
    case Code::corrupt:
      return "JVDB_CORRUPT";
    case Code::version:
      return "JVDB_VERSION";
    case Code::io:
      return "JVDB_IO";
    case Code::no_space:
      return "JVDB_NO_SPACE";
    case Code::too_many_open_files:
      return "JVDB_TOO_MANY_OPEN_FILES";
    case Code::unsupported_fs:
      return "JVDB_UNSUPPORTED_FS";
    case Code::forked:
      return "JVDB_FORKED";
    case Code::conflict:
      return "JVDB_CONFLICT";
    case Code::aborted:
      return "JVDB_ABORTED";
  }
  return "JVDB_IO";
}

Status::Status(Code code, std::string message, int os_error)
    : detail_(new Detail{code, os_error, std::move(message)}) {}

Status::Status(const Status& other) {
  if (!other.detail_) return;
  const bool shared = other.detail_.get() == &memory_detail();
  detail_.reset(shared ? other.detail_.get() : new Detail(*other.detail_));
}

void Status::Free::operator()(const Detail* detail) const noexcept {
  if (detail != &memory_detail()) delete detail;
}

const Status::Detail& Status::memory_detail() noexcept {
  // Never destroyed, and the text is short enough to lie inside the string itself.
  alignas(Detail) static std::byte storage[sizeof(Detail)];
  static const Detail* const detail = new (storage) Detail{Code::io, 0, "out of memory"};
  return *detail;
}

Status Status::out_of_memory() noexcept {
  return Status(Owner(&memory_detail()));
}

Status& Status::operator=(const Status& other) {
  if (this != &other) *this = Status(other);
  return *this;
}

}  // namespace jvdb
