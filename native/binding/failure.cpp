#include "binding/failure.h"

#include "binding/environment.h"

namespace jvdb::binding {

Napi::Value to_error(Napi::Env env, const Status& status) {
  const Environment& environment = Environment::of(env);
  const Napi::String message = Napi::String::New(env, std::string(status.message()));
  napi_value error = nullptr;
  must(env,
       napi_create_error(env, Napi::String::New(env, code_name(status.code())), message, &error));
  Napi::Object object(env, error);
  if (status.os_error() != 0) {
    object.Set(environment.name(Name::os_error), Napi::Number::New(env, status.os_error()));
  }
  return object;
}

}  // namespace jvdb::binding
