// Opening, flushing and closing. Threads: as task.h says.
#include <optional>
#include <utility>

#include "base/text.h"
#include "binding/convert.h"
#include "binding/entry.h"
#include "binding/task.h"

namespace jvdb::binding {
namespace {

using engine::OpenRequest;
using engine::Registry;

struct Opening {
  std::string path;
  OpenRequest request;
  Session::Options options;

  Result<std::shared_ptr<Session>> open() const {
    auto handle = engine::registry().open(path, request);
    if (!handle) return handle.status();
    return std::make_shared<Session>(path, std::move(*handle), options);
  }
};

// (path, create, readOnly, dimension?, metric?, idType?, codes?, allowNonFinite?, initialCapacity,
//  access, flushOnExit, commit); metric, idType and access are positions in their lists of names.
Opening opening_of(const Call& call) {
  const auto number = [&](std::size_t index) { return optional_u32(call.env(), call[index]); };
  const auto flag = [&](std::size_t index) { return truthy(call.env(), call[index]); };
  const auto optional_flag = [&](std::size_t index) {
    return is_undefined(call.env(), call[index]) ? std::nullopt : std::optional(flag(index));
  };
  Opening out;
  out.path = string_of(call.env(), call[0]);
  if (out.path.find('\0') != std::string::npos)
    fail(Code::invalid_argument,
         text("a path has no NUL character; one follows ", out.path.c_str()));
  out.request.create = flag(1);
  out.request.read_only = flag(2);
  out.request.dimension = number(3);
  if (const auto metric = number(4)) out.request.metric = static_cast<format::Metric>(*metric);
  if (const auto type = number(5)) out.request.id_type = static_cast<format::IdType>(*type);
  out.request.has_codes = optional_flag(6);
  out.request.allow_non_finite = optional_flag(7);
  out.request.initial_capacity = number(8).value_or(out.request.initial_capacity);
  out.request.access = static_cast<os::Advice>(number(9).value_or(0));
  out.options = {out.request.read_only, flag(10), flag(11)};
  return out;
}

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

// close(store); closing twice is no mistake
napi_value close(const Call& call) {
  if (const auto session = call.environment().remove(call.handle())) check(session->close(true));
  return nullptr;
}

// closeAsync(store): a promise; for every other call the store is closed at once
napi_value close_async(const Call& call) {
  auto session = call.environment().remove(call.handle());
  if (session) session->begin_close();  // now: the task may wait behind much other work
  return start(call.env(), std::make_unique<CloseTask>(std::move(session)));
}

// flushAll(): ends searches, flushes every open store of this environment that wants it
napi_value flush_all(const Call& call) {
  call.environment().flush_all();
  return nullptr;
}

}  // namespace

void define_lifecycle_functions(Napi::Env env, Napi::Object exports) {
  define(env, exports,
         std::array{Function{"open", entry<open>}, Function{"openAsync", entry<open_async>},
                    Function{"flush", entry<flush>}, Function{"flushAsync", entry<flush_async>},
                    Function{"refresh", entry<refresh>}, Function{"close", entry<close>},
                    Function{"closeAsync", entry<close_async>},
                    Function{"flushAll", entry<flush_all>}});
}

}  // namespace jvdb::binding
