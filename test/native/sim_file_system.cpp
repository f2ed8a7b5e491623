#include "sim_file_system.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>

#include "allocations.h"

namespace jvdb::test {
namespace {

Status missing(const std::string& path) {
  return {Code::not_found, "no file " + path};
}

std::string directory_of(const std::string& path) {
  return path.substr(0, path.find_last_of('/') + 1);
}

class SimMapping final : public os::Mapping {
 public:
  SimMapping(std::shared_ptr<SimInode> inode, std::size_t offset, std::size_t size)
      : Mapping(inode->cached() + offset, size), inode_(std::move(inode)) {
    ++inode_->mappings;
  }
  ~SimMapping() override { --inode_->mappings; }
  void advise(std::size_t, std::size_t, os::Advice) noexcept override {}

 private:
  std::shared_ptr<SimInode> inode_;
};

}  // namespace

class SimFile final : public os::File {
 public:
  SimFile(std::shared_ptr<SimInode> inode, std::shared_ptr<SimHooks> hooks,
          std::shared_ptr<std::uint64_t> free_bytes, std::string path)
      : File(std::move(path)),
        inode_(std::move(inode)),
        hooks_(std::move(hooks)),
        free_bytes_(std::move(free_bytes)) {
    ++inode_->handles;
  }
  ~SimFile() override {
    --inode_->handles;
    if (holds_lock_) inode_->locked = false;
  }

  Result<os::FileInfo> info() const override {
    if (Status status = hooks_->look(); !status) return status;
    return os::FileInfo{{1, inode_->number()}, inode_->size(), inode_->reserved()};
  }
  Status read(std::uint64_t offset, void* to, std::size_t size) const override {
    if (hooks_->before_read) hooks_->before_read(offset);
    if (Status status = hooks_->look(); !status) return status;
    if (offset + size > inode_->size()) return {Code::corrupt, path() + " ends early"};
    std::memcpy(to, inode_->cached() + offset, size);
    return {};
  }
  Status write(std::uint64_t offset, std::span<const os::Slice> slices) override {
    const Kernel kernel;
    if (Status status = hooks_->change(); !status) return status;
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
    const Kernel kernel;
    if (Status status = hooks_->change(); !status) return status;
    inode_->resize(size);
    return {};
  }
  Status reserve(std::uint64_t offset, std::uint64_t size) override {
    const Kernel kernel;
    if (Status status = hooks_->change(); !status) return status;
    const std::uint64_t needed = inode_->missing_blocks(offset, size) * kSector;
    if (needed > *free_bytes_) return {Code::no_space, "injected: disk full"};
    *free_bytes_ -= needed;
    inode_->reserve(offset, size);
    return {};
  }
  void punch(std::uint64_t offset, std::uint64_t size) noexcept override {
    const Kernel kernel;
    if (!hooks_->change()) return;
    inode_->punch(offset, size);
  }
  Status sync() override {
    const Kernel kernel;
    if (Status status = hooks_->change(); !status) {
      inode_->fail_sync();
      return status;
    }
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
  Result<std::unique_ptr<os::Mapping>> map(std::uint64_t offset, std::size_t size,
                                           os::Sharing sharing) const override {
    if (Status status = hooks_->look(); !status) return status;
    if (sharing == os::Sharing::copy_on_write) return Status(Code::io, "there is only one memory");
    // On a machine the mapping succeeds, and the process dies as it reads what isn't there.
    if (offset + size > inode_->size()) return Status(Code::io, "mapped past the file's end");
    return std::unique_ptr<os::Mapping>(std::make_unique<SimMapping>(inode_, offset, size));
  }
  Result<bool> try_lock() override {
    if (hooks_->before_lock) hooks_->before_lock();
    if (Status status = hooks_->look(); !status) return status;
    if (inode_->locked) return false;
    inode_->locked = true;
    holds_lock_ = true;
    return true;
  }

 private:
  std::shared_ptr<SimInode> inode_;
  std::shared_ptr<SimHooks> hooks_;
  std::shared_ptr<std::uint64_t> free_bytes_;
  bool holds_lock_ = false;
};

SimFileSystem::SimFileSystem()
    : hooks_(std::make_shared<SimHooks>()),
      free_bytes_(std::make_shared<std::uint64_t>(std::numeric_limits<std::uint64_t>::max() / 2)) {}
SimFileSystem::~SimFileSystem() = default;

std::shared_ptr<SimInode> SimFileSystem::find(const std::string& path) const {
  const auto found = names_.find(path);
  return found == names_.end() ? nullptr : found->second.back();
}

void SimFileSystem::set_name(const std::string& path, std::shared_ptr<SimInode> inode) {
  const auto [at, added] = names_.try_emplace(path);
  if (added) at->second.push_back(nullptr);
  at->second.push_back(std::move(inode));
}

Result<std::unique_ptr<os::File>> SimFileSystem::open(const std::string& path, os::Access,
                                                      os::Links) {
  if (Status status = hooks_->look(); !status) return status;
  auto inode = find(path);
  if (!inode) return missing(path);
  return std::unique_ptr<os::File>(
      std::make_unique<SimFile>(std::move(inode), hooks_, free_bytes_, path));
}

Result<std::unique_ptr<os::File>> SimFileSystem::create(const std::string& path) {
  const Kernel kernel;
  if (Status status = hooks_->change(); !status) return status;
  if (find(path)) return Status(Code::exists, path + " exists");
  set_name(path, std::make_shared<SimInode>(next_inode_++));
  return open(path, os::Access::read_write);
}

Result<os::FileInfo> SimFileSystem::stat(const std::string& path) {
  if (Status status = hooks_->look(); !status) return status;
  const auto inode = find(path);
  if (!inode) return missing(path);
  return os::FileInfo{{1, inode->number()}, inode->size(), inode->reserved()};
}

Status SimFileSystem::rename_new(const std::string& from, const std::string& to) {
  const Kernel kernel;
  if (Status status = hooks_->change(); !status) return status;
  const auto inode = find(from);
  if (!inode) return missing(from);
  if (find(to)) return {Code::exists, to + " exists"};
  set_name(to, inode);
  set_name(from, nullptr);
  return {};
}

Status SimFileSystem::replace(const std::string& from, const std::string& to) {
  const Kernel kernel;
  if (hooks_->before_replace) hooks_->before_replace();
  const auto old = find(to);
  const bool open = unreplaceable_ == Unreplaceable::open;
  if (old && unreplaceable_ != Unreplaceable::nothing &&
      (old->mappings > 0 || (open && old->handles > 0))) {
    return {Code::conflict, to + " is in use"};
  }
  if (Status status = hooks_->change(); !status) return status;
  const auto inode = find(from);
  if (!inode) return missing(from);
  set_name(to, inode);
  set_name(from, nullptr);
  return {};
}

Status SimFileSystem::remove(const std::string& path) {
  const Kernel kernel;
  if (Status status = hooks_->change(); !status) return status;
  if (!find(path)) return missing(path);
  set_name(path, nullptr);
  return {};
}

Status SimFileSystem::sync_directory(const std::string& path) {
  const Kernel kernel;
  if (Status status = hooks_->change(); !status) return status;
  for (auto at = names_.begin(); at != names_.end();) {
    auto& [name, versions] = *at;
    if (directory_of(name) == directory_of(path)) {
      versions.erase(versions.begin(), std::prev(versions.end()));
    }
    const bool gone = versions.size() == 1 && !versions.back();
    at = gone ? names_.erase(at) : std::next(at);
  }
  return {};
}

std::unique_ptr<SimFileSystem> SimFileSystem::power_cut(const PowerCut& cut) const {
  auto out = std::make_unique<SimFileSystem>();
  out->next_inode_ = next_inode_;
  std::map<std::shared_ptr<SimInode>, std::shared_ptr<SimInode>> after;
  for (const auto& [path, versions] : names_) {
    const std::size_t newest = versions.size() - 1;
    const std::size_t chosen =
        cut.name && newest > 0 ? std::min(cut.name(path, newest), newest) : newest;
    const auto& inode = versions[chosen];
    if (!inode) continue;
    auto& copy = after[inode];
    if (!copy) copy = inode->after(cut);
    out->names_[path] = {copy};
  }
  return out;
}

std::vector<std::byte> SimFileSystem::bytes(const std::string& path) const {
  const auto inode = find(path);
  return {inode->cached(), inode->cached() + inode->size()};
}

void SimFileSystem::damage(const std::string& path, std::uint64_t offset, std::byte value) {
  find(path)->damage(offset, value);
}

void SimFileSystem::forget_lost(const std::string& path, std::uint64_t offset, std::uint64_t size) {
  find(path)->drop_cache(offset, size);
}

void SimFileSystem::set_free_bytes(std::uint64_t bytes) noexcept {
  *free_bytes_ = bytes;
}

}  // namespace jvdb::test
