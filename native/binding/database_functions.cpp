// Databases that need not be open: making, removing and inspecting files. Threads: as task.h says.
#include <vector>

#include "binding/convert.h"
#include "binding/entry.h"
#include "binding/opening.h"
#include "binding/task.h"
#include "engine/in_memory.h"
#include "engine/inspect.h"

namespace jvdb::binding {
namespace {

using engine::Inspection;

// openMemory(…): the handle of a new store that no file holds; arguments as of open()
napi_value open_memory(const Call& call) {
  const Opening opening = opening_of(call);
  auto store = take(engine::open_in_memory(opening.path, opening.request));
  auto session = std::make_shared<Session>(opening.path, std::move(store), opening.options);
  return to_number(call.env(), call.environment().add(std::move(session)));
}

// createFile(…): false where something has the name; arguments as of open()
napi_value create_file(const Call& call) {
  const Opening opening = opening_of(call);
  const Status status = engine::registry().create(opening.path, opening.request);
  if (status.code() != Code::exists) check(status);
  return Napi::Boolean::New(call.env(), status.ok());
}

// removeFile(path): false where there is no such file
napi_value remove_file(const Call& call) {
  const Status status = engine::registry().remove(path_of(call.env(), call[0]));
  if (status.code() != Code::not_found) check(status);
  return Napi::Boolean::New(call.env(), status.ok());
}

// [dimension, metric, idType, codes, allowNonFinite, createdAt, vectorCount, deadCount, fileBytes,
//  allocatedBytes, durableLsn, durableAt]
napi_value to_value(Napi::Env env, const Inspection& found) {
  const Napi::Array out = Napi::Array::New(env, 12);
  std::uint32_t next = 0;
  const auto number = [&](std::uint64_t value) {
    out.Set(next++, Napi::Number::New(env, static_cast<double>(value)));
  };
  number(found.schema.dimension);
  out.Set(next++, Napi::String::New(env, name_of(found.schema.metric)));
  out.Set(next++, Napi::String::New(env, name_of(found.schema.id_type)));
  out.Set(next++, Napi::Boolean::New(env, found.schema.has_codes));
  out.Set(next++, Napi::Boolean::New(env, found.schema.allow_non_finite));
  out.Set(next++, Napi::Number::New(env, milliseconds(found.created_us)));
  number(found.live);
  number(found.dead);
  number(found.file_bytes);
  number(found.allocated_bytes);
  number(found.durable_lsn);
  out.Set(next++, Napi::Number::New(env, milliseconds(found.durable_time_us)));
  return out;
}

// inspect(path): as to_value() gives
napi_value inspect(const Call& call) {
  return to_value(call.env(), take(engine::inspect(os::disk(), path_of(call.env(), call[0]))));
}

class InspectTask final : public Task {
 public:
  explicit InspectTask(const Call& call) {
    const auto paths = call.value(0).As<Napi::Array>();
    for (std::uint32_t i = 0; i < paths.Length(); ++i) {
      const Napi::HandleScope scope(call.env());
      paths_.push_back(path_of(call.env(), Napi::Value(paths[i])));
    }
  }
  Status run() override {
    for (const std::string& path : paths_) found_.push_back(engine::inspect(os::disk(), path));
    return {};
  }
  Napi::Value result(Napi::Env env) override {
    const Napi::Array out = Napi::Array::New(env, found_.size());
    for (std::uint32_t i = 0; i < found_.size(); ++i) {
      const Napi::HandleScope scope(env);
      const Result<Inspection>& one = found_[i];
      out.Set(i, one ? Napi::Value(env, to_value(env, *one)) : to_error(env, one.status()));
    }
    return out;
  }

 private:
  std::vector<std::string> paths_;
  std::vector<Result<Inspection>> found_;
};

// inspectAll(paths): a promise of what inspect() gives for each, or the error it throws
napi_value inspect_all(const Call& call) {
  return start(call.env(), std::make_unique<InspectTask>(call));
}

class FlushProcessTask final : public Task {
 public:
  Status run() override { return engine::registry().flush_all(); }
  Napi::Value result(Napi::Env env) override { return env.Undefined(); }
};

// flushProcessAsync(): a promise of what flushProcess() does
napi_value flush_process_async(const Call& call) {
  return start(call.env(), std::make_unique<FlushProcessTask>());
}

// flushProcess(): flushes every store that any thread of the process has open for writing
napi_value flush_process(const Call&) {
  check(engine::registry().flush_all());
  return nullptr;
}

}  // namespace

void define_database_functions(Napi::Env env, Napi::Object exports) {
  define(env, exports,
         std::array{Function{"openMemory", entry<open_memory>},
                    Function{"createFile", entry<create_file>},
                    Function{"removeFile", entry<remove_file>}, Function{"inspect", entry<inspect>},
                    Function{"inspectAll", entry<inspect_all>},
                    Function{"flushProcess", entry<flush_process>},
                    Function{"flushProcessAsync", entry<flush_process_async>}});
}

}  // namespace jvdb::binding
