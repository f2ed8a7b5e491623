#include "os/process.h"

#include <pthread.h>

#include <atomic>

namespace jvdb::os {
namespace {

std::atomic<std::uint32_t> generation{0};

void enter_child() noexcept {
  generation.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

std::uint32_t process_generation() noexcept {
  [[maybe_unused]] static const int watching = pthread_atfork(nullptr, nullptr, enter_child);
  return generation.load(std::memory_order_relaxed);
}

}  // namespace jvdb::os
