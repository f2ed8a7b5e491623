// Native objects behind JavaScript ones, tagged with their type: an object of another kind, or of
// another addon, is an error and not a wrong pointer. Threads: JavaScript threads.
#pragma once

#include <napi.h>

#include <memory>

#include "binding/failure.h"

namespace jvdb::binding {

// `T` has a napi_type_tag `kTag`. The object is destroyed when JavaScript's is collected.
template <typename T>
napi_value wrap(napi_env env, std::unique_ptr<T> object) {
  napi_value out = nullptr;
  must(env, napi_create_object(env, &out));
  const auto finalize = [](napi_env, void* data, void*) { delete static_cast<T*>(data); };
  must(env, napi_wrap(env, out, object.get(), finalize, nullptr, nullptr));
  (void)object.release();
  must(env, napi_type_tag_object(env, out, &T::kTag));
  return out;
}

template <typename T>
T& unwrap(napi_env env, napi_value value) {
  bool ours = false;
  void* data = nullptr;
  const bool is_object = napi_check_object_type_tag(env, value, &T::kTag, &ours) == napi_ok;
  if (!is_object || !ours || napi_unwrap(env, value, &data) != napi_ok) {
    fail(Code::invalid_argument, "an object of another kind was passed");
  }
  return *static_cast<T*>(data);
}

}  // namespace jvdb::binding
