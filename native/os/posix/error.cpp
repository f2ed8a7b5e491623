#include "os/posix/error.h"

#include <cerrno>
#include <system_error>

#include "base/text.h"

namespace jvdb::os::posix {
namespace {

struct Meaning {
  Code code;
  std::string_view advice;
};

Meaning meaning(int number) noexcept {
  switch (number) {
    case ENOSPC:
      return {Code::no_space, "; free some space and try again"};
    case EDQUOT:
      return {Code::no_space, "; the disk quota is used up"};
    case EFBIG:
      return {Code::no_space, "; the file system or RLIMIT_FSIZE does not allow a larger file"};
    case EMFILE:
    case ENFILE:
      return {Code::too_many_open_files, "; close some stores or raise the limit (ulimit -n)"};
    case ENOENT:
      return {Code::not_found, "; check that its directory exists"};
    case EEXIST:
      return {Code::exists, ""};
    case EISDIR:
      return {Code::invalid_argument, "; give the path of a file"};
    case ENOTDIR:
    case ENAMETOOLONG:
    case ELOOP:
      return {Code::invalid_argument, "; check the path"};
    case EACCES:
    case EPERM:
    case EROFS:
      return {Code::io, "; check the permissions of the file and its directory"};
    default:
      return {Code::io, ""};
  }
}

}  // namespace

Status error(int number, std::string_view action, const std::string& path) {
  const Meaning what = meaning(number);
  return {what.code,
          text("cannot ", action, " ", path, ": ", std::generic_category().message(number),
               what.advice),
          number};
}

}  // namespace jvdb::os::posix
