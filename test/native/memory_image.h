// A file in memory whose bytes and length a test changes between two openings. Nothing may write to
// it: what is damaged stays as it is found. Who does, or maps past its end, ends the process, for
// the engine would turn an exception into a Status. Threads: one at a time.
#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <vector>

#include "os/file.h"

namespace jvdb::test {

class MemoryImage {
 public:
  // What a mapping is: the image itself, or a copy of that part alone, around which
  // AddressSanitizer sees what is read.
  enum class Mapped { in_place, in_a_copy };

  explicit MemoryImage(std::span<const std::byte> bytes, Mapped mapped = Mapped::in_place)
      : bytes_(copy_of(bytes.data(), bytes.size())), size_(bytes.size()), mapped_(mapped) {}

  void flip(std::size_t offset, unsigned bit) noexcept {
    bytes_[offset] ^= static_cast<std::byte>(1U << bit);
  }
  void truncate(std::size_t size) noexcept { size_ = size; }
  std::vector<std::byte> bytes() const { return {bytes_.get(), bytes_.get() + size_}; }
  std::unique_ptr<os::File> open() { return std::make_unique<Opened>(*this); }

 private:
  static constexpr std::align_val_t kAlignment{64};  // of a mapped column

  struct Free {
    void operator()(std::byte* memory) const noexcept { ::operator delete(memory, kAlignment); }
  };
  using Bytes = std::unique_ptr<std::byte[], Free>;

  static Bytes copy_of(const std::byte* data, std::size_t size) {
    Bytes out(static_cast<std::byte*>(::operator new(size, kAlignment)));
    if (size != 0) std::memcpy(out.get(), data, size);
    return out;
  }
  [[noreturn]] static void misused(const char* how) noexcept {
    std::fprintf(stderr, "a file that is only to be read was %s\n", how);
    std::abort();
  }

  class View final : public os::Mapping {
   public:
    View(const std::byte* data, std::size_t size) noexcept : Mapping(data, size) {}
    View(Bytes copy, std::size_t size) noexcept
        : Mapping(copy.get(), size), copy_(std::move(copy)) {}
    void advise(std::size_t, std::size_t, os::Advice) noexcept override {}

   private:
    const Bytes copy_;
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
    Status write(std::uint64_t, std::span<const os::Slice>) override { misused("written to"); }
    Status resize(std::uint64_t) override { misused("resized"); }
    Status reserve(std::uint64_t, std::uint64_t) override { misused("reserved in"); }
    void punch(std::uint64_t, std::uint64_t) noexcept override { misused("punched"); }
    Status sync() override { misused("synced"); }
    void start_writeback(std::uint64_t, std::uint64_t) noexcept override {}
    Result<std::unique_ptr<os::Mapping>> map(std::uint64_t offset, std::size_t size,
                                             os::Sharing sharing) const override {
      if (sharing == os::Sharing::copy_on_write) misused("mapped to be written to");
      // On a machine reading it would end the process.
      if (!image_.holds(offset, size)) misused("mapped past its end");
      const std::byte* at = image_.bytes_.get() + offset;
      if (image_.mapped_ == Mapped::in_place) {
        return std::unique_ptr<os::Mapping>(std::make_unique<View>(at, size));
      }
      return std::unique_ptr<os::Mapping>(std::make_unique<View>(copy_of(at, size), size));
    }
    Result<bool> try_lock() override { return true; }

   private:
    MemoryImage& image_;
  };

  bool holds(std::uint64_t offset, std::uint64_t size) const noexcept {
    return offset <= size_ && size <= size_ - offset;
  }

  const Bytes bytes_;
  std::size_t size_;
  const Mapped mapped_;
};

}  // namespace jvdb::test
