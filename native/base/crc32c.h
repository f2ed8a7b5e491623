// CRC32C (Castagnoli, reflected 0x82F63B78; RFC 3720 appendix B.4), by the processor's own
// instruction where there is one. Threads: free functions; the choice is made once, at first use.
#pragma once

#include <cstddef>
#include <cstdint>

namespace jvdb {

// Checksum of `size` bytes. Pass an earlier result as `crc` to go on with the bytes after it.
std::uint32_t crc32c(const void* data, std::size_t size, std::uint32_t crc = 0) noexcept;

// Checksums of `count` rows of `size` bytes that lie `stride` bytes apart, into out[0 … count-1].
// Three rows at a time hide the instruction's latency, which one short row cannot.
void crc32c_rows(const void* data, std::size_t stride, std::size_t size, std::size_t count,
                 std::uint32_t* out) noexcept;

// The table-driven form every processor can run; the others are tested against it.
std::uint32_t crc32c_portable(const void* data, std::size_t size, std::uint32_t crc = 0) noexcept;

}  // namespace jvdb
