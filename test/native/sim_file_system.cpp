#include "sim_file_system.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <set>

namespace jvdb::test {
namespace {

constexpr std::size_t kMaxFile = std::size_t{256} << 20;  // reserved, not used

Status missing(const std::string& path) {
  return {Code::not_found, "no file " + path};
}

}  // namespace

// The bytes of one file: as cached, as on disk, and every version between.
class SimInode {
 public:
  explicit SimInode(std::uint64_t number) : number_(number) {
    void* memory = ::mmap(nullptr, kMaxFile, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    cached_ = static_cast<std::byte*>(memory);
  }
  ~SimInode() { ::munmap(cached_, kMaxFile); }
  SimInode(const SimInode&) = delete;
  SimInode& operator=(const SimInode&) = delete;

  std::uint64_t number() const noexcept { return number_; }
  std::byte* cached() noexcept { return cached_; }
  std::size_t size() const noexcept { return size_; }
  std::size_t reserved() const noexcept { return reserved_.size() * kSector; }

  void resize(std::size_t size) {
    if (size < size_) {
      std::memset(cached_ + size, 0, size_ - size);
      drop_pending_from(size / kSector + (size % kSector != 0 ? 1 : 0));
    }
    size_ = size;
  }
  void write(std::size_t offset, const std::byte* from, std::size_t size) {
    std::memcpy(cached_ + offset, from, size);
    size_ = std::max(size_, offset + size);
    for (std::size_t sector = offset / kSector; sector * kSector < offset + size; ++sector) {
      pending_[sector].push_back(current(sector));
      lost_.erase(sector);
    }
  }
  // Returns the number of sectors that were not reserved before.
  std::size_t reserve(std::size_t offset, std::size_t size) {
    size_ = std::max(size_, offset + size);
    std::size_t added = 0;
    for (std::size_t sector = offset / kSector; sector * kSector < offset + size; ++sector) {
      added += reserved_.insert(sector).second ? 1 : 0;
    }
    return added;
  }
  std::size_t missing_blocks(std::size_t offset, std::size_t size) const {
    std::size_t missing = 0;
    for (std::size_t sector = offset / kSector; sector * kSector < offset + size; ++sector) {
      missing += reserved_.contains(sector) ? 0 : 1;
    }
    return missing;
  }
  // Sectors that a sync would have to find room for.
  std::size_t unplaced() const {
    return static_cast<std::size_t>(
        std::count_if(pending_.begin(), pending_.end(),
                      [&](const auto& item) { return !reserved_.contains(item.first); }));
  }
  void punch(std::size_t offset, std::size_t size) {
    for (std::size_t sector = (offset + kSector - 1) / kSector;
         (sector + 1) * kSector <= offset + size; ++sector) {
      std::memset(cached_ + sector * kSector, 0, kSector);
      pending_[sector].push_back(current(sector));
      reserved_.erase(sector);
    }
  }
  void sync() {
    for (auto& [sector, versions] : pending_) {
      durable_[sector] = versions.back();
      reserved_.insert(sector);
    }
    pending_.clear();
    durable_size_ = size_;
  }
  void fail_sync() {
    for (auto& [sector, versions] : pending_) lost_.insert(sector);
    pending_.clear();
  }
  // What was lost in a failed sync is clean to the cache: forgetting it shows the disk's bytes.
  void drop_cache(std::size_t offset, std::size_t size) {
    for (auto at = lost_.lower_bound(offset / kSector);
         at != lost_.end() && *at * kSector < offset + size;) {
      show_durable(*at);
      at = lost_.erase(at);
    }
  }
  std::unique_ptr<SimInode> after_power_cut(const SimFileSystem::Choose& choose) const {
    auto out = std::make_unique<SimInode>(number_);
    out->durable_ = durable_;
    out->reserved_ = reserved_;
    for (const auto& [sector, versions] : pending_) {
      const std::size_t version = std::min(choose(sector, versions.size()), versions.size());
      if (version > 0) out->durable_[sector] = versions[version - 1];
    }
    out->durable_size_ = std::max(durable_size_, size_);
    out->size_ = out->durable_size_;
    for (const auto& [sector, bytes] : out->durable_) out->show_durable(sector);
    return out;
  }
  void damage(std::size_t offset, std::byte value) {
    cached_[offset] = value;
    durable_[offset / kSector] = current(offset / kSector);
  }

  bool locked = false;

 private:
  using Bytes = std::vector<std::byte>;

  Bytes current(std::size_t sector) const {
    return Bytes(cached_ + sector * kSector, cached_ + (sector + 1) * kSector);
  }
  void show_durable(std::size_t sector) {
    const auto found = durable_.find(sector);
    if (found == durable_.end()) {
      std::memset(cached_ + sector * kSector, 0, kSector);
    } else {
      std::memcpy(cached_ + sector * kSector, found->second.data(), kSector);
    }
  }
  void drop_pending_from(std::size_t sector) {
    pending_.erase(pending_.lower_bound(sector), pending_.end());
    reserved_.erase(reserved_.lower_bound(sector), reserved_.end());
  }

  std::uint64_t number_;
  std::byte* cached_ = nullptr;
  std::size_t size_ = 0;
  std::map<std::size_t, Bytes> durable_;
  std::size_t durable_size_ = 0;
  std::map<std::size_t, std::vector<Bytes>> pending_;  // versions since the last sync
  std::set<std::size_t> lost_;
  std::set<std::size_t> reserved_;
};

namespace {

class SimMapping final : public os::Mapping {
 public:
  SimMapping(std::shared_ptr<SimInode> inode, std::size_t offset, std::size_t size)
      : Mapping(inode->cached() + offset, size), inode_(std::move(inode)) {}
  void advise(std::size_t, std::size_t, os::Advice) noexcept override {}
  void prefetch(std::size_t, std::size_t) noexcept override {}

 private:
  std::shared_ptr<SimInode> inode_;
};

}  // namespace

class SimFile final : public os::File {
 public:
  SimFile(std::shared_ptr<SimInode> inode, std::shared_ptr<SimHooks> hooks,
          std::shared_ptr<std::uint64_t> free_bytes, std::string path)
      : inode_(std::move(inode)),
        hooks_(std::move(hooks)),
        free_bytes_(std::move(free_bytes)),
        path_(std::move(path)) {}
  ~SimFile() override {
    if (holds_lock_) inode_->locked = false;
  }

  const std::string& path() const noexcept override { return path_; }
  Result<os::FileInfo> info() const override {
    return os::FileInfo{{1, inode_->number()}, inode_->size(), inode_->reserved()};
  }
  Status read(std::uint64_t offset, void* to, std::size_t size) const override {
    if (offset + size > inode_->size()) return {Code::corrupt, path_ + " ends early"};
    std::memcpy(to, inode_->cached() + offset, size);
    return {};
  }
  Status write(std::uint64_t offset, std::span<const os::Slice> slices) override {
    std::size_t size = 0;
    for (const os::Slice& slice : slices) size += slice.size;
    std::optional<std::size_t> cut;
    if (hooks_->cut_write) cut = hooks_->cut_write(offset, size);
    std::size_t left = cut.value_or(size);
    for (const os::Slice& slice : slices) {
      const std::size_t piece = std::min(left, slice.size);
      inode_->write(offset, static_cast<const std::byte*>(slice.data), piece);
      offset += piece;
      left -= piece;
    }
    return cut ? Status(Code::io, "injected: write failed") : Status();
  }
  using File::write;
  Status resize(std::uint64_t size) override {
    inode_->resize(size);
    return {};
  }
  Status reserve(std::uint64_t offset, std::uint64_t size) override {
    const std::uint64_t needed = inode_->missing_blocks(offset, size) * kSector;
    if (needed > *free_bytes_) return {Code::no_space, "injected: disk full"};
    *free_bytes_ -= needed;
    inode_->reserve(offset, size);
    return {};
  }
  void punch(std::uint64_t offset, std::uint64_t size) noexcept override {
    inode_->punch(offset, size);
  }
  Status sync() override {
    const bool full = inode_->unplaced() * kSector > *free_bytes_;
    if (full || (hooks_->fail_sync && hooks_->fail_sync())) {
      inode_->fail_sync();
      return {full ? Code::no_space : Code::io, "injected: sync failed"};
    }
    inode_->sync();
    if (hooks_->during_sync) hooks_->during_sync();
    return {};
  }
  void start_writeback(std::uint64_t, std::uint64_t) noexcept override {}
  void drop_cache(std::uint64_t offset, std::uint64_t size) noexcept override {
    inode_->drop_cache(offset, size);
  }
  Result<std::unique_ptr<os::Mapping>> map(std::uint64_t offset, std::size_t size) const override {
    return std::unique_ptr<os::Mapping>(std::make_unique<SimMapping>(inode_, offset, size));
  }
  Result<bool> try_lock() override {
    if (hooks_->before_lock) hooks_->before_lock();
    if (inode_->locked) return false;
    inode_->locked = true;
    holds_lock_ = true;
    return true;
  }

 private:
  std::shared_ptr<SimInode> inode_;
  std::shared_ptr<SimHooks> hooks_;
  std::shared_ptr<std::uint64_t> free_bytes_;
  std::string path_;
  bool holds_lock_ = false;
};

SimFileSystem::SimFileSystem()
    : hooks_(std::make_shared<SimHooks>()),
      free_bytes_(std::make_shared<std::uint64_t>(std::numeric_limits<std::uint64_t>::max() / 2)) {}
SimFileSystem::~SimFileSystem() = default;

Result<std::unique_ptr<os::File>> SimFileSystem::open(const std::string& path, os::Access) {
  const auto found = names_.find(path);
  if (found == names_.end()) return missing(path);
  return std::unique_ptr<os::File>(
      std::make_unique<SimFile>(found->second, hooks_, free_bytes_, path));
}

Result<std::unique_ptr<os::File>> SimFileSystem::create(const std::string& path) {
  if (names_.contains(path)) return Status(Code::exists, path + " exists");
  names_[path] = std::make_shared<SimInode>(next_inode_++);
  return open(path, os::Access::read_write);
}

Result<os::FileInfo> SimFileSystem::stat(const std::string& path) {
  const auto found = names_.find(path);
  if (found == names_.end()) return missing(path);
  return os::FileInfo{
      {1, found->second->number()}, found->second->size(), found->second->reserved()};
}

Status SimFileSystem::rename_new(const std::string& from, const std::string& to) {
  if (!names_.contains(from)) return missing(from);
  if (names_.contains(to)) return {Code::exists, to + " exists"};
  names_[to] = names_[from];
  names_.erase(from);
  return {};
}

Status SimFileSystem::remove(const std::string& path) {
  return names_.erase(path) == 1 ? Status() : missing(path);
}

Status SimFileSystem::sync_directory(const std::string&) {
  return {};
}

std::unique_ptr<SimFileSystem> SimFileSystem::power_cut(const Choose& choose) const {
  auto out = std::make_unique<SimFileSystem>();
  out->next_inode_ = next_inode_;
  for (const auto& [path, inode] : names_) out->names_[path] = inode->after_power_cut(choose);
  return out;
}

void SimFileSystem::replace(const std::string& path, const std::string& with) {
  names_[path] = names_.at(with);
  names_.erase(with);
}

std::vector<std::byte> SimFileSystem::bytes(const std::string& path) const {
  SimInode& inode = *names_.at(path);
  return {inode.cached(), inode.cached() + inode.size()};
}

void SimFileSystem::damage(const std::string& path, std::uint64_t offset, std::byte value) {
  names_.at(path)->damage(offset, value);
}

void SimFileSystem::forget_lost(const std::string& path, std::uint64_t offset, std::uint64_t size) {
  names_.at(path)->drop_cache(offset, size);
}

void SimFileSystem::set_free_bytes(std::uint64_t bytes) noexcept {
  *free_bytes_ = bytes;
}

}  // namespace jvdb::test
