// Another file, for tests that look at some calls or change them. Threads: as os::File.
#pragma once

#include <memory>
#include <utility>

#include "os/file.h"

namespace jvdb::test {

class PassingFile : public os::File {
 public:
  explicit PassingFile(std::unique_ptr<os::File> file)
      : File(file->path()), file_(std::move(file)) {}

  Result<os::FileInfo> info() const override { return file_->info(); }
  Status read(std::uint64_t offset, void* to, std::size_t size) const override {
    return file_->read(offset, to, size);
  }
  Status write(std::uint64_t offset, std::span<const os::Slice> slices) override {
    return file_->write(offset, slices);
  }
  Status resize(std::uint64_t size) override { return file_->resize(size); }
  Status reserve(std::uint64_t offset, std::uint64_t size) override {
    return file_->reserve(offset, size);
  }
  void punch(std::uint64_t offset, std::uint64_t size) noexcept override {
    file_->punch(offset, size);
  }
  Status sync() override { return file_->sync(); }
  void start_writeback(std::uint64_t, std::uint64_t) noexcept override {}
  Result<std::unique_ptr<os::Mapping>> map(std::uint64_t offset, std::size_t size,
                                           os::Sharing sharing) const override {
    return file_->map(offset, size, sharing);
  }
  bool faulted() const noexcept override { return file_->faulted(); }
  Result<bool> try_lock() override { return file_->try_lock(); }

 private:
  const std::unique_ptr<os::File> file_;
};

}  // namespace jvdb::test
