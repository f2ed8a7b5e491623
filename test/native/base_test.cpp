// CRC32C, SipHash and checked arithmetic against published values and against each other.
#include <array>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "base/checked.h"
#include "base/crc32c.h"
#include "base/hash.h"
#include "check.h"

namespace jvdb::test {
namespace {

std::vector<unsigned char> bytes_of(std::size_t size) {
  std::vector<unsigned char> out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<unsigned char>(i * 131 + i / 7);
  return out;
}

const Test kVectors("base_test", "CRC32C has the values of RFC 3720, B.4", [] {
  std::array<unsigned char, 32> data{};
  expect_equal(crc32c(data.data(), data.size()), 0x8A9136AAU);
  data.fill(0xFF);
  expect_equal(crc32c(data.data(), data.size()), 0x62A8AB43U);
  std::iota(data.begin(), data.end(), static_cast<unsigned char>(0));
  expect_equal(crc32c(data.data(), data.size()), 0x46DD794EU);
  expect_equal(crc32c("123456789", 9), 0xE3069283U);
  expect_equal(crc32c("", 0), 0U);
});

const Test kLevels("base_test", "CRC32C is the same by instruction and by table", [] {
  const auto data = bytes_of(20000);
  for (std::size_t size :
       {0, 1, 7, 8, 9, 63, 92, 383, 384, 385, 3071, 3072, 3073, 6144, 9999, 19990}) {
    for (std::size_t from : {0, 1, 5}) {
      expect_equal(crc32c(data.data() + from, size), crc32c_portable(data.data() + from, size));
    }
  }
});

const Test kChained("base_test", "CRC32C goes on where it stopped", [] {
  const auto data = bytes_of(5000);
  for (std::size_t cut : {0, 1, 100, 3072, 4999, 5000}) {
    const auto first = crc32c(data.data(), cut);
    expect_equal(crc32c(data.data() + cut, data.size() - cut, first),
                 crc32c(data.data(), data.size()));
  }
});

const Test kRows("base_test", "CRC32C of rows is that of each row", [] {
  const auto data = bytes_of(100 * 448);
  for (std::size_t count : {0, 1, 2, 3, 4, 64, 100}) {
    for (std::size_t size : {92, 96, 400, 448}) {
      std::vector<std::uint32_t> out(count);
      crc32c_rows(data.data(), 448, size, count, out.data());
      for (std::size_t i = 0; i < count; ++i) {
        expect_equal(out[i], crc32c_portable(data.data() + i * 448, size));
      }
    }
  }
});

const Test kSipHash("base_test", "SipHash-1-3 agrees with CPython's, which has a zero key here",
                    [] {
                      expect_equal(siphash13("a", 0, 0), 4644417185603328019ULL);
                      expect_equal(siphash13("abc", 0, 0), 13851880170939887858ULL);
                      expect_equal(siphash13("vector-1", 0, 0), 3478744898694137772ULL);
                      expect_equal(siphash13("a string id that is longer than one word", 0, 0),
                                   1309182618332704742ULL);
                    });

// They are stored in files: these values may never change.
const Test kHash("base_test", "hashes of string ids keep their values", [] {
  expect_equal(hash_text("", 0), 5418534383769754389ULL);
  expect_equal(hash_text("a", 1), 17310097596946574356ULL);
  expect_equal(hash_text("vector-1", 1), 17537052931369536647ULL);
});

const Test kSeeds("base_test", "a hash depends on seed and every byte", [] {
  const std::string text = "a string id that is longer than one word";
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string other = text;
    other[i] ^= 1;
    expect(hash_text(other, 7) != hash_text(text, 7));
  }
  expect(hash_text(text, 7) != hash_text(text, 8));
  expect(hash_number(1, 7) != hash_number(2, 7));
  expect(hash_number(1, 7) != hash_number(1, 8));
});

const Test kChecked("base_test", "checked arithmetic remembers an overflow", [] {
  const Checked large(~std::uint64_t{0});
  expect(!(large + Checked(1)).valid());
  expect(!(large * Checked(2)).valid());
  expect(!large.aligned(64).valid());
  expect(!((large + Checked(1)) * Checked(0)).valid());
  expect_equal((Checked(65) * Checked(3)).aligned(64).value(), 256U);
  // However it goes on.
  for (const std::uint64_t number : {std::uint64_t{1}, std::uint64_t{100}}) {
    const Checked whole(number);
    const Checked over = large + whole;
    for (const Checked& later : {over + whole, whole + over, over * whole, whole * over}) {
      expect(!later.valid());
    }
    expect((whole + whole).valid() && (whole * whole).valid());
  }
});

const Test kStatus("base_test", "a status keeps what it was made of", [] {
  const Status failed(Code::io, "why", 5);
  Status copy = failed;
  copy = *&copy;
  for (const Status& status : {failed, copy, Status()}) {
    expect_code(status, status ? Code::ok : Code::io);
    expect_equal(std::string(status.message()), status ? "" : "why");
    expect_equal(status.os_error(), status ? 0 : 5);
  }
  copy = Status();
  expect_ok(copy);
});

const Test kNames("base_test", "each code has its own name", [] {
  std::set<std::string> names;
  for (int code = 0; code <= static_cast<int>(Code::aborted); ++code) {
    const std::string name = code_name(static_cast<Code>(code));
    expect(name.starts_with("JVDB_") && names.insert(name).second, name);
  }
});

}  // namespace
}  // namespace jvdb::test
