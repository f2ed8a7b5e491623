// What a call asks to be opened or made. Threads: JavaScript threads; an Opening may be used on
// any.
#pragma once

#include <memory>
#include <string>

#include "binding/entry.h"
#include "binding/session.h"
#include "engine/registry.h"

namespace jvdb::binding {

struct Opening {
  std::string path;
  engine::OpenRequest request;
  Session::Options options;

  Result<std::shared_ptr<Session>> open() const;
};

// The arguments: path, create, readOnly, dimension?, metric?, idType?, codes?, allowNonFinite?,
// initialCapacity, access, flushOnExit, commit, followLinks. Metric, idType and access are
// positions in their lists of names. Throws Failure.
Opening opening_of(const Call& call);

// Throws Failure (invalid_argument) for what can't be a path.
std::string path_of(napi_env env, napi_value value);

}  // namespace jvdb::binding
