// A file in memory whose bytes and length a test changes between two openings. Nothing may write to
// it: what is damaged stays as it is found. Threads: one at a time.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "check.h"
#include "os/file.h"

namespace jvdb::test {

class MemoryImage {
 public:
  explicit MemoryImage(const std::vector<std::byte>& bytes)
      : bytes_(static_cast<std::byte*>(::operator new(bytes.size(), kAlignment))),
        size_(bytes.size()) {
    std::memcpy(bytes_.get(), bytes.data(), bytes.size());
  }

  void flip(std::size_t offset, unsigned bit) noexcept {
    bytes_[offset] ^= static_cast<std::byte>(1U << bit);
  }
  void truncate(std::size_t size) noexcept { size_ = size; }
  std::vector<std::byte> bytes() const { return {bytes_.get(), bytes_.get() + size_}; }
  std::unique_ptr<os::File> open() { return std::make_unique<Opened>(*this); }

 private:
  static constexpr std::align_val_t kAlignment{64};  // of a mapped column

  class View final : public os::Mapping {
   public:
    View(const std::byte* data, std::size_t size) noexcept : Mapping(data, size) {}
    void advise(std::size_t, std::size_t, os::Advice) noexcept override {}
  };

  class Opened final : public os::File {
   public:
    explicit Opened(MemoryImage& image) : File("image.jvdb"), image_(image) {}

    Result<os::FileInfo> info() const override {
      return os::FileInfo{{1, 1}, image_.size_, image_.size_};
    }
    Status read(std::uint64_t offset, void* to, std::size_t size) const override {
      if (!image_.holds(offset, size)) return {Code::corrupt, "the image ends early"};
      std::memcpy(to, image_.bytes_.get() + offset, size);
      return {};
    }
    Status write(std::uint64_t, std::span<const os::Slice>) override { fail("written to"); }
    Status resize(std::uint64_t) override { fail("resized"); }
    Status reserve(std::uint64_t, std::uint64_t) override { fail("reserved in"); }
    void punch(std::uint64_t, std::uint64_t) noexcept override { std::abort(); }
    Status sync() override { fail("synced"); }
    void start_writeback(std::uint64_t, std::uint64_t) noexcept override {}
    Result<std::unique_ptr<os::Mapping>> map(std::uint64_t offset, std::size_t size,
                                             os::Sharing sharing) const override {
      if (sharing == os::Sharing::copy_on_write) fail("mapped to be written to");
      // On a machine reading it would end the process.
      if (!image_.holds(offset, size)) fail("mapped past its end");
      return std::unique_ptr<os::Mapping>(
          std::make_unique<View>(image_.bytes_.get() + offset, size));
    }
    Result<bool> try_lock() override { return true; }

   private:
    MemoryImage& image_;
  };

  bool holds(std::uint64_t offset, std::uint64_t size) const noexcept {
    return offset <= size_ && size <= size_ - offset;
  }

  struct Free {
    void operator()(std::byte* memory) const noexcept { ::operator delete(memory, kAlignment); }
  };
  std::unique_ptr<std::byte[], Free> bytes_;
  std::size_t size_;
};

}  // namespace jvdb::test
