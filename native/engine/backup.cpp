#include "engine/backup.h"

#include "base/guarded.h"
#include "base/random.h"
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

// One of the files to restore from.
struct Source {
  std::shared_ptr<OpenFile> file;
  std::unique_ptr<Snapshot> snapshot;
  std::uint64_t first() const noexcept { return snapshot->history_floor().lsn; }
  std::uint64_t last() const noexcept { return snapshot->point().lsn; }
};

class Restore {
 public:
  Restore(os::FileSystem& files, const RestorePoint& point, Job& job)
      : files_(files), point_(point), job_(job) {}

  Status open(const std::vector<std::string>& from);
  Result<RestoreReport> write(const std::string& to);

 private:
  Result<Source> open_source(const std::string& path, bool increment);
  Status check_follows(const Source& increment) const;
  Status find_end();
  Status outside(const std::string& point) const;
  static std::uint64_t size_of(const OpenFile& file);

  os::FileSystem& files_;
  const RestorePoint point_;
  Job& job_;
  std::vector<Source> sources_;
  std::uint64_t last_lsn_ = 0;
  std::uint64_t last_time_us_ = 0;
};

Result<Source> Restore::open_source(const std::string& path, bool increment) {
  auto file = files_.open(path, os::Access::read_only);
  if (!file) return file.status();
  OpenOptions options;
  options.read_only = true;
  auto opened = OpenFile::open(std::move(*file), options, increment);
  if (!opened) return opened.status();
  Source out{std::move(*opened), nullptr};
  out.snapshot = out.file->snapshot();
  return out;
}

Status Restore::open(const std::vector<std::string>& from) {
  if (from.empty()) return {Code::invalid_argument, "there is nothing to restore from"};
  for (const std::string& path : from) {
    auto source = open_source(path, !sources_.empty());
    if (!source) return source.status();
    if (!sources_.empty()) {
      if (Status status = check_follows(*source); !status) return status;
    }
    sources_.push_back(std::move(*source));
  }
  return find_end();
}

Status Restore::check_follows(const Source& increment) const {
  const Source& before = sources_.back();
  const NewFile::Origin origin = increment.file->origin();
  const NewFile::Origin first = sources_.front().file->origin();
  const bool follows =
      origin.uuid == first.uuid && origin.schema == first.schema &&
      origin.id_hash_seed == first.id_hash_seed && increment.first() == before.last() &&
      increment.snapshot->history_floor().time_us == before.snapshot->time_at(before.last());
  if (follows) return {};
  return {Code::conflict,
          text(increment.file->path(), " holds what followed LSN ", increment.first(),
               " of its database, but ", before.file->path(), " ends with LSN ", before.last(),
               " or is of another history; give the increments in order, each once, with the "
               "copy that the first follows")};
}

Status Restore::outside(const std::string& point) const {
  const Source& first = sources_.front();
  return {Code::not_found,
          text(first.file->path(), " and what follows it hold the states from LSN ", first.first(),
               " to ", sources_.back().last(), ", not the one at ", point)};
}

// The last group that ends at or before the point.
Status Restore::find_end() {
  const HistoryFloor& floor = sources_.front().snapshot->history_floor();
  if (point_.lsn && (*point_.lsn < floor.lsn || *point_.lsn > sources_.back().last())) {
    return outside(text("LSN ", *point_.lsn));
  }
  if (point_.time_us && *point_.time_us < floor.time_us) {
    return outside(text(*point_.time_us, " microseconds after 1970"));
  }
  last_lsn_ = floor.lsn;
  last_time_us_ = floor.time_us;
  for (const Source& source : sources_) {
    auto changes = Changes::since(*source.snapshot, source.first());
    if (!changes) return changes.status();
    for (Changes::Step step; changes->step(step);) {
      const format::Record& record = step.extent->record(step.record);
      if (point_.lsn && record.lsn > *point_.lsn) return {};
      if (point_.time_us && record.timestamp_us > *point_.time_us) return {};
      if (format::more_follows(record)) continue;
      last_lsn_ = record.lsn;
      last_time_us_ = record.timestamp_us;
    }
  }
  return {};
}

std::uint64_t Restore::size_of(const OpenFile& file) {
  const auto info = file.info();
  return info ? info->allocated : 0;
}

Result<RestoreReport> Restore::write(const std::string& to) {
  const std::uint64_t began = now_us();
  auto unnamed = UnnamedFile::create(files_, to);
  if (!unnamed) return unnamed.status();
  for (const Source& source : sources_) job_.total += 2 * size_of(*source.file);
  // A database of its own from here on: its history will be another one.
  NewFile::Origin origin = sources_.front().file->origin();
  origin.uuid = format::random_uuid();
  NewFile made(unnamed->file(), origin, job_);
  const Source& first = sources_.front();
  Status status =
      made.copy_history(first.file->os_file(), *first.snapshot, std::min(last_lsn_, first.last()));
  for (std::size_t i = 1; status && i < sources_.size(); ++i) {
    const Source& source = sources_[i];
    if (source.first() >= last_lsn_) break;
    auto rows =
        HistoryRows::between(*source.snapshot, source.first(), std::min(last_lsn_, source.last()));
    status = rows ? made.add_history(*rows) : rows.status();
  }
  if (!status) return status;
  for (const Source& source : sources_) {
    if (Status intact = source.file->intact(); !intact) return intact;
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
    if (Status status = work.open(from); !status) return status;
    return work.write(to);
  });
}

}  // namespace jvdb::engine
