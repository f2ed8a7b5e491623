// A snapshot that an iteration reads, some entries at a time. It is the session's, so that closing
// the store can end it. Threads: one call at a time for each object; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "binding/session.h"

namespace jvdb::binding {

class HeldSnapshot {
 public:
  explicit HeldSnapshot(std::shared_ptr<Session> session)
      : session_(std::move(session)), number_(session_->add_snapshot()) {}
  ~HeldSnapshot() { session_->drop_snapshot(number_); }
  HeldSnapshot(const HeldSnapshot&) = delete;
  HeldSnapshot& operator=(const HeldSnapshot&) = delete;

  const std::shared_ptr<Session>& session() const noexcept { return session_; }
  // Gives the snapshot back early; the iteration yields nothing more.
  void end() noexcept {
    session_->drop_snapshot(number_);
    ended_ = true;
  }
  bool ended() const noexcept { return ended_; }
  // nullptr once the session is closed. Only inside a Work.
  const engine::Snapshot* get() const { return session_->snapshot(number_); }

 private:
  std::shared_ptr<Session> session_;
  std::uint64_t number_;
  bool ended_ = false;
};

}  // namespace jvdb::binding
