// The machine's files, for tests that look at some calls or have them fail.
// Threads: as os::FileSystem.
#pragma once

#include <fstream>
#include <string>

#include "os/file_system.h"

namespace jvdb::test {

class PassingDisk : public os::FileSystem {
 public:
  using FileSystem::open;
  Result<std::unique_ptr<os::File>> open(const std::string& path, os::Access access,
                                         os::Links links) override {
    return os::disk().open(path, access, links);
  }
  Result<std::unique_ptr<os::File>> create(const std::string& path) override {
    return os::disk().create(path);
  }
  Result<os::FileInfo> stat(const std::string& path) override { return os::disk().stat(path); }
  Status rename_new(const std::string& from, const std::string& to) override {
    return os::disk().rename_new(from, to);
  }
  Status replace(const std::string& from, const std::string& to) override {
    return os::disk().replace(from, to);
  }
  Result<std::string> resolve(const std::string& path) override { return os::disk().resolve(path); }
  Status remove(const std::string& path) override { return os::disk().remove(path); }
  Status sync_directory(const std::string& path) override {
    return os::disk().sync_directory(path);
  }
};

// Replaces no file that this process has mapped, as Windows; so far as the system can tell.
class MindfulDisk final : public PassingDisk {
 public:
  Status replace(const std::string& from, const std::string& to) override {
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
      if (line.ends_with(to)) return {Code::conflict, to + " is mapped"};
    }
    return os::disk().replace(from, to);
  }
};

}  // namespace jvdb::test
