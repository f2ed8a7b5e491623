// Opening, flushing and closing. Threads: as task.h says.
#include <optional>
#include <utility>

#include "binding/convert.h"
#include "binding/entry.h"
#include "binding/opening.h"
#include "binding/task.h"

namespace jvdb::binding {
namespace {

class OpenTask final : public Task {
 public:
  explicit OpenTask(Opening opening) : opening_(std::move(opening)) {}
  Status run() override {
    auto session = opening_.open();
    if (session) session_ = std::move(*session);
    return session.status();
  }
  Napi::Value result(Napi::Env env) override {
    return {env, to_number(env, Environment::of(env).add(std::move(session_)))};
  }

 private:
  const Opening opening_;
  std::shared_ptr<Session> session_;
};

class FlushTask final : public Task {
 public:
  explicit FlushTask(std::shared_ptr<Session> session) : session_(std::move(session)) {}
  void begin() override { work_.emplace(*session_); }
  Status run() override {
    const Session::Work work(std::move(*work_));
    return work ? work.store().flush() : Session::closed();
  }
  Napi::Value result(Napi::Env env) override { return env.Undefined(); }

 private:
  std::shared_ptr<Session> session_;
  std::optional<Session::Work> work_;
};

class CloseTask final : public Task {
 public:
  // Without a session there is nothing to do.
  explicit CloseTask(std::shared_ptr<Session> session) : session_(std::move(session)) {}
  Status run() override { return session_ ? session_->close(true) : Status(); }
  Napi::Value result(Napi::Env env) override { return env.Undefined(); }

 private:
  std::shared_ptr<Session> session_;
};

// open(…): the handle of an open store
napi_value open(const Call& call) {
  return to_number(call.env(), call.environment().add(take(opening_of(call).open())));
}

// openAsync(…): a promise of that
napi_value open_async(const Call& call) {
  return start(call.env(), std::make_unique<OpenTask>(opening_of(call)));
}

// flush(store)
napi_value flush(const Call& call) {
  check(call.session().store().flush());
  return nullptr;
}

// flushAsync(store): a promise
napi_value flush_async(const Call& call) {
  return start(call.env(), std::make_unique<FlushTask>(call.share()));
}

// refresh(store): whether anything is new
napi_value refresh(const Call& call) {
  return Napi::Boolean::New(call.env(), take(call.session().refresh()));
}

// close(store); closing twice is no mistake, and waits for closeAsync()
napi_value close(const Call& call) {
  auto session = call.environment().remove(call.handle());
  if (!session) session = call.environment().closing(call.handle());
  if (session) check(session->close(true));
  return nullptr;
}

// closeAsync(store): a promise; for every other call the store is closed at once
napi_value close_async(const Call& call) {
  auto session = call.environment().remove_to_close(call.handle());
  if (session) session->begin_close();  // now: the task may wait behind much other work
  return start(call.env(), std::make_unique<CloseTask>(std::move(session)));
}

// isRemoved(store): whether its file was deleted; false for a closed one
napi_value is_removed(const Call& call) {
  return Napi::Boolean::New(call.env(), call.environment().removed(call.handle()));
}

// flushAll(): ends searches, flushes every open store of this environment that wants it
napi_value flush_all(const Call& call) {
  call.environment().flush_all();
  return nullptr;
}

}  // namespace

void define_lifecycle_functions(Napi::Env env, Napi::Object exports) {
  define(
      env, exports,
      std::array{Function{"open", entry<open>}, Function{"openAsync", entry<open_async>},
                 Function{"flush", entry<flush>}, Function{"flushAsync", entry<flush_async>},
                 Function{"refresh", entry<refresh>}, Function{"close", entry<close>},
                 Function{"closeAsync", entry<close_async>},
                 Function{"isRemoved", entry<is_removed>}, Function{"flushAll", entry<flush_all>}});
}

}  // namespace jvdb::binding
