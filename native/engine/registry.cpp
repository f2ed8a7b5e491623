#include "engine/registry.h"

#include "base/guarded.h"
#include "base/text.h"
#include "engine/create.h"

namespace jvdb::engine {
namespace {

constexpr int kAttempts = 100;  // a file replaced again and again while it is being opened

Status replaced_again_and_again(const std::string& path) {
  return {Code::locked, text(path, " is replaced by another process again and again")};
}

}  // namespace

Registry::Handle& Registry::Handle::operator=(Handle&& other) noexcept {
  if (this != &other) {
    (void)close();
    registry_ = std::move(other.registry_);
    entry_ = std::move(other.entry_);
    writes_ = other.writes_;
    links_ = other.links_;
  }
  return *this;
}

Store& Registry::Handle::operator*() const noexcept {
  return *entry_->store;
}

Status Registry::Handle::close(bool orderly) {
  if (!entry_) return {};
  std::shared_ptr<Entry> entry = std::exchange(entry_, nullptr);
  if (os::process_generation() != entry->process) {
    // A child of fork(): the store is the parent's, and another thread of it may hold the mutex.
    const Entry& left = *entry;
    (void)new (std::nothrow) std::shared_ptr<Entry>(std::move(entry));
    return forked_failure(left.store->path());
  }
  std::unique_lock lock(entry->mutex);
  Status status;
  if (entry->handles > 1 && orderly && writes_) {
    // Others keep the store open, and can be opened and closed meanwhile.
    lock.unlock();
    status = entry->store->flush();
    lock.lock();
  }
  if (--entry->handles > 0) return status;
  if (orderly) status = entry->store->close();
  entry->store.reset();
  return status;
}

Result<CompactReport> Registry::Handle::compact(Job& job) const {
  if (!writes_) return read_only_failure(entry_->store->path());
  return guarded([&] { return entry_->registry.compact(entry_, job); });
}

Result<CompactReport> Registry::compact(const std::shared_ptr<Entry>& entry, Job& job) {
  return entry->store->compact(
      files_,
      [&](const os::FileId& id, const std::function<Status()>& rename) {
        return rename_entry(entry, id, rename);
      },
      job);
}

// Nobody removes the database meanwhile, and whoever opens the new file meets this store.
Status Registry::rename_entry(const std::shared_ptr<Entry>& entry, const os::FileId& id,
                              const std::function<Status()>& rename) {
  const std::scoped_lock lock(entry->mutex);
  if (entry->store->removed()) return removed_failure(entry->store->path());
  const os::FileId before = entry->store->file_id();
  const auto enter = [&] {
    const std::scoped_lock entering(mutex_);
    entries_[{id, false}] = entry;
  };
  const bool first = entry->store->options().protocol.enter_before_rename;
  if (first) enter();
  Status status = rename();
  const bool renamed = entry->store->file_id() == id;
  if (renamed && !first) enter();
  const std::scoped_lock leaving(mutex_);
  entries_.erase({renamed ? before : id, false});
  return status;
}

Result<Registry::Handle> Registry::open_alone(std::shared_ptr<Registry> registry,
                                              const std::string& path, const OpenRequest& request) {
  auto handle = registry->open(path, request);
  if (handle) handle->registry_ = std::move(registry);
  return handle;
}

Result<Registry::Handle> Registry::open(const std::string& path, const OpenRequest& request) {
  if (os::process_generation() != process_) return forked_failure(path);
  return guarded([&]() -> Result<Handle> {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      auto handle = try_open(path, request);
      if (!handle) return handle.status();
      if (*handle) return std::move(**handle);
    }
    return replaced_again_and_again(path);
  });
}

Status Registry::create(const std::string& path, const OpenRequest& request) {
  return guarded([&]() -> Status {
    auto schema = schema_to_create(path, request);
    if (!schema) return schema.status();
    return create_file(files_, path, *schema, request.initial_capacity);
  });
}

Status Registry::remove(const std::string& path) {
  if (os::process_generation() != process_) return forked_failure(path);
  return guarded([&]() -> Status {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      auto removed = try_remove(path);
      if (!removed || *removed) return removed.status();
    }
    return replaced_again_and_again(path);
  });
}

// False where the file at the path changed meanwhile.
Result<bool> Registry::try_remove(const std::string& path) {
  auto file = files_.open(path, os::Access::read_write, os::Links::refuse);
  if (!file) return file.status();
  auto info = (*file)->info();
  if (!info) return info.status();
  const auto [entry, lock] = locked_entry(info->id, false);
  std::unique_ptr<os::File> locked_file = std::move(*file);  // closed before the entry is free
  if (entry->store) {
    auto now = files_.stat(path);
    if (!now || now->id != info->id) return false;
  } else {
    auto locked = lock_file(*locked_file, path, info->id, {});
    if (!locked || !*locked) return locked;
  }
  info = locked_file->info();  // only now does no other removal take its other names
  if (!info) return info.status();
  (void)Compaction::remove_leftover(files_, path, *locked_file);
  if (Status status = files_.remove(path); !status) return status;
  // Under another name it goes on.
  if (info->links == 1) {
    if (entry->store) entry->store->mark_removed();
    if (const auto reading = existing_entry({info->id, true})) {
      const std::scoped_lock reading_lock(reading->mutex);
      if (reading->store) reading->store->mark_removed();
    }
  }
  locked_file.reset();  // the directory takes its descriptor
  if (Status status = files_.sync_directory(path); !status) return status;
  return true;
}

Status Registry::flush_all() {
  if (os::process_generation() != process_) return {};
  return guarded([&]() -> Status {
    std::vector<std::shared_ptr<Entry>> entries;
    {
      const std::scoped_lock lock(mutex_);
      for (const auto& [key, entry] : entries_) entries.push_back(entry.lock());
    }
    Status first;
    for (const auto& entry : entries) {
      Handle share;
      if (entry) {
        const std::scoped_lock lock(entry->mutex);
        if (!entry->store || entry->store->read_only()) continue;
        ++entry->handles;
        share = Handle(entry, true, os::Links::follow);
      }
      Status status = share.close();  // flushes
      if (first) first = std::move(status);
    }
    return first;
  });
}

// nullopt where the file at the path changed meanwhile.
Result<std::optional<Registry::Handle>> Registry::try_open(const std::string& path,
                                                           const OpenRequest& request) {
  const os::Access access = request.read_only ? os::Access::read_only : os::Access::read_write;
  auto file = files_.open(path, access, request.links);
  if (!file) {
    if (file.status().code() != Code::not_found) return file.status();
    auto schema = schema_to_create(path, request);
    if (!schema) return schema.status();
    Status status = create_file(files_, path, *schema, request.initial_capacity);
    if (!status && status.code() != Code::exists) return status;
    // The name is taken, and leads to no file: by a link, or for a moment.
    if (!status && !files_.stat(path) &&
        files_.open(path, access, os::Links::refuse).status().code() == Code::invalid_argument) {
      return Status(Code::invalid_argument,
                    text(path,
                         " is a symbolic link that leads nowhere; remove it, or create the "
                         "file it names"));
    }
    return std::optional<Handle>();
  }
  auto info = (*file)->info();
  if (!info) return info.status();
  return open_entry(std::move(*file), path, info->id, request);
}

Result<std::optional<Registry::Handle>> Registry::open_entry(std::unique_ptr<os::File> file,
                                                             const std::string& path,
                                                             const os::FileId& id,
                                                             const OpenRequest& request) {
  const auto [entry, lock] = locked_entry(id, request.read_only);
  if (entry->store && entry->store->removed()) return std::optional<Handle>();
  auto ready = entry->store ? bring_up_to_date(entry)
                            : open_store(*entry, std::move(file), path, id, request);
  if (!ready) return ready.status();
  if (!*ready) return std::optional<Handle>();
  if (Status status = check_request(entry->store->path(), entry->store->schema(), request);
      !status) {
    if (entry->handles == 0) entry->store.reset();
    return status;
  }
  ++entry->handles;
  return std::optional<Handle>(Handle(entry, !request.read_only, request.links));
}

// A reader shares the engine of a writer in this process, which is always up to date.
Registry::LockedEntry Registry::locked_entry(const os::FileId& id, bool read_only) {
  if (read_only) {
    if (auto entry = existing_entry({id, false})) {
      std::unique_lock lock(entry->mutex);
      if (entry->store) return {std::move(entry), std::move(lock)};
    }
  }
  auto entry = entry_for({id, read_only});
  std::unique_lock lock(entry->mutex);
  return {std::move(entry), std::move(lock)};
}

// A reader's store shows what it showed when another handle was opened or refreshed. False where
// only opening it anew will do.
Result<bool> Registry::bring_up_to_date(const std::shared_ptr<Entry>& entry) {
  auto outcome = entry->store->refresh();
  if (!outcome) return outcome.status();
  if (*outcome != Follower::Outcome::rewritten) return true;
  forget(entry);
  return false;
}

// False where the path leads to another file by now: the lock must be on the one it leads to.
Result<bool> Registry::lock_file(os::File& file, const std::string& path, const os::FileId& id,
                                 const Protocol& protocol) {
  auto locked = file.try_lock();
  if (!locked) return locked.status();
  auto now = files_.stat(path);
  const bool moved = !now || now->id != id;
  if (!*locked && moved) return false;  // a compaction's old file, which somebody still reads
  if (!*locked) {
    return Status(Code::locked, text(path,
                                     " is open for writing in another process; close it "
                                     "there, or open it here with readOnly: true"));
  }
  return !moved || !protocol.stat_after_lock;
}

// False where the file changed meanwhile.
Result<bool> Registry::open_store(Entry& entry, std::unique_ptr<os::File> file,
                                  const std::string& path, const os::FileId& id,
                                  const OpenRequest& request) {
  if (!request.read_only) {
    auto locked = lock_file(*file, path, id, request.protocol);
    if (!locked || !*locked) return locked;
    if (Status status = Compaction::remove_leftover(files_, path, *file); !status) return status;
    // One that gave its lock up for the rename (Replacement) fails from here on, or was faster.
    auto now = files_.stat(path);
    if (request.protocol.stat_after_lock && (!now || now->id != id)) return false;
  }
  auto store = Store::open(std::move(file), {request.read_only, request.access, request.protocol});
  if (!store) {
    const bool again = store.status().code() == Code::conflict;
    return again ? Result(false) : store.status();
  }
  entry.store = std::move(*store);
  return true;
}

Result<Registry::Handle> Registry::refresh(const std::string& path, const Handle& handle,
                                           const Protocol& protocol) {
  if (os::process_generation() != process_) return forked_failure(path);
  return guarded([&]() -> Result<Handle> {
    if (handle.writes_) return Handle();
    OpenRequest request;
    const format::Schema& schema = handle->schema();
    request.create = false;
    request.read_only = true;
    request.dimension = schema.dimension;
    request.metric = schema.metric;
    request.id_type = schema.id_type;
    request.links = handle.links_;
    request.access = handle->access();
    request.protocol = protocol;
    Handle fresh;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      const Handle& current = fresh ? fresh : handle;
      auto done = refresh_in_place(path, current, protocol);
      if (!done) return done.status();
      if (*done) return fresh;
      auto opened = open(path, request);
      if (!opened) return opened.status();
      fresh = std::move(*opened);
    }
    return Status(Code::conflict,
                  text(path, " is rewritten by its writer again and again; try again"));
  });
}

// False where only opening it anew will do.
Result<bool> Registry::refresh_in_place(const std::string& path, const Handle& handle,
                                        const Protocol& protocol) {
  auto there = files_.stat(path);
  if (!there) return there.status();
  auto open = handle->file_info();
  if (!open) return open.status();
  if (there->id != open->id && protocol.replaced_inode) return false;
  return bring_up_to_date(handle.entry_);
}

// Whoever opens the file from here on gets a store of its own.
void Registry::forget(const std::shared_ptr<Entry>& entry) {
  const std::scoped_lock lock(mutex_);
  std::erase_if(entries_, [&](const auto& item) { return item.second.lock() == entry; });
}

std::shared_ptr<Registry::Entry> Registry::existing_entry(const Key& key) {
  const std::scoped_lock lock(mutex_);
  const auto found = entries_.find(key);
  return found == entries_.end() ? nullptr : found->second.lock();
}

std::shared_ptr<Registry::Entry> Registry::entry_for(const Key& key) {
  const std::scoped_lock lock(mutex_);
  std::erase_if(entries_, [](const auto& item) { return item.second.expired(); });
  std::weak_ptr<Entry>& slot = entries_[key];
  std::shared_ptr<Entry> entry = slot.lock();
  if (!entry) {
    entry = std::make_shared<Entry>(*this);
    slot = entry;
  }
  return entry;
}

Registry& registry() {
  // Never destroyed: threads may still hold stores when the process ends.
  static Registry* const instance = new Registry(os::disk());
  return *instance;
}

}  // namespace jvdb::engine
