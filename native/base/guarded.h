// The border no exception crosses. Threads: a free function.
#pragma once

#include <exception>
#include <new>

#include "base/status.h"
#include "base/text.h"

namespace jvdb {

// What `call` returns, a Status or Result, or what it threw as a Status.
template <typename Call>
auto guarded(Call&& call) noexcept -> decltype(call()) {
  try {
    try {
      return call();
    } catch (const std::bad_alloc&) {
      return Status::out_of_memory();
    } catch (const std::exception& failure) {
      return Status(Code::io, text("the system refused a resource: ", failure.what()));
    }
  } catch (...) {  // no memory even for that
    return Status::out_of_memory();
  }
}

}  // namespace jvdb
