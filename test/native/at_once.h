// Runs functions at the same time. Threads: one caller.
#pragma once

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "check.h"

namespace jvdb::test {

// Each on a thread of its own, where expectations may fail too. `stop` is called as soon as one
// did, for those that wait for another.
inline void at_once(
    const std::vector<std::function<void()>>& jobs, const std::function<void()>& stop = [] {}) {
  std::vector<std::string> failures(jobs.size());
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    threads.emplace_back([&, i] {
      try {
        jobs[i]();
      } catch (const std::exception& failure) {
        failures[i] = failure.what();
        stop();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& failure : failures) expect(failure.empty(), failure);
}

}  // namespace jvdb::test
