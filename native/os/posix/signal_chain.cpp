#include "os/posix/signal_chain.h"

namespace jvdb::os::posix {
namespace {

bool takes_info(const struct ::sigaction& action) noexcept {
  return (action.sa_flags & SA_SIGINFO) != 0;
}

bool is_standard(const struct ::sigaction& action, void (*handler)(int)) noexcept {
  return !takes_info(action) && action.sa_handler == handler;
}

bool same(const struct ::sigaction& a, const struct ::sigaction& b) noexcept {
  if (a.sa_flags != b.sa_flags) return false;
  return takes_info(a) ? a.sa_sigaction == b.sa_sigaction : a.sa_handler == b.sa_handler;
}

// The instruction that faulted will fault again.
bool comes_again(const siginfo_t& info) noexcept {
  return info.si_code == BUS_ADRALN || info.si_code == BUS_ADRERR || info.si_code == BUS_OBJERR;
}

}  // namespace

bool SignalChain::is_ours(const struct ::sigaction& action) const noexcept {
  return takes_info(action) && action.sa_sigaction == handler_;
}

const SignalChain::Earlier* SignalChain::remember(const struct ::sigaction& action) {
  const Earlier* const latest = latest_.load(std::memory_order_relaxed);
  for (const Earlier* known = latest; known != nullptr; known = known->before) {
    if (same(known->action, action)) return known;
  }
  return new Earlier{action, latest};
}

void SignalChain::install() {
  struct ::sigaction found{};
  ::sigaction(number_, nullptr, &found);
  if (is_ours(found)) return;
  // Before ours can be called.
  latest_.store(remember(found), std::memory_order_release);
  struct ::sigaction ours{};
  ours.sa_sigaction = handler_;
  // A handler further on may fault, or not return.
  ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTART;
  sigemptyset(&ours.sa_mask);
  struct ::sigaction replaced{};
  ::sigaction(number_, &ours, &replaced);
  if (!is_ours(replaced)) latest_.store(remember(replaced), std::memory_order_release);
}

SignalChain::Passing* SignalChain::passing_of(pthread_t thread) noexcept {
  for (Passing& passing : passing_) {
    if (passing.thread.load(std::memory_order_relaxed) == thread) return &passing;
  }
  return nullptr;
}

SignalChain::Passing* SignalChain::begin_passing(pthread_t thread) noexcept {
  for (Passing& passing : passing_) {
    pthread_t nobody{};
    if (!passing.thread.compare_exchange_strong(nobody, thread, std::memory_order_acquire))
      continue;
    passing.next = latest_.load(std::memory_order_acquire);
    return &passing;
  }
  return nullptr;
}

void SignalChain::pass_on(siginfo_t* info, void* context) noexcept {
  const pthread_t self = ::pthread_self();
  Passing* const outer = passing_of(self);
  Passing* const passing = outer != nullptr ? outer : begin_passing(self);
  const Earlier* const to = passing == nullptr ? nullptr : passing->next;
  if (to == nullptr || is_standard(to->action, SIG_DFL)) {
    act_by_default(*info);
  } else if (is_standard(to->action, SIG_IGN)) {
    // Of a fault the system takes no notice of that either.
    if (comes_again(*info)) act_by_default(*info);
  } else {
    passing->next = to->before;
    call(to->action, info, context);
    passing->next = to;
  }
  if (outer == nullptr && passing != nullptr) {
    passing->thread.store(pthread_t{}, std::memory_order_release);
  }
}

void SignalChain::call(const struct ::sigaction& action, siginfo_t* info, void* context) noexcept {
  if ((action.sa_flags & SA_RESETHAND) != 0) stand_aside();
  sigset_t blocked = action.sa_mask;
  if ((action.sa_flags & SA_NODEFER) == 0) sigaddset(&blocked, number_);
  sigset_t before;
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  if (takes_info(action)) {
    action.sa_sigaction(number_, info, context);
  } else {
    action.sa_handler(number_);
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void SignalChain::stand_aside() noexcept {
  struct ::sigaction standard{};
  standard.sa_handler = SIG_DFL;
  ::sigaction(number_, &standard, nullptr);
}

// Left to the fault itself where there is one: a core dump shows its address then.
void SignalChain::act_by_default(const siginfo_t& info) noexcept {
  stand_aside();
  if (!comes_again(info)) (void)::raise(number_);
}

}  // namespace jvdb::os::posix
