#include "binding/task.h"

#include <exception>
#include <new>

#include "binding/entry.h"
#include "binding/failure.h"

namespace jvdb::binding {
namespace {

struct Running {
  explicit Running(Napi::Env env) : deferred(Napi::Promise::Deferred::New(env)) {}

  std::unique_ptr<Task> task;
  Napi::Promise::Deferred deferred;
  napi_async_work work = nullptr;
  Status status;
};

void execute(napi_env, void* data) noexcept {
  auto& running = *static_cast<Running*>(data);
  try {
    running.status = running.task->run();
  } catch (const std::bad_alloc&) {
    running.status = Status(Code::io, "out of memory");
  } catch (const std::exception& failure) {
    running.status = Status(Code::io, failure.what());
  }
}

void complete(napi_env raw_env, napi_status, void* data) noexcept {
  const std::unique_ptr<Running> running(static_cast<Running*>(data));
  const Napi::Env env(raw_env);
  (void)guarded(raw_env, [&]() -> napi_value {
    const Napi::HandleScope scope(env);
    napi_delete_async_work(raw_env, running->work);
    if (!running->status) {
      running->deferred.Reject(to_error(env, running->status));
      return nullptr;
    }
    try {
      running->deferred.Resolve(running->task->result(env));
    } catch (const Failure& failure) {
      running->deferred.Reject(to_error(env, failure.status));
    } catch (const Napi::Error& error) {
      running->deferred.Reject(error.Value());
    }
    return nullptr;
  });
}

}  // namespace

Napi::Value start(Napi::Env env, std::unique_ptr<Task> task) {
  auto running = std::make_unique<Running>(env);
  running->task = std::move(task);
  const Napi::Promise promise = running->deferred.Promise();
  must(env, napi_create_async_work(env, nullptr, Napi::String::New(env, "jvdb"), execute, complete,
                                   running.get(), &running->work));
  const napi_status queued = napi_queue_async_work(env, running->work);
  if (queued != napi_ok) {
    napi_delete_async_work(env, running->work);
    must(env, queued);
  }
  (void)running.release();  // complete() owns it
  return promise;
}

}  // namespace jvdb::binding
