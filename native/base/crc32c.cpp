// Limits: crc32 has a latency of 3 cycles and a throughput of one (8 bytes) a cycle, so three
// independent streams reach 8 B/cycle. A long buffer is cut into three lanes whose results are
// joined by one carry-less multiplication each: crc(A B) = crc(A)·x^(8|B|) + crc(B) mod P.
#include "base/crc32c.h"

#include <array>
#include <bit>
#include <cstring>

#include "base/cpu.h"

#if defined(JVDB_X86_64)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_acle.h>
#if defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif
#endif

static_assert(std::endian::native == std::endian::little, "the file format is little-endian");

namespace jvdb {
namespace {

constexpr std::uint32_t kPolynomial = 0x82F63B78;

constexpr std::array<std::array<std::uint32_t, 256>, 8> make_tables() {
  std::array<std::array<std::uint32_t, 256>, 8> tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    tables[0][byte] = crc;
  }
  for (std::size_t slice = 1; slice < 8; ++slice) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[slice - 1][byte];
      tables[slice][byte] = (before >> 8) ^ tables[0][before & 0xFF];
    }
  }
  return tables;
}
constexpr auto kTables = make_tables();

std::uint64_t load64(const unsigned char* from) noexcept {
  std::uint64_t value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

struct Portable {
  static std::uint32_t word(std::uint32_t crc, std::uint64_t value) noexcept {
    value ^= crc;
    std::uint32_t out = 0;
    for (std::size_t i = 0; i < 8; ++i) out ^= kTables[7 - i][(value >> (8 * i)) & 0xFF];
    return out;
  }
  static std::uint32_t byte(std::uint32_t crc, unsigned char value) noexcept {
    return (crc >> 8) ^ kTables[0][(crc ^ value) & 0xFF];
  }
};

std::uint32_t portable(const unsigned char* at, std::size_t size, std::uint32_t crc) noexcept {
  for (; size >= 8; at += 8, size -= 8) crc = Portable::word(crc, load64(at));
  for (; size > 0; ++at, --size) crc = Portable::byte(crc, *at);
  return crc;
}

void portable_rows(const unsigned char* at, std::size_t stride, std::size_t size, std::size_t count,
                   std::uint32_t* out) noexcept {
  for (std::size_t row = 0; row < count; ++row) out[row] = ~portable(at + row * stride, size, ~0U);
}

#if defined(JVDB_X86_64)
#define JVDB_CRC_TARGET JVDB_TARGET("sse4.2,crc32,pclmul")

// a·b mod P, both with the coefficient of x^0 in the top bit.
constexpr std::uint32_t multiply(std::uint32_t a, std::uint32_t b) {
  std::uint32_t product = 0;
  for (int bit = 0; bit < 32; ++bit) {
    if ((a & 0x80000000U) != 0) product ^= b;
    a <<= 1;
    b = (b >> 1) ^ ((b & 1) != 0 ? kPolynomial : 0);
  }
  return product;
}
constexpr std::uint32_t power_of_x(std::size_t exponent) {
  std::uint32_t result = 0x80000000U;
  for (std::uint32_t square = 0x40000000U; exponent != 0; exponent >>= 1) {
    if ((exponent & 1) != 0) result = multiply(result, square);
    square = multiply(square, square);
  }
  return result;
}

// crc·x^(8·Bytes). The crc32 instruction multiplies by x^32 and the reflected product is off by
// one more, hence the 33.
template <std::size_t Bytes>
JVDB_CRC_TARGET std::uint32_t shift(std::uint32_t crc) noexcept {
  constexpr std::uint32_t factor = power_of_x(8 * Bytes - 33);
  const __m128i product = _mm_clmulepi64_si128(_mm_cvtsi32_si128(static_cast<int>(crc)),
                                               _mm_cvtsi32_si128(static_cast<int>(factor)), 0);
  return static_cast<std::uint32_t>(
      _mm_crc32_u64(0, static_cast<std::uint64_t>(_mm_cvtsi128_si64(product))));
}

struct Lanes {
  std::uint64_t a, b, c;
};

JVDB_CRC_TARGET Lanes three(const unsigned char* a, const unsigned char* b, const unsigned char* c,
                            std::size_t words, Lanes crc) noexcept {
  for (std::size_t i = 0; i < words; ++i) {
    crc.a = _mm_crc32_u64(crc.a, load64(a + 8 * i));
    crc.b = _mm_crc32_u64(crc.b, load64(b + 8 * i));
    crc.c = _mm_crc32_u64(crc.c, load64(c + 8 * i));
  }
  return crc;
}

template <std::size_t Lane>
JVDB_CRC_TARGET std::uint32_t block(const unsigned char* at, std::uint32_t crc) noexcept {
  const Lanes lanes = three(at, at + Lane, at + 2 * Lane, Lane / 8, {crc, 0, 0});
  return shift<2 * Lane>(static_cast<std::uint32_t>(lanes.a)) ^
         shift<Lane>(static_cast<std::uint32_t>(lanes.b)) ^ static_cast<std::uint32_t>(lanes.c);
}

JVDB_CRC_TARGET std::uint32_t tail(const unsigned char* at, std::size_t size,
                                   std::uint64_t crc) noexcept {
  for (; size >= 8; at += 8, size -= 8) crc = _mm_crc32_u64(crc, load64(at));
  auto narrow = static_cast<std::uint32_t>(crc);
  for (; size > 0; ++at, --size) narrow = _mm_crc32_u8(narrow, *at);
  return narrow;
}

JVDB_CRC_TARGET std::uint32_t hardware(const unsigned char* at, std::size_t size,
                                       std::uint32_t crc) noexcept {
  constexpr std::size_t large = 1024;
  constexpr std::size_t small = 128;
  for (; size >= 3 * large; at += 3 * large, size -= 3 * large) crc = block<large>(at, crc);
  for (; size >= 3 * small; at += 3 * small, size -= 3 * small) crc = block<small>(at, crc);
  return tail(at, size, crc);
}

JVDB_CRC_TARGET void hardware_rows(const unsigned char* at, std::size_t stride, std::size_t size,
                                   std::size_t count, std::uint32_t* out) noexcept {
  const std::size_t whole = size / 8 * 8;
  std::size_t row = 0;
  for (; row + 3 <= count; row += 3) {
    const unsigned char* rows[3] = {at + row * stride, at + (row + 1) * stride,
                                    at + (row + 2) * stride};
    const Lanes lanes =
        three(rows[0], rows[1], rows[2], whole / 8, {0xFFFFFFFFU, 0xFFFFFFFFU, 0xFFFFFFFFU});
    out[row] = ~tail(rows[0] + whole, size - whole, lanes.a);
    out[row + 1] = ~tail(rows[1] + whole, size - whole, lanes.b);
    out[row + 2] = ~tail(rows[2] + whole, size - whole, lanes.c);
  }
  for (; row < count; ++row) out[row] = ~hardware(at + row * stride, size, ~0U);
}

bool has_hardware() noexcept {
  return has_sse42_and_pclmul();
}

#elif defined(__aarch64__)
#define JVDB_CRC_TARGET JVDB_TARGET("+crc")

JVDB_CRC_TARGET std::uint32_t hardware(const unsigned char* at, std::size_t size,
                                       std::uint32_t crc) noexcept {
  for (; size >= 8; at += 8, size -= 8) crc = __crc32cd(crc, load64(at));
  for (; size > 0; ++at, --size) crc = __crc32cb(crc, *at);
  return crc;
}

void hardware_rows(const unsigned char* at, std::size_t stride, std::size_t size, std::size_t count,
                   std::uint32_t* out) noexcept {
  for (std::size_t row = 0; row < count; ++row) out[row] = ~hardware(at + row * stride, size, ~0U);
}

bool has_hardware() noexcept {
#if defined(__linux__)
  return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
#else
  return true;  // every 64-bit Apple and Windows processor has it
#endif
}
#endif

struct Functions {
  std::uint32_t (*one)(const unsigned char*, std::size_t, std::uint32_t) noexcept;
  void (*rows)(const unsigned char*, std::size_t, std::size_t, std::size_t,
               std::uint32_t*) noexcept;
};

const Functions& functions() noexcept {
#if defined(JVDB_X86_64) || defined(__aarch64__)
  static const Functions chosen =
      has_hardware() ? Functions{hardware, hardware_rows} : Functions{portable, portable_rows};
#else
  static const Functions chosen{portable, portable_rows};
#endif
  return chosen;
}

}  // namespace

std::uint32_t crc32c(const void* data, std::size_t size, std::uint32_t crc) noexcept {
  return ~functions().one(static_cast<const unsigned char*>(data), size, ~crc);
}

void crc32c_rows(const void* data, std::size_t stride, std::size_t size, std::size_t count,
                 std::uint32_t* out) noexcept {
  functions().rows(static_cast<const unsigned char*>(data), stride, size, count, out);
}

std::uint32_t crc32c_portable(const void* data, std::size_t size, std::uint32_t crc) noexcept {
  return ~portable(static_cast<const unsigned char*>(data), size, ~crc);
}

}  // namespace jvdb
