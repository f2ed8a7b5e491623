// A handler of one signal for the whole process, which gives way to those that were there before.
// Threads: install() one at a time; pass_on() in the handler, on any thread.
#pragma once

#include <pthread.h>

#include <array>
#include <atomic>
#include <csignal>

namespace jvdb::os::posix {

class SignalChain {
 public:
  using Handler = void (*)(int number, siginfo_t* info, void* context);

  constexpr SignalChain(int number, Handler handler) noexcept
      : number_(number), handler_(handler) {}
  SignalChain(const SignalChain&) = delete;
  SignalChain& operator=(const SignalChain&) = delete;

  // Does nothing where the handler is in place. May throw bad_alloc.
  void install();

  // What would have happened without this handler.
  void pass_on(siginfo_t* info, void* context) noexcept;

 private:
  // Never freed: another thread may be in it.
  struct Earlier {
    struct ::sigaction action;
    const Earlier* before;
  };
  // A thread in an earlier handler. If that hands the signal back to ours, whom it found when it
  // was installed, the one before it is next: else the two would call each other for ever.
  struct Passing {
    std::atomic<pthread_t> thread{};
    const Earlier* next = nullptr;
  };

  bool is_ours(const struct ::sigaction& action) const noexcept;
  const Earlier* remember(const struct ::sigaction& action);
  Passing* passing_of(pthread_t thread) noexcept;
  Passing* begin_passing(pthread_t thread) noexcept;
  void call(const struct ::sigaction& action, siginfo_t* info, void* context) noexcept;
  void stand_aside() noexcept;
  void act_by_default(const siginfo_t& info) noexcept;

  const int number_;
  const Handler handler_;
  std::atomic<const Earlier*> latest_{nullptr};
  std::array<Passing, 64> passing_{};
};

}  // namespace jvdb::os::posix
