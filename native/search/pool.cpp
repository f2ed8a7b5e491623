#include "search/pool.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "base/guarded.h"
#include "os/process.h"

namespace jvdb::search {
namespace {

// One run(), on its caller's stack.
struct Job {
  const std::function<void()>& work;
  unsigned wanted;       // helpers that have not come yet
  unsigned working = 0;  // that have
};

}  // namespace

struct Pool::State {
  const std::uint32_t process = os::process_generation();
  std::mutex mutex;  // all below
  std::condition_variable asked;
  std::condition_variable helped;
  std::deque<Job*> jobs;  // that want helpers
  bool ending = false;
  std::vector<std::thread> threads;

  void serve() {
    std::unique_lock lock(mutex);
    for (;;) {
      asked.wait(lock, [&] { return ending || !jobs.empty(); });
      if (jobs.empty()) return;
      Job& job = *jobs.front();
      if (--job.wanted == 0) jobs.pop_front();
      ++job.working;
      lock.unlock();
      job.work();
      lock.lock();
      if (--job.working == 0) helped.notify_all();
    }
  }

  // Under the mutex. After a failure there are fewer.
  Status start_threads(std::size_t count) {
    return guarded([&] {
      threads.reserve(count);
      while (threads.size() < count) threads.emplace_back([this] { serve(); });
      return Status();
    });
  }
};

Pool::Pool() : state_(std::make_unique<State>()) {}

Pool::~Pool() {
  if (os::process_generation() != state_->process) {
    // NOLINTNEXTLINE(bugprone-unused-return-value): the threads are the parent's, the lock held
    (void)state_.release();
    return;
  }
  {
    const std::scoped_lock lock(state_->mutex);
    state_->ending = true;
  }
  state_->asked.notify_all();
  for (std::thread& thread : state_->threads) thread.join();
}

std::shared_ptr<Pool> Pool::shared() {
  static std::mutex mutex;
  static std::weak_ptr<Pool> current;
  const std::scoped_lock lock(mutex);
  std::shared_ptr<Pool> pool = current.lock();
  if (!pool) {
    pool.reset(new Pool());
    current = pool;
  }
  return pool;
}

void Pool::run(unsigned helpers, const std::function<void()>& work) {
  helpers = std::min(helpers, parallelism() - 1);
  if (helpers == 0) return work();
  State& state = *state_;
  Job job{work, helpers};
  {
    const std::scoped_lock lock(state.mutex);
    (void)state.start_threads(std::max<std::size_t>(state.threads.size(), helpers));
    state.jobs.push_back(&job);
  }
  for (unsigned i = 0; i < helpers; ++i) state.asked.notify_one();
  work();
  std::unique_lock lock(state.mutex);
  if (job.wanted > 0) std::erase(state.jobs, &job);
  state.helped.wait(lock, [&] { return job.working == 0; });
}

unsigned Pool::parallelism() noexcept {
  static const unsigned threads = std::max(1U, std::thread::hardware_concurrency());
  return threads;
}

}  // namespace jvdb::search
