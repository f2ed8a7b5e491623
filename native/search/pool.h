// Threads that help with searches. All stores of a process share one pool: it begins with the first
// and ends with the last.
// Threads: every call from any thread. Not in a child of fork(), but for the destructor.
#pragma once

#include <functional>
#include <memory>

namespace jvdb::search {

class Pool {
 public:
  // May throw bad_alloc.
  static std::shared_ptr<Pool> shared();
  // Waits for threads that are about to fall asleep.
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // Calls work() on this thread and on up to `helpers` of the pool's, which come when they are
  // free; returns when all of these calls have. Once this thread's own call returned nobody comes
  // any more. Where the system refuses threads, fewer help. `work` must not throw.
  void run(unsigned helpers, const std::function<void()>& work);

  // How many threads can run at once here, this one included.
  static unsigned parallelism() noexcept;

 private:
  struct State;
  Pool();
  std::unique_ptr<State> state_;
};

}  // namespace jvdb::search
