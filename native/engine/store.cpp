#include "engine/store.h"

#include <chrono>
#include <thread>

#include "base/guarded.h"
#include "base/text.h"
#include "engine/clock.h"

namespace jvdb::engine {

Status read_only_failure(const std::string& path) {
  return {Code::read_only,
          text(path, " was opened with readOnly: true; open it for writing to change it")};
}

Status removed_failure(const std::string& path) {
  return {Code::not_found, text(path, " was deleted; create it again to use it")};
}

Store::Store(FilePtr file, const OpenOptions& options)
    : schema_(file->schema()),
      path_(file->path()),
      options_(options),
      current_(new FilePtr(std::move(file))) {}

Store::~Store() {
  delete current_.load();
}

Result<std::unique_ptr<Store>> Store::open(std::unique_ptr<os::File> file,
                                           const OpenOptions& options) {
  return guarded([&]() -> Result<std::unique_ptr<Store>> {
    auto opened = OpenFile::open(std::move(file), options);
    if (!opened) return opened.status();
    return std::unique_ptr<Store>(new Store(std::move(*opened), options));
  });
}

Store::FilePtr Store::file() const {
  const ReaderGate::Pass pass = gate_.enter();
  return *current_.load(std::memory_order_seq_cst);
}

Result<Appended> Store::append(const Mutations& mutations) {
  if (read_only()) return read_only_failure(path());
  // Of fork(): another thread of the parent may hold the mutex.
  if (os::process_generation() != process_) return forked_failure(path());
  const std::scoped_lock lock(append_mutex_);
  return (*current_.load())->append(mutations);
}

Result<Stats> Store::stats() const {
  return file()->stats();
}

Result<CompactReport> Store::compact(os::FileSystem& files, const Renaming& renaming, Job& job) {
  if (read_only()) return read_only_failure(path());
  if (os::process_generation() != process_) return forked_failure(path());
  return guarded([&]() -> Result<CompactReport> {
    const std::unique_lock only(compact_mutex_, std::try_to_lock);
    if (!only) {
      return Status(Code::conflict, text(path(), " is being compacted already; wait for that"));
    }
    const std::uint64_t began = now_us();
    CompactReport report;
    {
      FilePtr old = file();
      auto before = old->stats();
      if (!before) return before.status();
      report.live = before->live;
      report.bytes_before = report.bytes_after = before->allocated_bytes;
      if (before->dead == 0) return report;
      report.dead = before->dead;
      Compaction compaction(files, std::move(old), options_, job);
      if (Status status = compact_file(compaction, renaming); !status) return status;
      compaction.let_go();
    }
    report.compacted = true;
    job.total = job.done.load();  // it was an estimate
    if (const auto after = file()->info()) report.bytes_after = after->allocated;
    report.duration_us = now_us() - began;
    return report;
  });
}

Result<BackupReport> Store::backup(os::FileSystem& files, const std::string& path,
                                   std::optional<std::uint64_t> since_lsn, Job& job) {
  if (os::process_generation() != process_) return forked_failure(this->path());
  return guarded([&]() -> Result<BackupReport> {
    const FilePtr from = file();
    if (!read_only() && from->writable()) {
      if (Status status = from->flush(); !status) return status;
    }
    return engine::backup(*from, files, path, since_lsn, job);
  });
}

Status Store::compact_file(Compaction& compaction, const Renaming& renaming) {
  constexpr int rounds = 8;
  constexpr std::uint64_t few = 256;
  std::uint64_t before = ~std::uint64_t{0};
  Status status = compaction.begin(path());
  for (int round = 0; status && round < rounds; ++round) {
    auto caught = compaction.catch_up();
    status = caught ? compaction.sync() : caught.status();
    // Of a writer who is faster than the disk there would be more each time: it has to wait.
    if (!caught || *caught <= few || *caught >= before) break;
    before = *caught;
  }
  if (!status) return status;
  {
    std::unique_lock appending(append_mutex_, std::defer_lock);
    if (options_.protocol.catch_up_alone) appending.lock();
    status = compaction.finish();
    if (!status) return status;
    status = renaming(compaction.file_id(), [&] {
      return compaction.rename([&](Current next) { return exchange(std::move(next)); });
    });
  }
  return status;
}

// Whoever reads goes on with what it has; from here on everything else meets the new file.
Store::Current Store::exchange(Current next) noexcept {
  Current old(current_.exchange(next.release()));
  gate_.begin_grace();
  while (!gate_.grace_over()) std::this_thread::sleep_for(std::chrono::microseconds(50));
  return old;
}

}  // namespace jvdb::engine
