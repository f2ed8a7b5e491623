// One JavaScript handle to a store. It ends once, and not before the work that other threads do for
// it has ended.
// Threads: close() and begin() from any thread; the rest as noted.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/status.h"
#include "engine/registry.h"

namespace jvdb::binding {

class Session {
  // The store of a follower is replaced when its file was: work and snapshots keep theirs.
  using Share = std::shared_ptr<engine::Registry::Handle>;

 public:
  // What a handle decides for itself, whatever other handles to the store do.
  struct Options {
    bool read_only = false;
    bool flush_on_exit = true;
    bool commit = false;  // durability 'commit': a mutation returns once it is on disk
  };

  Session(std::string path, engine::Registry::Handle handle, const Options& options);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // A piece of work on another thread, which close() waits for. Made before it is queued, it is
  // done even if close() comes before its turn; made when it begins, it may be too late.
  class Work {
   public:
    explicit Work(Session& session);
    Work(Work&& other) noexcept
        : session_(std::exchange(other.session_, nullptr)), share_(std::move(other.share_)) {}
    ~Work();
    Work& operator=(const Work&) = delete;
    explicit operator bool() const noexcept { return session_ != nullptr; }  // false: too late
    // The store as of when the work was made.
    engine::Store& store() const noexcept { return **share_; }
    const engine::Registry::Handle& handle() const noexcept { return *share_; }

   private:
    Session* session_ = nullptr;
    Share share_;
  };

  // A place in the order in which changes were asked for: those that other threads make take effect
  // in it. To be made on the JavaScript thread, before the work is queued.
  class Turn {
   public:
    explicit Turn(Session& session);
    Turn(Turn&& other) noexcept
        : session_(std::exchange(other.session_, nullptr)), number_(other.number_) {}
    ~Turn() { end(); }
    Turn& operator=(const Turn&) = delete;
    // Until all before it have ended. They run already: the pool begins work in its order.
    void await();
    void end() noexcept;

   private:
    Session* session_;
    std::uint64_t number_ = 0;
  };

  // What calls get once the session is closed.
  static Status closed() { return {Code::closed, "the store is closed; open it again to use it"}; }
  bool closing();
  // What work that can be given up came to: closed() where close() gave it up.
  Status outcome(Status status) {
    return status.code() == Code::aborted && closing() ? closed() : std::move(status);
  }

  // Flags that close() raises, for work that can stop early.
  void watch(std::atomic<bool>& cancelled);
  void unwatch(std::atomic<bool>& cancelled);
  // Raises them without closing: the process is ending.
  void cancel() noexcept;

  // Snapshots are the session's, so that closing it can end them; nullptr once it did.
  std::uint64_t add_snapshot();
  const engine::Snapshot* snapshot(std::uint64_t number);
  void drop_snapshot(std::uint64_t number) noexcept;

  // Only while not closed, on the JavaScript thread whose handle this is.
  engine::Store& store() const noexcept { return **share_; }
  // Read-only: takes in what the writer added. True if anything is new since the last time.
  Result<bool> refresh();
  bool flush_on_exit() const noexcept { return options_.flush_on_exit; }

  // A change: append(), then settle().
  Result<engine::Appended> change(const engine::Mutations& mutations);
  // Code::read_only where the handle is.
  Result<engine::Appended> append(engine::Store& store, const engine::Mutations& mutations) const;
  // With durability 'commit', waits until it is on disk.
  Status settle(engine::Store& store, const engine::Appended& appended) const;
  // From here on no new work is taken, and what can be cancelled is.
  void begin_close() noexcept;
  // begin_close(), then waits for work under way. `orderly`: flushed and marked as
  // closed in order, if this was the last handle of the process. The second call waits for the
  // first, and returns the same.
  Status close(bool orderly);

 private:
  struct OwnedSnapshot {
    Share share;
    std::unique_ptr<engine::Snapshot> snapshot;  // goes first
  };

  const std::string path_;
  const Options options_;
  std::mutex close_mutex_;
  std::optional<Status> closed_;     // what closing it came to
  Share share_;                      // replaced on the JavaScript thread, under the mutex
  std::uint64_t refreshed_lsn_ = 0;  // the JavaScript thread's

  std::mutex mutex_;  // all below
  std::condition_variable idle_;
  std::uint64_t working_ = 0;
  bool closing_ = false;
  std::set<std::uint64_t> turns_;  // that have not ended
  std::uint64_t next_turn_ = 0;
  std::condition_variable turn_ended_;
  std::set<std::atomic<bool>*> watched_;
  std::map<std::uint64_t, OwnedSnapshot> snapshots_;
  std::uint64_t next_snapshot_ = 0;
};

}  // namespace jvdb::binding
