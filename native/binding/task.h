// Work on another thread behind a promise. Threads: made and finished on the JavaScript thread, run
// on one of the pool's.
#pragma once

#include <napi.h>

#include <memory>

#include "base/status.h"

namespace jvdb::binding {

class Task {
 public:
  virtual ~Task() = default;
  Task() = default;
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;

  // On the JavaScript thread, right before the task is queued: no JavaScript runs in between.
  virtual void begin() {}
  // On a pool thread; must not touch JavaScript. A failure rejects the promise.
  virtual Status run() = 0;
  // On the JavaScript thread, after a success: what the promise resolves to. May throw.
  virtual Napi::Value result(Napi::Env env) = 0;
};

// Queues the task; returns its promise.
Napi::Value start(Napi::Env env, std::unique_ptr<Task> task);

}  // namespace jvdb::binding
