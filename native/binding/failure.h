// Failures inside the binding travel as exceptions; entry.h turns each into a JavaScript error with
// a code, in one place. Threads: values.
#pragma once

#include <napi.h>

#include <string>
#include <utility>

#include "base/status.h"

namespace jvdb::binding {

struct Failure {
  Status status;
};

[[noreturn]] inline void fail(Code code, std::string message) {
  throw Failure{Status(code, std::move(message))};
}

inline void check(const Status& status) {
  if (!status) throw Failure{status};
}

template <typename T>
T take(Result<T> result) {
  if (!result) throw Failure{result.status()};
  return std::move(*result);
}

// A call of Node-API that only fails when an exception is pending or the environment is ending.
inline void must(napi_env env, napi_status status) {
  if (status != napi_ok) throw Napi::Error::New(env);
}

// An Error with `code`, and `osError` where the operating system gave one. The facade makes it a
// JvdbError.
Napi::Value to_error(Napi::Env env, const Status& status);

}  // namespace jvdb::binding
