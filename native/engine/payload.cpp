#include "engine/payload.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>

#include "base/crc32c.h"
#include "base/text.h"
#include "format/seal.h"
#include "simd/kernels.h"

namespace jvdb::engine {

using format::Operation;
using format::Record;

namespace {

// Large enough for few system calls, small enough to stay in the cache between encoding and
// writing.
constexpr std::size_t kChunkBytes = std::size_t{1} << 20;
// From here on the disk is set to work before the flush asks for it.
constexpr std::size_t kEarlyWriteBackBytes = std::size_t{16} << 20;
constexpr std::size_t kChunksForHelper = 4;
constexpr std::size_t kBuffers = 3;

}  // namespace

// Chunks of up to kChunkBytes of vectors or heap.
void PayloadWriter::cut(Plan& plan) {
  chunks_.clear();
  largest_puts_ = 0;
  largest_heap_ = 0;
  std::size_t total = 0;
  const std::span<Record> records = plan.records();
  for (const Segment& segment : plan.segments()) {
    Fill at = segment.before;
    const std::size_t end = segment.first + segment.count;
    for (std::size_t i = segment.first; i < end;) {
      Chunk chunk{&segment, i, 0, at};
      std::size_t vectors = 0;
      std::size_t heap = 0;
      while (i < end && vectors < kChunkBytes && heap < kChunkBytes) {
        if (operation_of(records[i]) == Operation::put) {
          vectors += schema_.vector_stride();
          at.slots += 1;
        }
        heap += std::size_t{records[i].heap_length} * format::kHeapUnit;
        ++i;
      }
      at.heap += heap;
      chunk.count = i - chunk.first;
      largest_puts_ = std::max(largest_puts_, vectors / schema_.vector_stride());
      largest_heap_ = std::max(largest_heap_, heap);
      total += vectors + heap;
      chunks_.push_back(chunk);
    }
  }
  write_back_early_ = total >= kEarlyWriteBackBytes;
}

void PayloadWriter::make_room(Buffer& buffer) const {
  if (padded()) buffer.rows.resize(largest_puts_ * schema_.vector_stride());
  buffer.codes.resize(largest_puts_ * schema_.code_stride());
  buffer.heap.resize(largest_heap_);
  buffer.not_finite = kNone;
}

Status PayloadWriter::write(Plan& plan) {
  cut(plan);
  Status status = chunks_.size() < kChunksForHelper ? write_alone(plan) : write_with_helper(plan);
  if (chunks_.capacity() > kChunksForHelper) std::vector<Chunk>().swap(chunks_);
  return status;
}

Status PayloadWriter::write_alone(Plan& plan) {
  make_room(buffer_);
  for (const Chunk& chunk : chunks_) {
    encode(chunk, plan, buffer_);
    if (buffer_.not_finite != kNone) return refuse(plan, buffer_.not_finite);
    if (Status status = put(chunk, plan, buffer_); !status) return status;
  }
  return {};
}

// The helper encodes into the buffers in turn; this thread writes them in the same order.
Status PayloadWriter::write_with_helper(Plan& plan) {
  std::array<Buffer, kBuffers> buffers;
  for (Buffer& buffer : buffers) make_room(buffer);
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t encoded = 0;
  std::size_t written = 0;
  bool stopped = false;

  const auto encode_all = [&] {
    for (std::size_t i = 0; i < chunks_.size(); ++i) {
      {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return stopped || i < written + kBuffers; });
        if (stopped) return;
      }
      encode(chunks_[i], plan, buffers[i % kBuffers]);
      {
        const std::scoped_lock lock(mutex);
        encoded = i + 1;
      }
      changed.notify_all();
    }
  };
  std::thread helper;
  try {
    helper = std::thread(encode_all);
  } catch (const std::system_error&) {
    return write_alone(plan);  // no thread to be had
  }
  // However this function ends, the thread has ended before what it uses goes.
  const auto end_helper = [&](std::thread* thread) {
    {
      const std::scoped_lock lock(mutex);
      stopped = true;
    }
    changed.notify_all();
    thread->join();
  };
  const std::unique_ptr<std::thread, decltype(end_helper)> ended(&helper, end_helper);

  Status status;
  for (std::size_t i = 0; status && i < chunks_.size(); ++i) {
    {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return encoded > i; });
    }
    const Buffer& buffer = buffers[i % kBuffers];
    status = buffer.not_finite != kNone ? refuse(plan, buffer.not_finite)
                                        : put(chunks_[i], plan, buffer);
    {
      const std::scoped_lock lock(mutex);
      written = i + 1;
    }
    changed.notify_all();
  }
  return status;
}

void PayloadWriter::encode(const Chunk& chunk, Plan& plan, Buffer& buffer) const noexcept {
  const simd::Kernels& kernels = simd::kernels();
  const std::uint32_t bytes = schema_.vector_bytes();
  const std::uint32_t stride = schema_.vector_stride();
  const std::uint32_t code_stride = schema_.code_stride();
  buffer.puts = 0;
  buffer.heap_bytes = 0;
  for (std::size_t i = chunk.first; i < chunk.first + chunk.count; ++i) {
    Record& record = plan.records()[i];
    const Mutation mutation = plan.mutation(i);
    buffer.heap_bytes += encode_heap(mutation, record, buffer.heap.data() + buffer.heap_bytes);
    if (operation_of(record) == Operation::put) {
      simd::Encoded encoded{0, 0, 0};
      if (schema_.has_codes) {
        std::byte* code = buffer.codes.data() + buffer.puts * code_stride;
        encoded = kernels.encode(mutation.vector, schema_.dimension,
                                 reinterpret_cast<std::uint8_t*>(code), code_stride);
        record.code_crc = crc32c(code, code_stride);
      } else {
        encoded.squared_norm =
            kernels.dot_exact(mutation.vector, mutation.vector, schema_.dimension);
      }
      if (!std::isfinite(encoded.squared_norm) && !schema_.allow_non_finite) {
        buffer.not_finite = i;
        return;
      }
      record.norm = static_cast<float>(std::sqrt(encoded.squared_norm));
      record.code_scale = encoded.scale;
      record.code_error = encoded.error;
      record.vector_crc = crc32c(mutation.vector, bytes);
      if (padded()) {
        std::byte* row = buffer.rows.data() + buffer.puts * stride;
        std::memcpy(row, mutation.vector, bytes);
        std::memset(row + bytes, 0, stride - bytes);
      }
      ++buffer.puts;
    }
    record.record_crc = format::crc_of(record);
  }
}

// Returns the bytes it took.
std::size_t PayloadWriter::encode_heap(const Mutation& mutation, Record& record,
                                       std::byte* to) const noexcept {
  const std::size_t size = std::size_t{record.heap_length} * format::kHeapUnit;
  if (size == 0) return 0;
  const bool has_metadata = operation_of(record) == Operation::put;
  const std::string_view id = mutation.id.text;
  const std::string_view metadata = has_metadata ? mutation.metadata : std::string_view();
  const format::HeapPrefix prefix{static_cast<std::uint32_t>(id.size()),
                                  static_cast<std::uint32_t>(metadata.size())};
  std::memset(to + size - format::kHeapUnit, 0, format::kHeapUnit);
  std::memcpy(to, &prefix, sizeof prefix);
  char* const texts = reinterpret_cast<char*>(to + sizeof prefix);
  std::copy(metadata.begin(), metadata.end(), std::copy(id.begin(), id.end(), texts));
  record.heap_crc = crc32c(to, size);
  return size;
}

Status PayloadWriter::put(const Chunk& chunk, Plan& plan, const Buffer& buffer) {
  const format::ExtentGeometry& extent = chunk.segment->extent;
  const auto write_back = [&](std::uint64_t offset, std::size_t size) {
    if (write_back_early_) file_.start_writeback(offset, size);
  };
  if (buffer.puts > 0) {
    const std::uint64_t vectors =
        extent.vectors_offset + std::uint64_t{chunk.at.slots} * schema_.vector_stride();
    if (Status status = put_vectors(chunk, plan, buffer, vectors); !status) return status;
    write_back(vectors, buffer.puts * schema_.vector_stride());
    if (schema_.has_codes) {
      const std::uint64_t codes =
          extent.codes_offset + std::uint64_t{chunk.at.slots} * schema_.code_stride();
      const std::size_t size = buffer.puts * schema_.code_stride();
      if (Status status = file_.write(codes, buffer.codes.data(), size); !status) return status;
      write_back(codes, size);
    }
  }
  if (buffer.heap_bytes > 0) {
    const std::uint64_t heap = extent.heap_offset + chunk.at.heap;
    if (Status status = file_.write(heap, buffer.heap.data(), buffer.heap_bytes); !status)
      return status;
    write_back(heap, buffer.heap_bytes);
  }
  return {};
}

// Straight from the caller's memory where the stride has no padding: neighbours there become one
// slice.
Status PayloadWriter::put_vectors(const Chunk& chunk, Plan& plan, const Buffer& buffer,
                                  std::uint64_t offset) {
  if (padded()) {
    return file_.write(offset, buffer.rows.data(), buffer.puts * schema_.vector_stride());
  }
  slices_.clear();
  for (std::size_t i = chunk.first; i < chunk.first + chunk.count; ++i) {
    if (operation_of(plan.records()[i]) != Operation::put) continue;
    const auto* vector = reinterpret_cast<const std::byte*>(plan.mutation(i).vector);
    os::add_slice(slices_, vector, schema_.vector_bytes());
  }
  return file_.write(offset, slices_);
}

Status PayloadWriter::refuse(Plan& plan, std::size_t record) const {
  const Mutation mutation = plan.mutation(record);
  std::size_t component = 0;
  while (component + 1 < schema_.dimension && std::isfinite(mutation.vector[component]))
    ++component;
  const std::string id = schema_.id_type == format::IdType::int64
                             ? std::to_string(mutation.id.number)
                             : std::string(mutation.id.text);
  return {Code::invalid_vector,
          text("component ", component, " of the vector for id ", id,
               " is not a finite float32 number; store finite values, or create the store with "
               "allowNonFinite: true")};
}

}  // namespace jvdb::engine
