// The way into the binding: every function that JavaScript can call passes through entry(), which
// lets no exception out. Threads: JavaScript threads.
#pragma once

#include <napi.h>

#include <array>
#include <cstddef>

#include "base/guarded.h"
#include "binding/environment.h"
#include "binding/failure.h"

namespace jvdb::binding {

// The arguments of one call. Missing ones are undefined.
class Call {
 public:
  static constexpr std::size_t kMaxArguments = 13;

  Call(napi_env env, napi_callback_info info) : env_(env) {
    std::size_t count = kMaxArguments;
    must(env, napi_get_cb_info(env, info, &count, arguments_.data(), nullptr, nullptr));
  }

  Napi::Env env() const noexcept { return env_; }
  napi_value operator[](std::size_t index) const noexcept { return arguments_[index]; }
  Napi::Value value(std::size_t index) const { return {env_, arguments_[index]}; }
  Environment& environment() const { return Environment::of(env_); }

  // The store whose handle is the first argument; throws Failure (closed).
  double handle() const;
  Session& session() const { return environment().session(handle()); }
  std::shared_ptr<Session> share() const { return environment().share(handle()); }

 private:
  napi_env env_;
  std::array<napi_value, kMaxArguments> arguments_;
};

inline double Call::handle() const {
  double handle = -1;
  (void)napi_get_value_double(env_, arguments_[0], &handle);  // not a number: no such store
  return handle;
}

// What a throwing `body` means to JavaScript: the pending exception, and nullptr.
template <typename Body>
napi_value guarded(napi_env env, Body&& body) noexcept {
  const auto raise = [&](const Status& status) {
    try {
      napi_throw(env, to_error(env, status));
    } catch (...) {
      napi_throw_error(env, code_name(status.code()), status.message().data());
    }
  };
  try {
    return body();
  } catch (const Napi::Error& error) {
    error.ThrowAsJavaScriptException();
  } catch (const Failure& failure) {
    raise(failure.status);
  } catch (...) {
    raise(jvdb::guarded([]() -> Status { throw; }));
  }
  return nullptr;
}

using Body = napi_value (*)(const Call& call);

template <Body body>
napi_value entry(napi_env env, napi_callback_info info) noexcept {
  return guarded(env, [&] {
    if (Environment::of(env).forked()) throw Failure{engine::forked_failure("the store")};
    return body(Call(env, info));
  });
}

struct Function {
  const char* name;
  napi_callback callback;
};

// Adds functions to the addon's exports.
template <std::size_t Count>
void define(Napi::Env env, Napi::Object exports, const std::array<Function, Count>& functions) {
  for (const Function& function : functions) {
    napi_value made = nullptr;
    must(env, napi_create_function(env, function.name, NAPI_AUTO_LENGTH, function.callback, nullptr,
                                   &made));
    exports.Set(function.name, Napi::Value(env, made));
  }
}

// Each file of functions adds its own.
void define_store_functions(Napi::Env env, Napi::Object exports);
void define_batch_functions(Napi::Env env, Napi::Object exports);
void define_search_functions(Napi::Env env, Napi::Object exports);
void define_cursor_functions(Napi::Env env, Napi::Object exports);
void define_change_functions(Napi::Env env, Napi::Object exports);
void define_lifecycle_functions(Napi::Env env, Napi::Object exports);
void define_job_functions(Napi::Env env, Napi::Object exports);
void define_database_functions(Napi::Env env, Napi::Object exports);
void define_simd_functions(Napi::Env env, Napi::Object exports);

}  // namespace jvdb::binding
