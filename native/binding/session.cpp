#include "binding/session.h"

#include "base/text.h"

namespace jvdb::binding {

Session::Session(std::string path, engine::Registry::Handle handle, const Options& options)
    : path_(std::move(path)),
      options_(options),
      share_(std::make_shared<engine::Registry::Handle>(std::move(handle))),
      refreshed_lsn_(store().last_lsn()) {}

Session::Work::Work(Session& session) {
  const std::scoped_lock lock(session.mutex_);
  if (session.closing_) return;
  ++session.working_;
  session_ = &session;
  share_ = session.share_;
}

Session::Work::~Work() {
  if (session_ == nullptr) return;
  share_.reset();
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

Result<bool> Session::refresh() {
  if (!options_.read_only) {
    if (Status status = store().intact(); !status) return status;
    return false;
  }
  auto fresh = engine::registry().refresh(path_, *share_);
  if (!fresh) return fresh.status();
  const bool replaced = static_cast<bool>(*fresh);
  if (replaced) {
    auto share = std::make_shared<engine::Registry::Handle>(std::move(*fresh));
    const std::scoped_lock lock(mutex_);
    share_.swap(share);
  }
  const std::uint64_t before = std::exchange(refreshed_lsn_, store().last_lsn());
  return replaced || refreshed_lsn_ != before;
}

std::uint64_t Session::add_snapshot() {
  auto snapshot = store().snapshot();
  const std::scoped_lock lock(mutex_);
  snapshots_[++next_snapshot_] = {share_, std::move(snapshot)};
  return next_snapshot_;
}

const engine::Snapshot* Session::snapshot(std::uint64_t number) {
  const std::scoped_lock lock(mutex_);
  const auto found = snapshots_.find(number);
  return found == snapshots_.end() ? nullptr : found->second.snapshot.get();
}

void Session::drop_snapshot(std::uint64_t number) noexcept {
  decltype(snapshots_)::node_type dropped;  // unmaps a replaced store: not under the mutex
  const std::scoped_lock lock(mutex_);
  dropped = snapshots_.extract(number);
}

Result<engine::Appended> Session::append(engine::Store& store,
                                         const engine::Mutations& mutations) const {
  if (options_.read_only) return engine::read_only_failure(store.path());
  return store.append(mutations);
}

Status Session::settle(engine::Store& store, const engine::Appended& appended) const {
  return options_.commit && appended.lsn != 0 ? store.commit(appended.lsn) : Status();
}

Result<engine::Appended> Session::change(const engine::Mutations& mutations) {
  auto appended = append(store(), mutations);
  if (!appended) return appended;
  if (Status status = settle(store(), *appended); !status) return status;
  return appended;
}

void Session::begin_close() noexcept {
  const std::scoped_lock lock(mutex_);
  closing_ = true;
  for (std::atomic<bool>* cancelled : watched_) *cancelled = true;
}

Status Session::close(bool orderly) {
  begin_close();
  const std::scoped_lock closing(close_mutex_);
  if (closed_) return *closed_;
  {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [&] { return working_ == 0; });
    snapshots_.clear();
  }
  closed_ = share_->close(orderly);
  return *closed_;
}

}  // namespace jvdb::binding
