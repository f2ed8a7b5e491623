#include "binding/failure.h"

#include "binding/environment.h"

namespace jvdb::binding {

Napi::Value to_error(Napi::Env env, const Status& status) {
  const Environment& environment = Environment::of(env);
  const Napi::String message = Napi::String::New(env, std::string(status.message()));
  napi_value error = nullptr;
  must(env,
       napi_create_error(env, Napi::String::New(env, code_name(status.code())), message, &error));
  if (status.os_error() != 0) {
    // Defined, not set: no setter of a prototype runs.
    napi_property_descriptor property{};
    property.name = environment.name(Name::os_error);
    property.value = Napi::Number::New(env, status.os_error());
    property.attributes = napi_default_jsproperty;
    must(env, napi_define_properties(env, error, 1, &property));
  }
  return {env, error};
}

}  // namespace jvdb::binding
