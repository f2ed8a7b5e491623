// What JavaScript holds of work on another thread: to watch it, and to give it up.
// Threads: made on the JavaScript thread; the job from any.
#pragma once

#include <cstddef>
#include <memory>

#include "binding/convert.h"
#include "binding/entry.h"
#include "binding/wrapped.h"
#include "engine/job.h"

namespace jvdb::binding {

struct JobHandle {
  static constexpr napi_type_tag kTag{0x6A7664626A6F62, 0x68616E646C650001};
  std::shared_ptr<engine::Job> job = std::make_shared<engine::Job>();
};

// One that nobody else has, where the argument is undefined.
inline std::shared_ptr<engine::Job> job_of(const Call& call, std::size_t argument) {
  if (is_undefined(call.env(), call[argument])) return std::make_shared<engine::Job>();
  return unwrap<JobHandle>(call.env(), call[argument]).job;
}

}  // namespace jvdb::binding
