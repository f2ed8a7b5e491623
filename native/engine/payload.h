// Writes what the records of a group point to: vectors, codes, ids and metadata. It completes the
// records (checksums, norm, scale) on the way.
// Threads: the writer's. A large group is encoded by a helper thread, one chunk ahead of the
// writes; both are over when write() returns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/status.h"
#include "engine/plan.h"
#include "format/schema.h"
#include "os/file.h"

namespace jvdb::engine {

class PayloadWriter {
 public:
  PayloadWriter(os::File& file, const format::Schema& schema) : file_(file), schema_(schema) {}

  // Code::invalid_vector where a value isn't finite and the store doesn't allow that, else the
  // failure to write. May throw bad_alloc.
  Status write(Plan& plan);

 private:
  static constexpr std::size_t kNone = ~std::size_t{0};

  // Some records of one segment, and their encoded payload.
  struct Chunk {
    const Segment* segment = nullptr;
    std::size_t first = 0;  // index of the first record in the group
    std::size_t count = 0;
    Fill at;  // how full the extent is before it
  };
  struct Buffer {
    std::vector<std::byte> rows;  // vectors with their padding, where the stride has any
    std::vector<std::byte> codes;
    std::vector<std::byte> heap;
    std::size_t puts = 0;
    std::size_t heap_bytes = 0;
    std::size_t not_finite = kNone;  // index of a record that may not be stored
  };

  void cut(Plan& plan);
  void make_room(Buffer& buffer) const;
  void encode(const Chunk& chunk, Plan& plan, Buffer& buffer) const noexcept;
  std::size_t encode_heap(const Mutation& mutation, format::Record& record,
                          std::byte* to) const noexcept;
  Status put(const Chunk& chunk, Plan& plan, const Buffer& buffer);
  Status put_vectors(const Chunk& chunk, Plan& plan, const Buffer& buffer, std::uint64_t offset);
  Status write_alone(Plan& plan);
  Status write_with_helper(Plan& plan);
  Status refuse(Plan& plan, std::size_t record) const;
  bool padded() const noexcept { return schema_.vector_stride() != schema_.vector_bytes(); }

  os::File& file_;
  const format::Schema schema_;
  std::vector<Chunk> chunks_;
  std::size_t largest_puts_ = 0;  // of a chunk
  std::size_t largest_heap_ = 0;
  bool write_back_early_ = false;
  std::vector<os::Slice> slices_;
  Buffer buffer_;  // kept for single operations
};

}  // namespace jvdb::engine
