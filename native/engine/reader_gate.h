// Tells the writer when no reader can still hold a pointer that it has replaced, so that the old
// object can be freed. Readers never wait.
// Threads: any number of readers, each between enter() and the end of its Pass; one writer at a
// time calls begin_grace() and grace_over().
//
// Readers count themselves in under one of two phases. The writer replaces its pointer, flips the
// phase, and frees the old object once the old phase's counts are zero: whoever counted in under
// the new phase looked at the phase after the flip, hence loads the pointer after the replacement.
// All accesses to the phase and the counts are sequentially consistent, as that argument needs.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace jvdb::engine {

class ReaderGate {
  using Count = std::atomic<std::uint32_t>;

 public:
  class Pass {
   public:
    explicit Pass(Count& count) noexcept : count_(count) {}
    ~Pass() { count_.fetch_sub(1, std::memory_order_seq_cst); }
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;

   private:
    Count& count_;
  };

  Pass enter() noexcept {
    Stripe& mine = stripes_[stripe_of_thread()];
    for (;;) {
      const std::uint32_t phase = phase_.load(std::memory_order_seq_cst);
      Count& count = mine.counts[phase];
      count.fetch_add(1, std::memory_order_seq_cst);
      // A flip in between: the count might not be waited for, so take the other one.
      if (phase_.load(std::memory_order_seq_cst) == phase) return Pass(count);
      count.fetch_sub(1, std::memory_order_seq_cst);
    }
  }

  // Only while the grace period before it is over.
  void begin_grace() noexcept { phase_.fetch_xor(1, std::memory_order_seq_cst); }

  bool grace_over() const noexcept {
    const std::uint32_t old = phase_.load(std::memory_order_seq_cst) ^ 1;
    for (const Stripe& stripe : stripes_) {
      if (stripe.counts[old].load(std::memory_order_seq_cst) != 0) return false;
    }
    return true;
  }

 private:
  static constexpr std::size_t kStripes = 16;

  struct alignas(64) Stripe {  // a cache line each, so that readers don't disturb each other
    std::array<Count, 2> counts{};
  };

  static std::size_t stripe_of_thread() noexcept {
    static std::atomic<std::size_t> next{0};
    thread_local const std::size_t mine = next.fetch_add(1, std::memory_order_relaxed) % kStripes;
    return mine;
  }

  std::array<Stripe, kStripes> stripes_;
  std::atomic<std::uint32_t> phase_{0};
};

}  // namespace jvdb::engine
