// Puts a compacted file in the place of the old one: under its name, and in the store (rule 13).
// Threads: one call at a time; nobody appends meanwhile, readers and flushes go on.
//
// Where the system replaces no file that is in use, the store goes over to the new file first, and
// the old one is given up before it is replaced. Whatever fails then, the old one comes back.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/status.h"
#include "engine/open_file.h"
#include "os/file_system.h"

namespace jvdb::engine {

class Replacement {
 public:
  // What a store uses. Moved between stores without a failure.
  using Current = std::unique_ptr<std::shared_ptr<OpenFile>>;
  // Makes another file the store's own. Returns the one before, once no Store::Reader is at it.
  using Exchange = std::function<Current(Current)>;

  // What lies where, and what is open of it: both whole, and the new file durable.
  struct Sides {
    std::string from;  // the new file's name until now
    std::string to;    // the old one's
    os::FileId old_id;
    std::shared_ptr<OpenFile> old_file;
    std::shared_ptr<OpenFile> new_file;
  };

  Replacement(os::FileSystem& files, const OpenOptions& options, Sides sides,
              const Exchange& exchange)
      : files_(files), options_(options), sides_(std::move(sides)), exchange_(exchange) {}

  // After a failure with renamed() true the new file has the name, though maybe not for good, and
  // refuses writes. Code::conflict while the old one is in use, where the system minds that.
  Status run();
  bool renamed() const noexcept { return renamed_; }
  // The old file, where it was not given up.
  Current take_old() noexcept { return std::move(old_); }

 private:
  using Clock = std::chrono::steady_clock;

  Status rename();
  Status rename_released(Current next);
  Status wait_for_release(const std::shared_ptr<OpenFile>& file) const;
  Status rename_patiently(std::shared_ptr<os::File>& locked);
  Status put_back(std::shared_ptr<os::File> locked, Current spare);
  Result<std::shared_ptr<os::File>> lock_again();

  os::FileSystem& files_;
  const OpenOptions options_;
  Sides sides_;
  const Exchange& exchange_;
  Clock::time_point deadline_;
  bool renamed_ = false;
  Current old_;
};

}  // namespace jvdb::engine
