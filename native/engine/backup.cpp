#include "engine/backup.h"

#include "base/guarded.h"
#include "base/text.h"
#include "engine/clock.h"
#include "engine/rows.h"
#include "engine/unnamed_file.h"
#include "format/seal.h"

namespace jvdb::engine {
namespace {

Status write_backup(NewFile& made, const OpenFile& from, const Snapshot& snapshot,
                    std::optional<std::uint64_t> since_lsn) {
  const std::uint64_t last = snapshot.point().lsn;
  if (!since_lsn) return made.copy_history(from.os_file(), snapshot, last);
  auto rows = HistoryRows::between(snapshot, *since_lsn, last);
  if (!rows) return rows.status();
  made.begin_behind(*since_lsn, snapshot.time_at(*since_lsn));
  return made.add_history(*rows);
}

// One of the files to restore from; open only while it is looked at: there may be many.
struct Source {
  std::string path;
  std::uint64_t first = 0;  // LSN that it follows
  std::uint64_t last = 0;
  std::uint64_t last_time_us = 0;
};

struct OpenSource {
  std::shared_ptr<OpenFile> file;
  std::unique_ptr<Snapshot> snapshot;
};

class Restore {
 public:
  Restore(os::FileSystem& files, const RestorePoint& point, Job& job)
      : files_(files), point_(point), job_(job) {}

  Status read(const std::vector<std::string>& from);
  Result<RestoreReport> write(const std::string& to);

 private:
  Result<OpenSource> open(const std::string& path, bool increment) const;
  Status check_follows(const OpenSource& increment) const;
  Status find_end(const Snapshot& snapshot);
  Status check_point() const;
  Status add(NewFile& made, const Source& source, bool increment) const;
  bool beyond(const format::Record& record) const noexcept {
    return (point_.lsn && record.lsn > *point_.lsn) ||
           (point_.time_us && record.timestamp_us > *point_.time_us);
  }

  os::FileSystem& files_;
  const RestorePoint point_;
  Job& job_;
  std::vector<Source> sources_;
  NewFile::Origin origin_;  // of the first
  std::uint64_t floor_time_us_ = 0;
  bool ended_ = false;  // what follows is beyond the point
  std::uint64_t last_lsn_ = 0;
  std::uint64_t last_time_us_ = 0;
};

Result<OpenSource> Restore::open(const std::string& path, bool increment) const {
  auto file = files_.open(path, os::Access::read_only);
  if (!file) return file.status();
  auto opened = OpenFile::open_to_read(std::move(*file), increment);
  if (!opened) return opened.status();
  OpenSource out{std::move(*opened), nullptr};
  out.snapshot = out.file->snapshot();
  return out;
}

Status Restore::read(const std::vector<std::string>& from) {
  if (from.empty()) return {Code::invalid_argument, "there is nothing to restore from"};
  for (const std::string& path : from) {
    if (Status status = job_.go_on(); !status) return status;
    auto source = open(path, !sources_.empty());
    if (!source) return source.status();
    const HistoryFloor& floor = source->snapshot->history_floor();
    if (sources_.empty()) {
      origin_ = source->file->origin();
      floor_time_us_ = floor.time_us;
      last_lsn_ = floor.lsn;
      last_time_us_ = floor.time_us;
    } else if (Status status = check_follows(*source); !status) {
      return status;
    }
    const std::uint64_t last = source->snapshot->point().lsn;
    sources_.push_back({path, floor.lsn, last, source->snapshot->time_at(last)});
    if (const auto info = source->file->info()) job_.total += 3 * info->allocated;
    if (Status status = find_end(*source->snapshot); !status) return status;
    if (Status status = source->file->intact(); !status) return status;
  }
  return check_point();
}

Status Restore::check_follows(const OpenSource& increment) const {
  const Source& before = sources_.back();
  const NewFile::Origin origin = increment.file->origin();
  const HistoryFloor& floor = increment.snapshot->history_floor();
  const bool follows = origin.uuid == origin_.uuid && origin.schema == origin_.schema &&
                       origin.id_hash_seed == origin_.id_hash_seed && floor.lsn == before.last &&
                       floor.time_us == before.last_time_us;
  if (follows) return {};
  return {Code::conflict,
          text(increment.file->path(), " holds what followed LSN ", floor.lsn,
               " of its database, but ", before.path, " ends with LSN ", before.last,
               " or is of another history; give the increments in order, each once, with the "
               "copy that the first follows")};
}

Status Restore::check_point() const {
  const auto outside = [&](const std::string& point) -> Status {
    return {Code::not_found,
            text(sources_.front().path, " and what follows it hold the states from LSN ",
                 sources_.front().first, " to ", sources_.back().last, ", not the one at ", point)};
  };
  if (point_.lsn && (*point_.lsn < sources_.front().first || *point_.lsn > sources_.back().last)) {
    return outside(text("LSN ", *point_.lsn));
  }
  if (point_.time_us && *point_.time_us < floor_time_us_) {
    return outside(text(*point_.time_us, " microseconds after 1970"));
  }
  return {};
}

// Goes on to the last group that ends at or before the point.
Status Restore::find_end(const Snapshot& snapshot) {
  if (ended_) return {};
  auto changes = Changes::since(snapshot, snapshot.history_floor().lsn);
  if (!changes) return changes.status();
  for (Changes::Step step; changes->step(step);) {
    const format::Record& record = step.extent->record(step.record);
    if (beyond(record)) {
      ended_ = true;
      return {};
    }
    if (format::more_follows(record)) continue;
    last_lsn_ = record.lsn;
    last_time_us_ = record.timestamp_us;
  }
  return {};
}

Status Restore::add(NewFile& made, const Source& source, bool increment) const {
  auto opened = open(source.path, increment);
  if (!opened) return opened.status();
  const std::uint64_t last = std::min(last_lsn_, source.last);
  Status status;
  if (increment) {
    auto rows = HistoryRows::between(*opened->snapshot, source.first, last);
    status = rows ? made.add_history(*rows) : rows.status();
  } else {
    status = made.copy_history(opened->file->os_file(), *opened->snapshot, last);
  }
  return status ? opened->file->intact() : std::move(status);
}

Result<RestoreReport> Restore::write(const std::string& to) {
  const std::uint64_t began = now_us();
  auto unnamed = UnnamedFile::create(files_, to);
  if (!unnamed) return unnamed.status();
  // A database of its own from here on: its history will be another one.
  NewFile::Origin origin = origin_;
  origin.uuid = format::random_uuid();
  NewFile made(unnamed->file(), origin, job_);
  for (const Source& source : sources_) {
    const bool increment = &source != &sources_.front();
    if (increment && source.first >= last_lsn_) break;
    if (Status status = add(made, source, increment); !status) return status;
  }
  auto finished = unnamed->finish(made, false, job_);
  if (!finished) return finished.status();
  job_.total = job_.done.load();
  return RestoreReport{last_lsn_, last_time_us_, finished->live, finished->bytes, now_us() - began};
}

}  // namespace

Result<BackupReport> backup(const OpenFile& from, os::FileSystem& files, const std::string& path,
                            std::optional<std::uint64_t> since_lsn, Job& job) {
  const std::uint64_t began = now_us();
  auto unnamed = UnnamedFile::create(files, path);
  if (!unnamed) return unnamed.status();
  const auto snapshot = from.snapshot();
  auto info = from.info();
  if (!info) return info.status();
  job.total = 3 * info->allocated;  // written, verified, and its checksum taken
  NewFile made(unnamed->file(), from.origin(), job);
  if (Status status = write_backup(made, from, *snapshot, since_lsn); !status) return status;
  if (Status status = from.intact(); !status) return status;
  auto finished = unnamed->finish(made, since_lsn.has_value(), job);
  if (!finished) return finished.status();
  job.total = job.done.load();
  BackupReport out;
  out.increment = since_lsn.has_value();
  out.uuid = from.origin().uuid;
  out.since_lsn = since_lsn.value_or(snapshot->history_floor().lsn);
  out.since_time_us = snapshot->time_at(out.since_lsn);
  out.last_lsn = snapshot->point().lsn;
  out.last_time_us = snapshot->time_at(out.last_lsn);
  out.live = finished->live;
  out.bytes = finished->bytes;
  out.crc = finished->crc;
  out.duration_us = now_us() - began;
  return out;
}

Result<RestoreReport> restore(os::FileSystem& files, const std::vector<std::string>& from,
                              const std::string& to, const RestorePoint& point, Job& job) {
  return guarded([&]() -> Result<RestoreReport> {
    Restore work(files, point, job);
    if (Status status = work.read(from); !status) return status;
    return work.write(to);
  });
}

}  // namespace jvdb::engine
