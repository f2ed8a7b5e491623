// What the engine asks of an operating system for one open file. Everything the engine does to a
// file goes through here, so that the disk, anonymous memory or a double that records and fails
// can stand behind it.
// Threads: every call may be made from any thread at the same time as any other, except that
// resize() must not run beside a write() or map() of the part it removes.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"

namespace jvdb::os {

// Two paths name the same file exactly if their ids are equal.
struct FileId {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  auto operator<=>(const FileId&) const = default;
};

struct FileInfo {
  FileId id;
  std::uint64_t size = 0;       // bytes
  std::uint64_t allocated = 0;  // bytes of disk behind them: less than size where there are holes
  std::uint64_t links = 1;      // names it has
};

struct Slice {
  const void* data = nullptr;
  std::size_t size = 0;
};

// Behind the others: neighbours in memory become one slice.
void add_slice(std::vector<Slice>& slices, const std::byte* data, std::size_t size);

enum class Advice { normal, random, sequential };

// How a mapping relates to its file.
enum class Sharing {
  shared,         // read-only, coherent with write()
  copy_on_write,  // may be written to; what is written stays in the mapping
};

// Of the system: bytes that are mapped, and copied on write, as one.
std::size_t page_size() noexcept;

// A part of a file in memory. Unmapped when destroyed; it may outlive its File.
class Mapping {
 public:
  virtual ~Mapping() = default;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  const std::byte* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  // A hint; the offset is from the start of the mapping. Failures are of no consequence.
  virtual void advise(std::size_t offset, std::size_t size, Advice advice) noexcept = 0;

 protected:
  Mapping(const std::byte* data, std::size_t size) noexcept : data_(data), size_(size) {}

 private:
  const std::byte* data_;
  std::size_t size_;
};

class File {
 public:
  virtual ~File() = default;  // closes, and gives the lock back
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  // The path it was opened by, for messages.
  const std::string& path() const noexcept { return path_; }
  // Where it will be found from now on; before other threads know the object.
  void set_path(std::string path) noexcept { path_ = std::move(path); }
  virtual Result<FileInfo> info() const = 0;

  // All of `size` bytes or a failure; the file's end inside the range is Code::corrupt.
  virtual Status read(std::uint64_t offset, void* to, std::size_t size) const = 0;
  // All of the slices, one after the other from `offset` on. After a failure any part of them may
  // have been written.
  virtual Status write(std::uint64_t offset, std::span<const Slice> slices) = 0;
  Status write(std::uint64_t offset, const void* data, std::size_t size) {
    const Slice slice{data, size};
    return write(offset, std::span(&slice, 1));
  }

  // The bytes of another file, moved or shared by the file system itself where it can do that.
  // After a failure any part of them may have been written.
  virtual Status copy(const File& from, std::uint64_t from_offset, std::uint64_t offset,
                      std::uint64_t size);
  // Lets those use it who may use another file, as far as the system allows that.
  virtual void share_like(const File&) noexcept {}

  virtual Status resize(std::uint64_t size) = 0;
  // Takes disk blocks for a range that holds nothing that matters, growing the file where needed:
  // writing there cannot run out of space afterwards. Where the file system can't reserve, it
  // writes zeros.
  virtual Status reserve(std::uint64_t offset, std::uint64_t size) = 0;
  // Gives the whole blocks of a range back; they read as zeros. Nothing where that can't be done.
  virtual void punch(std::uint64_t offset, std::uint64_t size) noexcept = 0;

  // Returns once everything written before the call is on stable storage (fdatasync). A failure
  // is final: what was written may be lost, and a later success would not say otherwise.
  virtual Status sync() = 0;
  // Hint: begin to write the range to disk now, without waiting.
  virtual void start_writeback(std::uint64_t offset, std::uint64_t size) noexcept = 0;

  // Maps a part that lies inside the file; `offset` is a multiple of 64 KiB.
  virtual Result<std::unique_ptr<Mapping>> map(std::uint64_t offset, std::size_t size,
                                               Sharing sharing = Sharing::shared) const = 0;

  // Whether bytes of a mapping, of this object's or one that outlived it, could not be had and were
  // taken for zeros. Asked after they were used, and never false again.
  virtual bool faulted() const noexcept { return false; }
  // Code::io where it is: to be asked between reading a mapping and giving an answer made of that.
  Status intact() const noexcept { return faulted() ? fault_failure() : Status(); }
  // Code::io where it has fewer bytes. A write behind the end of a file that was cut would fill the
  // gap with zeros, and reading those is no fault.
  Status has_bytes(std::uint64_t size) const;

  // Takes the writer's lock, which other processes respect: false where another holds it.
  virtual Result<bool> try_lock() = 0;

 protected:
  explicit File(std::string path) noexcept : path_(std::move(path)) {}

 private:
  Status fault_failure() const noexcept;

  std::string path_;
};

}  // namespace jvdb::os
