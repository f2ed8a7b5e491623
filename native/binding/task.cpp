#include "binding/task.h"

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

// What `call` returns or throws, as a Status.
template <typename Call>
Status caught(Call&& call) noexcept {
  return jvdb::guarded([&] {
    try {
      return Status(call());
    } catch (const Failure& failure) {
      return failure.status;
    }
  });
}

void execute(napi_env, void* data) noexcept {
  auto& running = *static_cast<Running*>(data);
  running.status = caught([&] { return running.task->run(); });
}

void complete(napi_env raw_env, napi_status, void* data) noexcept {
  const std::unique_ptr<Running> running(static_cast<Running*>(data));
  const Napi::Env env(raw_env);
  (void)guarded(raw_env, [&]() -> napi_value {
    const Napi::HandleScope scope(env);
    napi_delete_async_work(raw_env, running->work);
    Napi::Value result;
    if (running->status) {
      running->status = caught([&]() -> Status {
        try {
          result = running->task->result(env);
        } catch (const Napi::Error& error) {
          running->deferred.Reject(error.Value());
        }
        return {};
      });
    }
    if (!running->status) {
      running->deferred.Reject(to_error(env, running->status));
    } else if (!result.IsEmpty()) {
      running->deferred.Resolve(result);
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
  try {
    running->task->begin();
  } catch (...) {
    napi_delete_async_work(env, running->work);
    throw;
  }
  const napi_status queued = napi_queue_async_work(env, running->work);
  if (queued != napi_ok) {
    napi_delete_async_work(env, running->work);
    must(env, queued);
  }
  (void)running.release();  // complete() owns it
  return promise;
}

}  // namespace jvdb::binding
