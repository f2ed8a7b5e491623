// One engine for each file of a process: every handle to the same file, in whatever isolate and
// under whatever path, shares it (rule 15).
// Threads: every call from any thread. Opening and closing one file follow one another; other files
// are not held up by it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "base/status.h"
#include "engine/open_request.h"
#include "engine/store.h"
#include "os/file_system.h"
#include "os/process.h"

namespace jvdb::engine {

class Registry {
  struct Entry;

 public:
  // A share in an open store. One that may write flushes when it goes; the last one closes it.
  class Handle {
   public:
    Handle() = default;
    Handle(Handle&&) noexcept = default;
    Handle& operator=(Handle&& other) noexcept;
    ~Handle() { (void)close(); }

    explicit operator bool() const noexcept { return entry_ != nullptr; }
    Store& operator*() const noexcept;
    Store* operator->() const noexcept { return &**this; }
    // Ends this share. The failure of the flush; the share is given up all the same. Not `orderly`:
    // without flushing, as if the process had ended.
    Status close(bool orderly = true);
    // As Store::compact().
    Result<CompactReport> compact(Job& job) const;

   private:
    friend class Registry;
    Handle(std::shared_ptr<Entry> entry, bool writes, os::Links links) noexcept
        : entry_(std::move(entry)), writes_(writes), links_(links) {}
    std::shared_ptr<void> registry_;  // where it is the handle's own; goes last
    std::shared_ptr<Entry> entry_;
    bool writes_ = false;
    os::Links links_ = os::Links::follow;  // where it looks for the file again
  };

  explicit Registry(os::FileSystem& files) : files_(files) {}

  // Code::forked in a child of the process that opened a store first. Code::dimension_mismatch or
  // invalid_argument where the file contradicts the request, locked where another process writes to
  // it.
  Result<Handle> open(const std::string& path, const OpenRequest& request);

  // Makes a database that stays closed: Code::exists where something has the name.
  Status create(const std::string& path, const OpenRequest& request);

  // Removes a database whether it is open in this process or not: whoever has it open there keeps
  // what was there, and can tell (Store::removed). Code::locked where another process writes to it.
  // A link is not followed.
  Status remove(const std::string& path);

  // A store of a registry that nobody else knows, which lives as long as it is open.
  static Result<Handle> open_alone(std::shared_ptr<Registry> registry, const std::string& path,
                                   const OpenRequest& request);

  // Flushes all that is open for writing; the first failure.
  Status flush_all();

  // Takes in what the writer of a store opened for reading has added. Where another file took its
  // place at `path`, or its history was rewritten, returns a handle to what is there now; the one
  // given goes on showing what it showed. Nothing to do for a handle that may write.
  Result<Handle> refresh(const std::string& path, const Handle& handle,
                         const Protocol& protocol = {});

 private:
  // Device and inode; readers without the lock have a store of their own.
  using Key = std::pair<os::FileId, bool>;

  struct Entry {
    explicit Entry(Registry& owner) noexcept : registry(owner) {}
    Registry& registry;
    const std::uint32_t process = os::process_generation();
    std::mutex mutex;
    std::unique_ptr<Store> store;  // null while nobody has it open
    std::uint64_t handles = 0;
  };

  Result<std::optional<Handle>> try_open(const std::string& path, const OpenRequest& request);
  Result<std::optional<Handle>> open_entry(std::unique_ptr<os::File> file, const std::string& path,
                                           const os::FileId& id, const OpenRequest& request);
  struct LockedEntry {
    std::shared_ptr<Entry> entry;
    std::unique_lock<std::mutex> lock;
  };
  LockedEntry locked_entry(const os::FileId& id, bool read_only);
  Result<bool> lock_file(os::File& file, const std::string& path, const os::FileId& id,
                         const Protocol& protocol);
  Result<CompactReport> compact(const std::shared_ptr<Entry>& entry, Job& job);
  Status rename_entry(const std::shared_ptr<Entry>& entry, const os::FileId& id,
                      const std::function<Status()>& rename);
  Result<bool> try_remove(const std::string& path);
  Result<bool> bring_up_to_date(const std::shared_ptr<Entry>& entry);
  Result<bool> open_store(Entry& entry, std::unique_ptr<os::File> file, const std::string& path,
                          const os::FileId& id, const OpenRequest& request);
  std::shared_ptr<Entry> entry_for(const Key& key);
  std::shared_ptr<Entry> existing_entry(const Key& key);
  void forget(const std::shared_ptr<Entry>& entry);
  Result<bool> refresh_in_place(const std::string& path, const Handle& handle,
                                const Protocol& protocol);

  os::FileSystem& files_;
  const std::uint32_t process_ = os::process_generation();
  std::mutex mutex_;
  std::map<Key, std::weak_ptr<Entry>> entries_;
};

// The process's own, on its disks.
Registry& registry();

}  // namespace jvdb::engine
