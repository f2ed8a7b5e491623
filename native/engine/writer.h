// Appends groups of mutations to the journal: all of a group or nothing (rules 1, 3, 4 and 10).
// Threads: one call at a time; readers go on meanwhile.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/status.h"
#include "engine/catalog.h"
#include "engine/journal.h"
#include "engine/payload.h"
#include "engine/plan.h"
#include "engine/protocol.h"
#include "format/parse.h"
#include "os/file.h"

namespace jvdb::engine {

struct Appended {
  std::uint64_t lsn = 0;      // of the group's last operation, 0 if it came to nothing
  std::uint64_t stored = 0;   // different ids put
  std::uint64_t removed = 0;  // ids removed
};

class Writer {
 public:
  Writer(os::File& file, const Protocol& protocol, const format::ParsedFile& parsed,
         os::Advice access, Catalog& catalog, const Checker& checker, Journal& journal,
         const WritePosition& end);

  // When it returns a success the group is published: every later reader sees it, and it survives
  // the end of the process. After a failure nothing of it is or ever will be visible. May throw
  // bad_alloc; then nothing has changed.
  Result<Appended> append(const Mutations& mutations);

  // Gives back the disk space behind the tail. The last call.
  void release_unused() noexcept;

 private:
  Result<Appended> append_locked(const Mutations& mutations);

  // Space behind the file's last extent, given back unless kept.
  class NewSpace;

  Status prepare();
  Status reserve_tail();
  void give_back(const format::ExtentGeometry& extent, const Fill& fill) noexcept;
  Status grow(NewSpace& space);
  Status write_headers();
  Status write_records();
  void apply() noexcept;

  os::File& file_;
  const Protocol protocol_;
  const format::Schema schema_;
  const format::Uuid uuid_;
  const os::Advice access_;
  Catalog& catalog_;
  Journal& journal_;

  WritePosition end_;
  Plan plan_;
  PayloadWriter payload_;

  struct Used {
    format::ExtentGeometry extent;
    Fill fill;
  };
  std::vector<Used> used_;  // extents that this handle may have reserved space in
};

}  // namespace jvdb::engine
