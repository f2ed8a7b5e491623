// What one JavaScript environment (the main thread or a worker) has of the binding: its open
// stores by handle, and the property names it uses.
// Threads: its JavaScript thread only.
#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "binding/session.h"
#include "os/process.h"

namespace jvdb::binding {

// Property names that are made once for each environment.
enum class Name : std::uint32_t {
  os_error,
  live,
  dead,
  capacity,
  extents,
  file_bytes,
  allocated_bytes,
  memory_bytes,
  last_lsn,
  durable_lsn,
  durable_at,
  flushes,
  recovery,
  clean,
  recovered_lsn,
  dropped_records,
  duration_ms,
  count_of_names,
};

class Environment {
 public:
  // Also installs the hook that closes what is still open when the environment ends.
  static void create(Napi::Env env);
  static Environment& of(napi_env env);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  // In a child of fork(): sessions, locks and threads are the parent's, and must not be touched.
  bool forked() const noexcept { return os::process_generation() != process_; }

  // A number that only this environment can turn back into the session. Never used twice.
  double add(std::shared_ptr<Session> session);
  // Throws Failure: closed for a handle whose session has ended, not_found where the file was
  // removed.
  Session& session(double handle) const;
  std::shared_ptr<Session> share(double handle) const;
  // nullptr where it has ended before.
  std::shared_ptr<Session> remove(double handle) noexcept;

  // `remove` for a session that another thread will close.
  std::shared_ptr<Session> remove_to_close(double handle);
  // One that another thread is about to close; nullptr where there is none.
  std::shared_ptr<Session> closing(double handle) const noexcept;
  // Whether the file of an open session was removed.
  bool removed(double handle) const noexcept;

  // The process is ending: ends searches, makes every open store durable that wants it, as well as
  // it can.
  void flush_all() noexcept;

  napi_value name(Name name) const;

 private:
  explicit Environment(Napi::Env env);
  void close_all() noexcept;

  struct Place {
    std::uint64_t generation = 0;
    std::shared_ptr<Session> session;
  };
  Place* find(double handle) noexcept;
  const Place* find(double handle) const noexcept;

  Napi::Env env_;
  const std::uint32_t process_ = os::process_generation();
  std::vector<Place> places_;
  std::vector<std::size_t> free_;
  std::map<double, std::weak_ptr<Session>> closing_;
  Napi::ObjectReference names_;  // an array: references to strings need a newer Node-API
};

}  // namespace jvdb::binding
