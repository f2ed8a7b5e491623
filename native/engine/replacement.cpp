#include "engine/replacement.h"

#include <thread>

#include "base/guarded.h"
#include "base/text.h"

namespace jvdb::engine {
namespace {

constexpr std::chrono::seconds kPatience{1};  // writers wait that long
constexpr std::chrono::milliseconds kPause{1};

}  // namespace

Status Replacement::run() {
  // Once the file has the name there is no way back: nothing may fail then.
  auto next = std::make_unique<std::shared_ptr<OpenFile>>(sides_.new_file);
  Status status = rename();
  if (renamed_) {
    old_ = exchange_(std::move(next));
  } else if (status.code() == Code::conflict) {
    return rename_released(std::move(next));
  }
  return status;
}

Status Replacement::rename() {
  if (Status status = files_.replace(sides_.from, sides_.to); !status) return status;
  renamed_ = true;
  if (!options_.protocol.directory_sync_in_compaction) return {};
  Status status = guarded([&] { return files_.sync_directory(sides_.to); });
  if (!status) sides_.new_file->refuse_writes(status);
  return status;
}

Status Replacement::rename_released(Current next) {
  // From here on a flush may meet either file, whatever has the name: both must be durable.
  if (Status status = sides_.old_file->flush(); !status) return status;
  auto spare = std::make_unique<std::shared_ptr<OpenFile>>();  // before there is no way back
  deadline_ = Clock::now() + kPatience;
  Current before = exchange_(std::move(next));
  sides_.old_file.reset();
  if (Status status = wait_for_release(*before); !status) {
    exchange_(std::move(before));
    return status;
  }
  std::shared_ptr<os::File> locked = (*before)->share_file();
  before.reset();  // its mappings go, its lock stays
  Status status = rename_patiently(locked);
  if (renamed_) return status;
  const Status back = put_back(std::move(locked), std::move(spare));
  return back ? status : back;
}

// Nobody can come to the file any more, but whoever holds it may go on.
Status Replacement::wait_for_release(const std::shared_ptr<OpenFile>& file) const {
  while (file.use_count() > 1 || file->viewed()) {
    if (Clock::now() >= deadline_) {
      return {Code::conflict,
              text(file->path(), " is in use, and this system replaces no such file: ",
                   file.use_count() > 1
                       ? "an iteration, a search, a backup or the like is under way; end it"
                       : "views of its vectors are alive; drop them and let them be collected",
                   ", then compact again")};
    }
    std::this_thread::sleep_for(kPause);
  }
  return {};
}

Status Replacement::rename_patiently(std::shared_ptr<os::File>& locked) {
  Status status = rename();
  // Some systems mind any open file. A writer who comes to the old one without the lock removes
  // the new file before it begins: then this fails.
  if (status.code() == Code::conflict) locked.reset();
  while (status.code() == Code::conflict && Clock::now() < deadline_) {
    std::this_thread::sleep_for(kPause);  // another process may be looking at it
    status = rename();
  }
  if (status.code() == Code::conflict) status = rename();
  return status;
}

Status Replacement::put_back(std::shared_ptr<os::File> locked, Current spare) {
  Status status = guarded([&]() -> Status {
    if (!locked) {
      auto again = lock_again();
      if (!again) return again.status();
      locked = std::move(*again);
    }
    auto opened = OpenFile::open(std::move(locked), options_);
    if (!opened) return opened.status();
    *spare = std::move(*opened);
    return {};
  });
  if (status) {
    exchange_(std::move(spare));
  } else {
    // What there is to read is the same; what would be written here would have no name.
    sides_.new_file->refuse_writes(status);
  }
  return status;
}

Result<std::shared_ptr<os::File>> Replacement::lock_again() {
  const std::string& path = sides_.new_file->path();
  auto file = files_.open(sides_.to, os::Access::read_write, os::Links::refuse);
  if (!file) return file.status();
  auto locked = (*file)->try_lock();
  if (!locked) return locked.status();
  auto open = (*file)->info();
  if (!open) return open.status();
  auto there = files_.stat(sides_.to);
  if (!*locked || open->id != sides_.old_id || !there || there->id != sides_.old_id) {
    return Status(Code::locked,
                  text(path, " was opened for writing by another process while it was compacted"));
  }
  (*file)->set_path(path);
  return std::shared_ptr<os::File>(std::move(*file));
}

}  // namespace jvdb::engine
