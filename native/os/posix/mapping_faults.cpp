#include "os/posix/mapping_faults.h"

#include <sched.h>
#include <sys/mman.h>

#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <array>
#include <cerrno>
#include <cstdint>
#include <mutex>
#include <vector>

#include "base/checked.h"
#include "os/file.h"
#include "os/posix/signal_chain.h"

namespace jvdb::os::posix {
namespace {

struct Range {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  bool writable = false;
  std::atomic<bool>* flag = nullptr;
};

}  // namespace

// Where the handler finds a mapping. It can't wait for whoever changes a place, and needn't: the
// mapping that faults is in use, so its own place doesn't change. Another's, half changed, must not
// look like a range that contains the fault.
struct FaultGuard::Place {
  void set(const Range& range) noexcept {
    const std::uint32_t before = version.load(std::memory_order_relaxed);
    version.store(before + 1, std::memory_order_relaxed);  // odd: being changed
    begin.store(range.begin, std::memory_order_release);
    end.store(range.end, std::memory_order_release);
    writable.store(range.writable, std::memory_order_release);
    flag.store(range.flag, std::memory_order_release);
    version.store(before + 2, std::memory_order_release);
  }
  bool contains(std::uintptr_t address, Range& out) const noexcept {
    const std::uint32_t before = version.load(std::memory_order_acquire);
    out = {begin.load(std::memory_order_acquire), end.load(std::memory_order_acquire),
           writable.load(std::memory_order_acquire), flag.load(std::memory_order_acquire)};
    return before % 2 == 0 && version.load(std::memory_order_relaxed) == before &&
           out.begin <= address && address < out.end;
  }

  std::atomic<std::uint32_t> version{0};
  std::atomic<std::uintptr_t> begin{0};
  std::atomic<std::uintptr_t> end{0};
  std::atomic<bool> writable{false};
  std::atomic<std::atomic<bool>*> flag{nullptr};
};

namespace {

using Place = FaultGuard::Place;

struct Chunk {
  std::array<Place, 64> places;
  const Chunk* next = nullptr;
};

// Of the handler: initialized before any code runs, and never freed.
constinit std::atomic<const Chunk*> chunks{nullptr};
constinit std::atomic<std::uintptr_t> page{0};  // size
// A mapping to give up where a process has as many as it may: even replacing one takes another.
constinit std::atomic<void*> spare{nullptr};
constexpr int kAttempts = 1000;

static_assert(std::atomic<std::uintptr_t>::is_always_lock_free &&
              std::atomic<bool>::is_always_lock_free);

bool map_zeros(std::uintptr_t begin, std::size_t size, int protection) noexcept {
  constexpr int flags = MAP_PRIVATE | MAP_ANON | MAP_FIXED | MAP_NORESERVE;
#if defined(__linux__)
  // Not by the library: a sanitizer stands in for its mmap(), and sees a write beside the readers.
#if defined(SYS_mmap2)
  constexpr long call = SYS_mmap2;
#else
  constexpr long call = SYS_mmap;
#endif
  return ::syscall(call, begin, size, protection, flags, -1, 0L) != -1;
#else
  return ::mmap(reinterpret_cast<void*>(begin), size, protection, flags, -1, 0) != MAP_FAILED;
#endif
}

// One that the system joins with no other.
void take_spare(std::size_t size) noexcept {
  void* const taken = ::mmap(nullptr, size, PROT_NONE, MAP_SHARED | MAP_ANON, -1, 0);
  void* none = nullptr;
  if (taken != MAP_FAILED && !spare.compare_exchange_strong(none, taken)) ::munmap(taken, size);
}

bool put_zeros(const Range& range, std::uintptr_t address) noexcept {
#if defined(__APPLE__)
  // The same signal tells a write to a page that may only be read: it would never end.
  const int protection = PROT_READ | PROT_WRITE;
#else
  const int protection = range.writable ? PROT_READ | PROT_WRITE : PROT_READ;
#endif
  // A page here and a page there can be more mappings than a process may have.
  const std::uintptr_t size = page.load(std::memory_order_relaxed);
  bool mapped = map_zeros(address / size * size, size, protection);
  for (int attempt = 0; !mapped && attempt < kAttempts; ++attempt) {
    mapped = map_zeros(range.begin, range.end - range.begin, protection);
    if (mapped) break;
    // Where another thread has the spare, that makes room.
    if (void* const given = spare.exchange(nullptr)) {
      ::munmap(given, size);
    } else {
      ::sched_yield();
    }
  }
  if (spare.load() == nullptr) take_spare(size);
  return mapped;
}

bool replace(const siginfo_t& info) noexcept {
  if (info.si_code != BUS_ADRERR && info.si_code != BUS_OBJERR)
    return false;  // kill() has no address
  const auto address = reinterpret_cast<std::uintptr_t>(info.si_addr);
  const Chunk* chunk = chunks.load(std::memory_order_acquire);
  for (; chunk != nullptr; chunk = chunk->next) {
    for (const Place& place : chunk->places) {
      Range range;
      if (!place.contains(address, range)) continue;
      // First: whoever sees the zeros sees the flag.
      range.flag->store(true, std::memory_order_seq_cst);
      return put_zeros(range, address);
    }
  }
  return false;
}

void on_fault(int number, siginfo_t* info, void* context);

constinit SignalChain chain(SIGBUS, on_fault);

void on_fault(int, siginfo_t* info, void* context) {
  const int error = errno;
  if (!replace(*info)) chain.pass_on(info, context);
  errno = error;
}

// Of those who map.
class Places {
 public:
  Place& take() {
    const std::scoped_lock lock(mutex_);
    if (free_.empty()) add_chunk();
    chain.install();
    if (spare.load() == nullptr) take_spare(page.load(std::memory_order_relaxed));
    Place* const place = free_.back();
    free_.pop_back();
    return *place;
  }
  void give_back(Place& place) noexcept {
    const std::scoped_lock lock(mutex_);
    place.set({});
    free_.push_back(&place);
  }

 private:
  void add_chunk() {
    auto chunk = std::make_unique<Chunk>();
    count_ += chunk->places.size();
    free_.reserve(count_);  // so that giving back can't fail
    for (Place& place : chunk->places) free_.push_back(&place);
    chunk->next = chunks.load(std::memory_order_relaxed);
    page.store(page_size(), std::memory_order_relaxed);
    chunks.store(chunk.release(), std::memory_order_release);
  }

  std::mutex mutex_;
  std::vector<Place*> free_;
  std::size_t count_ = 0;
};

Places& places() {
  static Places* const instance = new Places;  // mappings may outlive what the process destroys
  return *instance;
}

}  // namespace

FaultGuard::FaultGuard(const void* begin, std::size_t size, bool writable, FaultFlag flag)
    : flag_(std::move(flag)), place_(places().take()) {
  const auto address = reinterpret_cast<std::uintptr_t>(begin);
  place_.set({address, align_up(address + size, page_size()), writable, flag_.get()});
}

FaultGuard::~FaultGuard() {
  places().give_back(place_);
}

}  // namespace jvdb::os::posix
