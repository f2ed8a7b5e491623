#include "os/memory/memory_file_system.h"

#include "base/text.h"
#include "os/memory/memory_file.h"

namespace jvdb::os::memory {
namespace {

Status missing(const std::string& path) {
  return {Code::not_found, text("there is no ", path, " in memory")};
}

Status taken(const std::string& path) {
  return {Code::exists, text(path, " exists in memory already")};
}

}  // namespace

Result<std::unique_ptr<File>> MemoryFileSystem::open(const std::string& path, Access, Links) {
  const std::scoped_lock lock(mutex_);
  const auto found = names_.find(path);
  if (found == names_.end()) return missing(path);
  return std::unique_ptr<File>(std::make_unique<MemoryFile>(found->second, path));
}

Result<std::unique_ptr<File>> MemoryFileSystem::create(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  if (names_.contains(path)) return taken(path);
  const auto place = names_.emplace(path, std::make_shared<MemoryInode>(next_inode_++)).first;
  return std::unique_ptr<File>(std::make_unique<MemoryFile>(place->second, path));
}

Result<FileInfo> MemoryFileSystem::stat(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  const auto found = names_.find(path);
  if (found == names_.end()) return missing(path);
  return found->second->info();
}

Status MemoryFileSystem::rename_new(const std::string& from, const std::string& to) {
  const std::scoped_lock lock(mutex_);
  if (names_.contains(to)) return taken(to);
  std::string name = to;  // before `from` is gone: nothing below throws
  auto node = names_.extract(from);
  if (node.empty()) return missing(from);
  node.key() = std::move(name);
  names_.insert(std::move(node));
  return {};
}

Status MemoryFileSystem::replace(const std::string& from, const std::string& to) {
  const std::scoped_lock lock(mutex_);
  const auto found = names_.find(from);
  if (found == names_.end()) return missing(from);
  names_[to] = found->second;
  names_.erase(found);
  return {};
}

Status MemoryFileSystem::remove(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  return names_.erase(path) == 0 ? missing(path) : Status();
}

}  // namespace jvdb::os::memory
