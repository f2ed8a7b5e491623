// Hashes of ids, keyed with the database's own 64-bit seed so that nobody can choose ids that
// collide. That of string ids is part of the file format.
// Threads: free functions, no state.
#pragma once

#include <cstdint>
#include <string_view>

namespace jvdb {

// SipHash-1-3 with a 128-bit key (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012).
std::uint64_t siphash13(std::string_view text, std::uint64_t k0, std::uint64_t k1) noexcept;

// Hash of a string id, as a record's `id` field holds it. `seed` is the database's.
std::uint64_t hash_text(std::string_view text, std::uint64_t seed) noexcept;

// Hash of an int64 id; lives in memory only. Both factors of the product depend on the seed.
inline std::uint64_t hash_number(std::uint64_t number, std::uint64_t seed) noexcept {
  const std::uint64_t a = number ^ seed;
  const std::uint64_t b = (seed * 0x9E3779B97F4A7C15U) | 1U;
  __extension__ using Wide = unsigned __int128;
  const Wide first = static_cast<Wide>(a) * b;
  const auto folded =
      static_cast<std::uint64_t>(first) ^ static_cast<std::uint64_t>(first >> 64) ^ a;
  const Wide second = static_cast<Wide>(folded) * 0xD6E8FEB86659FD93U;
  return static_cast<std::uint64_t>(second) ^ static_cast<std::uint64_t>(second >> 64);
}

}  // namespace jvdb
