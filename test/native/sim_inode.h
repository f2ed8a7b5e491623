// One file of the simulated file system: its bytes as they are cached, as they are on disk, and
// every version between that a power cut may leave.
// Threads: one at a time, except reads of mapped bytes.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "reserved_memory.h"

namespace jvdb::test {

inline constexpr std::size_t kSector = 512;

// What a power cut leaves of an unsynced sector: one version of it, or a torn mix of two.
struct SectorCut {
  SectorCut(std::size_t whole) : version(whole) {}  // not explicit: most cuts tear nothing
  SectorCut(std::size_t begin, std::size_t at, std::size_t end)
      : version(begin), torn_at(at), rest(end) {}

  std::size_t version;
  std::size_t torn_at = kSector;  // from this byte on it is version `rest`
  std::size_t rest = 0;
};

// The choices that a power cut makes: 0 is the durable version, `newest` the last one. A function
// is called only where more than one version is left; without it the newest one stays.
struct PowerCut {
  std::function<SectorCut(std::uint64_t sector, std::size_t newest)> sector = nullptr;
  std::function<std::size_t(std::size_t newest)> size = nullptr;  // of each file
  std::function<std::size_t(const std::string& path, std::size_t newest)> name = nullptr;
};

class SimInode {
 public:
  explicit SimInode(std::uint64_t number);
  SimInode(const SimInode&) = delete;
  SimInode& operator=(const SimInode&) = delete;

  std::uint64_t number() const noexcept { return number_; }
  std::byte* cached() noexcept { return memory_.data(); }
  std::size_t size() const noexcept { return sizes_.back(); }
  std::size_t reserved() const noexcept { return reserved_.size() * kSector; }

  void resize(std::size_t size);
  void write(std::size_t offset, const std::byte* from, std::size_t size);
  void reserve(std::size_t offset, std::size_t size);
  void punch(std::size_t offset, std::size_t size);
  // Sectors of the range that a reservation would have to find room for.
  std::size_t missing_blocks(std::size_t offset, std::size_t size) const;
  // Sectors that a sync would have to find room for.
  std::size_t unplaced() const;

  void sync();
  void fail_sync();
  // What was lost in a failed sync is clean to the cache: forgetting it shows the disk's bytes.
  void drop_cache(std::size_t offset, std::size_t size);
  std::unique_ptr<SimInode> after(const PowerCut& cut) const;
  void damage(std::size_t offset, std::byte value);

  bool locked = false;
  std::atomic<int> handles{0};
  std::atomic<int> mappings{0};

 private:
  using Bytes = std::vector<std::byte>;

  Bytes current(std::size_t sector) const;
  Bytes durable(std::size_t sector) const;
  void show_durable(std::size_t sector);
  void add_version(std::size_t sector) { pending_[sector].push_back(current(sector)); }
  void add_size(std::size_t size);

  std::uint64_t number_;
  ReservedMemory memory_;
  std::map<std::size_t, Bytes> durable_;
  std::map<std::size_t, std::vector<Bytes>> pending_;  // versions since the last sync
  std::vector<std::size_t> sizes_{0};                  // the durable one, and all since then
  std::set<std::size_t> lost_;
  std::set<std::size_t> reserved_;
};

}  // namespace jvdb::test
