// The addon's entry: one set of functions for each JavaScript environment. Threads: JavaScript's.
#include <napi.h>

#include "binding/entry.h"

namespace jvdb::binding {
namespace {

napi_value init(napi_env raw_env, napi_value exports) noexcept {
  const Napi::Env env(raw_env);
  return guarded(raw_env, [&]() -> napi_value {
    Environment::create(env);
    const Napi::Object object(env, exports);
    define_store_functions(env, object);
    define_batch_functions(env, object);
    define_search_functions(env, object);
    define_cursor_functions(env, object);
    define_change_functions(env, object);
    define_lifecycle_functions(env, object);
    define_database_functions(env, object);
    define_job_functions(env, object);
    define_simd_functions(env, object);
    return exports;
  });
}

}  // namespace
}  // namespace jvdb::binding

NAPI_MODULE_INIT() {
  return jvdb::binding::init(env, exports);
}
