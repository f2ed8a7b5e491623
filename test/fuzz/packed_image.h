// A database file as the fuzzer holds it: the length, then the pieces that aren't zeros. The
// smallest file has 256 KiB of which 2 KiB say anything: packed, libFuzzer keeps, copies and hashes
// only those, and its own mutations, which know nothing of files, meet no zeros.
//
//   u32 length | (u32 offset, u16 length, bytes)*
//
// What doesn't fit is left out, so that any bytes are a file. Threads: free functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace jvdb::fuzz {

// Room for three extents with codes, and no more: each opening copies it.
inline constexpr std::size_t kMaxImageBytes = std::size_t{1} << 20;

// Into memory that is used again: the image has the length that was asked for.
void unpack(std::span<const std::uint8_t> packed, std::vector<std::byte>& image);

std::vector<std::uint8_t> pack(std::span<const std::byte> image);

}  // namespace jvdb::fuzz
