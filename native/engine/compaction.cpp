#include "engine/compaction.h"

#include <chrono>
#include <thread>
#include <utility>

#include "base/guarded.h"
#include "base/text.h"
#include "engine/rows.h"

namespace jvdb::engine {

Compaction::~Compaction() {
  if (renamed_ || temporary_.empty()) return;
  made_.reset();
  to_.reset();
  (void)guarded([&] { return files_.remove(temporary_); });
}

Status Compaction::remove_leftover(os::FileSystem& files, const std::string& path,
                                   const os::File& database) {
  auto target = files.resolve(path);
  if (!target) return target.status();
  const std::string leftover = temporary(*target);
  auto file = files.open(leftover, os::Access::read_only, os::Links::refuse);
  if (!file) return {};  // there is none, or it isn't ours
  auto info = (*file)->info();
  if (!info) return info.status();
  if (info->size > 0) {
    format::Head found;
    format::Head own;
    if (info->size < sizeof found || !(*file)->read(0, &found, sizeof found)) return {};
    if (Status status = database.read(0, &own, sizeof own); !status) return status;
    if (found.header.magic != own.header.magic || found.header.uuid != own.header.uuid) return {};
  }
  file->reset();
  return files.remove(leftover);
}

Status Compaction::begin(const std::string& path) {
  if (Status status = from_->writable(); !status) return status;
  if (Status status = find_place(path); !status) return status;
  return make_file();
}

Status Compaction::find_place(const std::string& path) {
  auto target = files_.resolve(path);
  if (!target) return target.status();
  auto there = files_.stat(*target);
  if (!there) return there.status();
  auto open = from_->info();
  if (!open) return open.status();
  if (there->id != open->id) {
    return {Code::conflict, text(path,
                                 " is another file by now than the one that is open; open "
                                 "that by its present path to compact it")};
  }
  if (open->links > 1) {
    return {Code::conflict,
            text(path, " has ", open->links,
                 " names (hard links), and compacting would leave the old file to the others; "
                 "remove them first")};
  }
  target_ = std::move(*target);
  old_id_ = open->id;
  return remove_leftover(files_, target_, from_->os_file());
}

Status Compaction::make_file() {
  const std::string path = temporary(target_);
  auto file = files_.create(path);
  if (!file) return file.status();
  temporary_ = path;
  (*file)->share_like(from_->os_file());
  format::Head mark{};  // whose it is, should it be left behind
  mark.header.magic = format::kMagic;
  mark.header.uuid = from_->origin().uuid;
  if (Status status = (*file)->write(0, &mark, sizeof mark); !status) return status;
  (*file)->set_path(from_->path());
  if (options_.protocol.lock_before_rename) {
    auto locked = (*file)->try_lock();
    if (!locked) return locked.status();
  }
  if (Status status = write_floor(**file); !status) return status;
  auto info = (*file)->info();
  if (!info) return info.status();
  id_ = info->id;
  file_ = file->get();
  OpenOptions following = options_;
  following.read_only = true;
  auto opened = OpenFile::open(std::move(*file), following);
  if (!opened) return opened.status();
  to_ = std::move(*opened);
  return {};
}

Status Compaction::write_floor(os::File& file) {
  const auto snapshot = from_->snapshot();
  LiveRows rows(*snapshot);
  job_.total = from_->live() * (from_->schema().vector_stride() + from_->schema().code_stride() +
                                sizeof(format::Record));
  made_ = std::make_unique<NewFile>(file, from_->origin(), job_);
  const std::uint64_t lsn = snapshot->point().lsn;
  Status status = made_->add_floor(rows, lsn, snapshot->time_at(lsn));
  if (status) status = made_->write_heads({});
  return status;
}

Result<std::uint64_t> Compaction::catch_up() {
  const auto snapshot = from_->snapshot();
  const std::uint64_t since = made_->last_lsn();
  const std::uint64_t last = snapshot->point().lsn;
  if (last == since) return std::uint64_t{0};
  auto rows = HistoryRows::between(*snapshot, since, last);
  if (!rows) return rows.status();
  if (Status status = made_->add_history(*rows); !status) return status;
  auto outcome = to_->refresh();
  if (!outcome) return outcome.status();
  if (to_->last_lsn() != last) {
    return Status(Code::io, text(to_->path(), ": the compacted file lacks what was written to it"));
  }
  return last - since;
}

Status Compaction::sync() {
  const Status status = job_.go_on();
  return status && options_.protocol.sync_before_rename ? file_->sync() : status;
}

Status Compaction::finish() {
  auto rest = catch_up();
  if (!rest) return rest.status();
  const Tail tail = to_->tail();
  Status status = made_->write_heads({tail.live, tail.dead});
  if (status && options_.protocol.sync_before_rename) status = file_->sync();
  if (status) status = to_->promote(options_.protocol);
  return status;
}

Status Compaction::rename(const Replacement::Exchange& exchange) {
  if (Status status = from_->intact(); !status) return status;
  Replacement replacement(files_, options_, {temporary_, target_, old_id_, std::move(from_), to_},
                          exchange);
  Status status = replacement.run();
  renamed_ = replacement.renamed();
  old_ = replacement.take_old();
  return status;
}

void Compaction::let_go() noexcept {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  while (old_ && old_->use_count() > 1 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  old_.reset();
}

}  // namespace jvdb::engine
