#include "base/status.h"

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
    case Code::aborted:
      return "JVDB_ABORTED";
  }
  return "JVDB_IO";
}

Status::Status(Code code, std::string message, int os_error)
    : detail_(std::make_unique<const Detail>(Detail{code, os_error, std::move(message)})) {}

Status::Status(const Status& other)
    : detail_(other.detail_ ? std::make_unique<const Detail>(*other.detail_) : nullptr) {}

Status& Status::operator=(const Status& other) {
  if (this != &other) *this = Status(other);
  return *this;
}

}  // namespace jvdb
