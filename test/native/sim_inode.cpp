#include "sim_inode.h"

#include <algorithm>
#include <cstring>

namespace jvdb::test {
namespace {

constexpr std::size_t kMaxFile = std::size_t{256} << 20;  // reserved, not used
constexpr std::size_t kGrowthStep = std::size_t{64} << 10;

std::size_t sectors_for(std::size_t size) noexcept {
  return (size + kSector - 1) / kSector;
}

}  // namespace

SimInode::SimInode(std::uint64_t number) : number_(number), memory_(kMaxFile) {}

void SimInode::resize(std::size_t new_size) {
  const std::size_t old_size = size();
  add_size(new_size);
  if (new_size >= old_size) return;
  std::memset(memory_.data() + new_size, 0, old_size - new_size);
  // What was cut off may come back with the old size, or inside a file that has grown again.
  std::set<std::size_t> cut;
  const std::size_t first = new_size / kSector;
  for (auto at = durable_.lower_bound(first); at != durable_.end(); ++at) cut.insert(at->first);
  for (auto at = pending_.lower_bound(first); at != pending_.end(); ++at) cut.insert(at->first);
  for (const std::size_t sector : cut) add_version(sector);
  const std::size_t gone = sectors_for(new_size);
  lost_.erase(lost_.lower_bound(gone), lost_.end());
  reserved_.erase(reserved_.lower_bound(gone), reserved_.end());
}

void SimInode::write(std::size_t offset, const std::byte* from, std::size_t size) {
  add_size(std::max(this->size(), offset + size));
  std::memcpy(memory_.data() + offset, from, size);
  for (std::size_t sector = offset / kSector; sector * kSector < offset + size; ++sector) {
    add_version(sector);
    lost_.erase(sector);
  }
}

// The file passes through sizes between where the file system can't reserve and zeros are written.
void SimInode::reserve(std::size_t offset, std::size_t size) {
  const std::size_t end = std::max(this->size(), offset + size);
  while (this->size() < end) {
    add_size(std::min(end, (this->size() / kGrowthStep + 1) * kGrowthStep));
  }
  for (std::size_t sector = offset / kSector; sector * kSector < offset + size; ++sector) {
    reserved_.insert(sector);
  }
}

std::size_t SimInode::missing_blocks(std::size_t offset, std::size_t size) const {
  std::size_t missing = 0;
  for (std::size_t sector = offset / kSector; sector * kSector < offset + size; ++sector) {
    missing += reserved_.contains(sector) ? 0 : 1;
  }
  return missing;
}

std::size_t SimInode::unplaced() const {
  return static_cast<std::size_t>(
      std::count_if(pending_.begin(), pending_.end(), [&](const auto& item) {
        return item.first * kSector < size() && !reserved_.contains(item.first);
      }));
}

void SimInode::punch(std::size_t offset, std::size_t size) {
  for (std::size_t sector = sectors_for(offset); (sector + 1) * kSector <= offset + size;
       ++sector) {
    std::memset(memory_.data() + sector * kSector, 0, kSector);
    add_version(sector);
    reserved_.erase(sector);
  }
}

void SimInode::sync() {
  for (auto& [sector, versions] : pending_) {
    durable_[sector] = std::move(versions.back());
    if (sector * kSector < size()) reserved_.insert(sector);
  }
  pending_.clear();
  sizes_ = {size()};
}

void SimInode::fail_sync() {
  for (auto& [sector, versions] : pending_) lost_.insert(sector);
  pending_.clear();
}

void SimInode::drop_cache(std::size_t offset, std::size_t size) {
  for (auto at = lost_.lower_bound(offset / kSector);
       at != lost_.end() && *at * kSector < offset + size;) {
    show_durable(*at);
    at = lost_.erase(at);
  }
}

std::unique_ptr<SimInode> SimInode::after(const PowerCut& cut) const {
  auto out = std::make_unique<SimInode>(number_);
  out->durable_ = durable_;
  out->reserved_ = reserved_;
  for (const auto& [sector, versions] : pending_) {
    const std::size_t newest = versions.size();
    const SectorCut chosen = cut.sector ? cut.sector(sector, newest) : SectorCut(newest);
    const auto version = [&, at = sector, &all = versions](std::size_t number) {
      return number == 0 ? durable(at) : all[std::min(number, all.size()) - 1];
    };
    Bytes bytes = version(chosen.version);
    if (chosen.torn_at < kSector) {
      const Bytes rest = version(chosen.rest);
      std::copy(rest.begin() + static_cast<std::ptrdiff_t>(chosen.torn_at), rest.end(),
                bytes.begin() + static_cast<std::ptrdiff_t>(chosen.torn_at));
    }
    out->durable_[sector] = std::move(bytes);
  }
  const std::size_t last = sizes_.size() - 1;
  const std::size_t size = sizes_[cut.size && last > 0 ? std::min(cut.size(last), last) : last];
  out->memory_.use(size);
  out->sizes_ = {size};
  const std::size_t gone = sectors_for(size);
  out->durable_.erase(out->durable_.lower_bound(gone), out->durable_.end());
  out->reserved_.erase(out->reserved_.lower_bound(gone), out->reserved_.end());
  if (const auto last_one = out->durable_.find(size / kSector); last_one != out->durable_.end()) {
    std::fill(last_one->second.begin() + static_cast<std::ptrdiff_t>(size % kSector),
              last_one->second.end(), std::byte{0});
  }
  for (const auto& [sector, bytes] : out->durable_) out->show_durable(sector);
  return out;
}

void SimInode::damage(std::size_t offset, std::byte value) {
  memory_.data()[offset] = value;
  durable_[offset / kSector] = current(offset / kSector);
}

SimInode::Bytes SimInode::current(std::size_t sector) const {
  return Bytes(memory_.data() + sector * kSector, memory_.data() + (sector + 1) * kSector);
}

SimInode::Bytes SimInode::durable(std::size_t sector) const {
  const auto found = durable_.find(sector);
  return found == durable_.end() ? Bytes(kSector) : found->second;
}

void SimInode::show_durable(std::size_t sector) {
  const Bytes bytes = durable(sector);
  std::memcpy(memory_.data() + sector * kSector, bytes.data(), kSector);
}

void SimInode::add_size(std::size_t size) {
  if (size == sizes_.back()) return;
  memory_.use(size);
  sizes_.push_back(size);
}

}  // namespace jvdb::test
