// What a fuzzer says when something is wrong. Threads: free functions.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <source_location>
#include <string>

#include "base/status.h"

namespace jvdb::fuzz {

inline void require(bool holds, const char* what,
                    std::source_location where = std::source_location::current()) {
  if (holds) return;
  std::fprintf(stderr, "%s:%u: %s\n", where.file_name(), static_cast<unsigned>(where.line()), what);
  std::abort();
}

// A failure to read what is damaged. Behind the durable LSN that is also what a disk may have lost,
// or a writer rewritten.
inline void require_damage(const Status& status,
                           std::source_location where = std::source_location::current()) {
  const Code code = status.code();
  if (code == Code::corrupt || code == Code::io || code == Code::conflict) return;
  std::fprintf(stderr, "%s: %s\n", code_name(code), std::string(status.message()).c_str());
  require(false, "a failure that isn't damage", where);
}

}  // namespace jvdb::fuzz
