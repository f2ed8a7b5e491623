// What a caller asks to be opened, and whether a file is that. Threads: plain data and free
// functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/status.h"
#include "engine/protocol.h"
#include "format/schema.h"
#include "os/file.h"
#include "os/file_system.h"

namespace jvdb::engine {

// What the caller wants the file to be; what it leaves open is taken from the file, or, where the
// file is created, from a default.
struct OpenRequest {
  bool create = true;  // where there is no file yet
  bool read_only = false;
  std::optional<std::uint32_t> dimension;  // needed to create
  std::optional<format::Metric> metric;
  std::optional<format::IdType> id_type;
  std::optional<bool> has_codes;
  std::optional<bool> allow_non_finite;
  std::uint32_t initial_capacity = 1000;
  os::Links links = os::Links::follow;
  os::Advice access = os::Advice::normal;  // of the first handle to a file
  Protocol protocol;
};

// Options that are the file's own must not say otherwise: Code::dimension_mismatch,
// invalid_argument.
Status check_request(const std::string& path, const format::Schema& schema,
                     const OpenRequest& request);

// Of the file to be made: Code::not_found where none is to be made, invalid_argument.
Result<format::Schema> schema_to_create(const std::string& path, const OpenRequest& request);

}  // namespace jvdb::engine
