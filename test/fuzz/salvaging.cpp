#include "salvaging.h"

#include "engine/salvage.h"
#include "os/memory/memory_file_system.h"
#include "require.h"

namespace jvdb::fuzz {

// Whatever is saved is whole: that is verified before the new file has its name.
void salvage(std::span<const std::byte> file) {
  os::memory::MemoryFileSystem files;
  {
    const auto from = files.create("from");
    require(from && (*from)->write(0, file.data(), file.size()).ok(), "no memory");
  }
  engine::Job job;
  const auto report = engine::salvage(files, "from", "to", job);
  if (report) {
    require(files.stat("to").ok() && report->live + report->lost <= file.size(), "what was saved");
    return;
  }
  const Code code = report.status().code();
  const bool refused = code == Code::version || code == Code::invalid_argument;
  if (!refused) require_damage(report.status());
  require(!files.stat("to").ok(), "a file that was not finished");
}

}  // namespace jvdb::fuzz
