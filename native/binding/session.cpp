#include "binding/session.h"

#include "base/text.h"

namespace jvdb::binding {

Session::Work::Work(Session& session) {
  const std::scoped_lock lock(session.mutex_);
  if (session.closing_) return;
  ++session.working_;
  session_ = &session;
}

Session::Work::~Work() {
  if (session_ == nullptr) return;
  const std::scoped_lock lock(session_->mutex_);
  if (--session_->working_ == 0) session_->idle_.notify_all();
}

Session::Turn::Turn(Session& session) : session_(&session) {
  const std::scoped_lock lock(session.mutex_);
  number_ = session.next_turn_++;
  session.turns_.insert(number_);
}

void Session::Turn::await() {
  std::unique_lock lock(session_->mutex_);
  session_->turn_ended_.wait(lock, [&] { return *session_->turns_.begin() == number_; });
}

void Session::Turn::end() noexcept {
  if (session_ == nullptr) return;
  const std::scoped_lock lock(session_->mutex_);
  session_->turns_.erase(number_);
  session_->turn_ended_.notify_all();
  session_ = nullptr;
}

bool Session::closing() {
  const std::scoped_lock lock(mutex_);
  return closing_;
}

void Session::watch(std::atomic<bool>& cancelled) {
  const std::scoped_lock lock(mutex_);
  watched_.insert(&cancelled);
  if (closing_) cancelled = true;
}

void Session::unwatch(std::atomic<bool>& cancelled) {
  const std::scoped_lock lock(mutex_);
  watched_.erase(&cancelled);
}

void Session::cancel() noexcept {
  const std::scoped_lock lock(mutex_);
  for (std::atomic<bool>* cancelled : watched_) *cancelled = true;
}

std::uint64_t Session::add_snapshot() {
  auto snapshot = store().snapshot();
  const std::scoped_lock lock(mutex_);
  snapshots_[++next_snapshot_] = std::move(snapshot);
  return next_snapshot_;
}

engine::Snapshot* Session::snapshot(std::uint64_t number) {
  const std::scoped_lock lock(mutex_);
  const auto found = snapshots_.find(number);
  return found == snapshots_.end() ? nullptr : found->second.get();
}

void Session::drop_snapshot(std::uint64_t number) noexcept {
  const std::scoped_lock lock(mutex_);
  snapshots_.erase(number);
}

Result<engine::Appended> Session::append(const engine::Mutations& mutations) {
  if (options_.read_only) return engine::read_only_failure(store().path());
  return store().append(mutations);
}

Status Session::settle(const engine::Appended& appended) {
  return options_.commit && appended.lsn != 0 ? store().commit(appended.lsn) : Status();
}

Result<engine::Appended> Session::change(const engine::Mutations& mutations) {
  auto appended = append(mutations);
  if (!appended) return appended;
  if (Status status = settle(*appended); !status) return status;
  return appended;
}

void Session::begin_close() noexcept {
  const std::scoped_lock lock(mutex_);
  closing_ = true;
  for (std::atomic<bool>* cancelled : watched_) *cancelled = true;
}

Status Session::close(bool orderly) {
  begin_close();
  {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [&] { return working_ == 0; });
    snapshots_.clear();
  }
  return handle_.close(orderly);
}

}  // namespace jvdb::binding
