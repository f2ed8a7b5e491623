// Long work that can be watched and given up. Threads: the members are atomic.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/status.h"

namespace jvdb::engine {

struct Job {
  std::atomic<bool> cancelled{false};   // set it to give up: Code::aborted soon after
  std::atomic<std::uint64_t> done{0};   // bytes
  std::atomic<std::uint64_t> total{0};  // of about so many; 0 as long as that isn't known

  Status advance(std::uint64_t bytes) {
    done.fetch_add(bytes, std::memory_order_relaxed);
    return go_on();
  }
  Status go_on() const {
    const bool stop = cancelled.load(std::memory_order_relaxed);
    return stop ? Status(Code::aborted, "aborted") : Status();
  }
};

}  // namespace jvdb::engine
