// Long work: verifying, compacting, backing up, restoring, salvaging. Threads: as task.h says; a
// job from any thread.
#include <functional>
#include <utility>

#include "binding/convert.h"
#include "binding/entry.h"
#include "binding/job_handle.h"
#include "binding/opening.h"
#include "binding/task.h"
#include "engine/backup.h"
#include "engine/salvage.h"
#include "engine/verify_file.h"

namespace jvdb::binding {
namespace {

using engine::Job;

// An object of numbers and what else there is.
class Fields {
 public:
  explicit Fields(Napi::Env env) : object_(Napi::Object::New(env)) {}
  Fields& number(const char* name, std::uint64_t value) {
    return set(name, Napi::Number::New(object_.Env(), static_cast<double>(value)));
  }
  Fields& time(const char* name, std::uint64_t us) { return number(name, us / 1000); }
  Fields& duration(const char* name, std::uint64_t us) {
    return set(name, Napi::Number::New(object_.Env(), static_cast<double>(us) / 1000));
  }
  Fields& flag(const char* name, bool value) {
    return set(name, Napi::Boolean::New(object_.Env(), value));
  }
  Fields& text(const char* name, const std::string& value) {
    return set(name, Napi::Value(object_.Env(), to_string(object_.Env(), value)));
  }
  Fields& set(const char* name, const Napi::Value& value) {
    object_.Set(name, value);
    return *this;
  }
  Napi::Object object() const { return object_; }

 private:
  Napi::Object object_;
};

// Work on a store, or on files alone where there is no session.
template <typename Report>
class JobTask final : public Task {
 public:
  using Run = std::function<Result<Report>(const Session::Work*, Job&)>;
  using Show = Napi::Value (*)(Napi::Env, const Report&);

  JobTask(std::shared_ptr<Session> session, std::shared_ptr<Job> job, Run run, Show show)
      : session_(std::move(session)), job_(std::move(job)), run_(std::move(run)), show_(show) {
    if (session_) session_->watch(job_->cancelled);
  }
  ~JobTask() override {
    if (session_) session_->unwatch(job_->cancelled);
  }

  Status run() override {
    if (!session_) return keep(run_(nullptr, *job_));
    const Session::Work work(*session_);
    if (!work) return Session::closed();
    return session_->outcome(keep(run_(&work, *job_)));
  }
  Napi::Value result(Napi::Env env) override { return show_(env, *report_); }

 private:
  Status keep(Result<Report> report) {
    if (report) report_ = std::move(*report);
    return report.status();
  }

  const std::shared_ptr<Session> session_;
  const std::shared_ptr<Job> job_;
  const Run run_;
  const Show show_;
  std::optional<Report> report_;
};

template <typename Report>
napi_value start_job(const Call& call, std::shared_ptr<Session> session, std::size_t job,
                     typename JobTask<Report>::Run run, typename JobTask<Report>::Show show) {
  return start(call.env(), std::make_unique<JobTask<Report>>(std::move(session), job_of(call, job),
                                                             std::move(run), show));
}

Napi::Value errors_of(Napi::Env env, const std::vector<engine::VerifyError>& errors) {
  const Napi::Array out = Napi::Array::New(env, errors.size());
  for (std::uint32_t i = 0; i < errors.size(); ++i) {
    const Napi::HandleScope scope(env);
    out.Set(i, Fields(env)
                   .number("offset", errors[i].offset)
                   .number("lsn", errors[i].lsn)
                   .text("message", errors[i].message)
                   .object());
  }
  return out;
}

Fields fields_of(Napi::Env env, const engine::VerifyReport& report) {
  return Fields(env)
      .number("vectorCount", report.live)
      .number("recordCount", report.records)
      .number("bytes", report.bytes)
      .number("lastLsn", report.last_lsn)
      .number("errorCount", report.error_count)
      .set("errors", errors_of(env, report.errors))
      .duration("durationMs", report.duration_us);
}

Napi::Value show_verify(Napi::Env env, const engine::VerifyReport& report) {
  return fields_of(env, report).object();
}

Napi::Value show_file(Napi::Env env, const engine::FileReport& file) {
  return fields_of(env, file.report)
      .number("fileBytes", file.bytes)
      .number("crc32c", file.crc)
      .object();
}

Napi::Value show_compact(Napi::Env env, const engine::CompactReport& report) {
  return Fields(env)
      .flag("compacted", report.compacted)
      .number("vectorCount", report.live)
      .number("deadCount", report.dead)
      .number("bytesBefore", report.bytes_before)
      .number("bytesAfter", report.bytes_after)
      .duration("durationMs", report.duration_us)
      .object();
}

std::string hex(const format::Uuid& uuid) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const std::uint8_t byte : uuid) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

Napi::Value show_backup(Napi::Env env, const engine::BackupReport& report) {
  return Fields(env)
      .flag("increment", report.increment)
      .text("databaseId", hex(report.uuid))
      .number("sinceLsn", report.since_lsn)
      .time("sinceTime", report.since_time_us)
      .number("lastLsn", report.last_lsn)
      .time("lastTime", report.last_time_us)
      .number("vectorCount", report.live)
      .number("bytes", report.bytes)
      .number("crc32c", report.crc)
      .duration("durationMs", report.duration_us)
      .object();
}

Napi::Value show_restore(Napi::Env env, const engine::RestoreReport& report) {
  return Fields(env)
      .number("lastLsn", report.last_lsn)
      .time("lastTime", report.last_time_us)
      .number("vectorCount", report.live)
      .number("bytes", report.bytes)
      .duration("durationMs", report.duration_us)
      .object();
}

Napi::Value show_salvage(Napi::Env env, const engine::SalvageReport& report) {
  const Napi::Array lost = Napi::Array::New(env, report.lost_ids.size());
  for (std::uint32_t i = 0; i < report.lost_ids.size(); ++i) {
    lost.Set(i, Napi::Value(env, to_string(env, report.lost_ids[i])));
  }
  return Fields(env)
      .number("vectorCount", report.live)
      .number("lostCount", report.lost)
      .set("lostIds", lost)
      .number("unreadableCount", report.unreadable)
      .number("errorCount", report.error_count)
      .set("errors", errors_of(env, report.errors))
      .number("lastLsn", report.last_lsn)
      .number("bytes", report.bytes)
      .duration("durationMs", report.duration_us)
      .object();
}

// job(): an object for the calls below
napi_value job(const Call& call) {
  return wrap(call.env(), std::make_unique<JobHandle>());
}

napi_value cancel_job(const Call& call) {
  job_of(call, 0)->cancelled = true;
  return nullptr;
}

// jobProgress(job): [bytes done, of about so many]
napi_value job_progress(const Call& call) {
  const auto job = job_of(call, 0);
  const Napi::Array out = Napi::Array::New(call.env(), 2);
  out.Set(0U, static_cast<double>(job->done.load()));
  out.Set(1U, static_cast<double>(job->total.load()));
  return out;
}

// verify(store, deep, job): a promise, as those that follow
napi_value verify(const Call& call) {
  const bool deep = truthy(call.env(), call[1]);
  return start_job<engine::VerifyReport>(
      call, call.share(), 2,
      [deep](const Session::Work* work, Job& job) { return work->store().verify(deep, job); },
      show_verify);
}

// verifyFile(path, increment, job)
napi_value verify_file(const Call& call) {
  return start_job<engine::FileReport>(
      call, nullptr, 2,
      [path = path_of(call.env(), call[0]), increment = truthy(call.env(), call[1])](
          const Session::Work*, Job& job) {
        return engine::verify_file(os::disk(), path, increment, job);
      },
      show_file);
}

// compact(store, job)
napi_value compact(const Call& call) {
  return start_job<engine::CompactReport>(
      call, call.share(), 1,
      [](const Session::Work* work, Job& job) { return work->handle().compact(job); },
      show_compact);
}

// backup(store, path, sinceLsn?, job)
napi_value backup(const Call& call) {
  std::optional<std::uint64_t> since;
  if (!is_undefined(call.env(), call[2])) {
    since = static_cast<std::uint64_t>(number_of(call.env(), call[2]));
  }
  return start_job<engine::BackupReport>(
      call, call.share(), 3,
      [path = path_of(call.env(), call[1]), since](const Session::Work* work, Job& job) {
        return work->store().backup(os::disk(), path, since, job);
      },
      show_backup);
}

// restore(paths, to, lsn?, milliseconds?, job)
napi_value restore(const Call& call) {
  std::vector<std::string> from;
  const auto paths = call.value(0).As<Napi::Array>();
  for (std::uint32_t i = 0; i < paths.Length(); ++i) {
    const Napi::HandleScope scope(call.env());
    from.push_back(path_of(call.env(), Napi::Value(paths[i])));
  }
  engine::RestorePoint point;
  const auto number = [&](std::size_t argument) {
    return static_cast<std::uint64_t>(number_of(call.env(), call[argument]));
  };
  if (!is_undefined(call.env(), call[2])) point.lsn = number(2);
  // All of that millisecond.
  if (!is_undefined(call.env(), call[3])) point.time_us = number(3) * 1000 + 999;
  return start_job<engine::RestoreReport>(
      call, nullptr, 4,
      [from = std::move(from), to = path_of(call.env(), call[1]), point](const Session::Work*,
                                                                         Job& job) {
        return engine::restore(os::disk(), from, to, point, job);
      },
      show_restore);
}

// salvage(from, to, job)
napi_value salvage(const Call& call) {
  return start_job<engine::SalvageReport>(
      call, nullptr, 2,
      [from = path_of(call.env(), call[0]), to = path_of(call.env(), call[1])](
          const Session::Work*, Job& job) { return engine::salvage(os::disk(), from, to, job); },
      show_salvage);
}

}  // namespace

void define_job_functions(Napi::Env env, Napi::Object exports) {
  define(env, exports,
         std::array{Function{"job", entry<job>}, Function{"cancelJob", entry<cancel_job>},
                    Function{"jobProgress", entry<job_progress>}, Function{"verify", entry<verify>},
                    Function{"verifyFile", entry<verify_file>}, Function{"compact", entry<compact>},
                    Function{"backup", entry<backup>}, Function{"restore", entry<restore>},
                    Function{"salvage", entry<salvage>}});
}

}  // namespace jvdb::binding
