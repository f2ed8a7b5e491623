// The border no exception crosses. Threads: a free function.
#pragma once

#include <exception>
#include <new>

#include "base/status.h"
#include "base/text.h"

namespace jvdb::engine {

// What `call` returns, a Status or Result, or what it threw as a Status.
template <typename Call>
auto guarded(Call&& call) -> decltype(call()) {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    return Status(Code::io, "out of memory; nothing was changed");
  } catch (const std::exception& failure) {
    return Status(Code::io, text("the system refused a resource: ", failure.what()));
  }
}

}  // namespace jvdb::engine
