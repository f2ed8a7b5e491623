#include "packed_image.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace jvdb::fuzz {
namespace {

constexpr std::size_t kPrefixBytes = sizeof(std::uint32_t) + sizeof(std::uint16_t);
constexpr std::size_t kMaxPiece = std::numeric_limits<std::uint16_t>::max();

template <typename T>
T read(const std::uint8_t* from) noexcept {
  T out;
  std::memcpy(&out, from, sizeof out);
  return out;
}

template <typename T>
void append(std::vector<std::uint8_t>& to, T value) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&value);
  to.insert(to.end(), bytes, bytes + sizeof value);
}

// The first byte from `at` on that isn't zero.
std::size_t next_byte(std::span<const std::byte> image, std::size_t at) noexcept {
  static constexpr std::byte zeros[1024]{};
  while (at < image.size()) {
    const std::size_t size = std::min(sizeof zeros, image.size() - at);
    if (std::memcmp(image.data() + at, zeros, size) != 0) {
      while (image[at] == std::byte{0}) ++at;
      return at;
    }
    at += size;
  }
  return image.size();
}

// Where a piece that begins at `at` ends: before more zeros than another prefix takes.
std::size_t piece_end(std::span<const std::byte> image, std::size_t at) noexcept {
  const std::size_t most = std::min(image.size(), at + kMaxPiece);
  std::size_t end = at;
  for (; at < most && at - end <= kPrefixBytes; ++at) {
    if (image[at] != std::byte{0}) end = at + 1;
  }
  return end;
}

}  // namespace

void unpack(std::span<const std::uint8_t> packed, std::vector<std::byte>& image) {
  image.clear();
  if (packed.size() < sizeof(std::uint32_t)) return;
  image.resize(std::min<std::size_t>(read<std::uint32_t>(packed.data()), kMaxImageBytes));
  packed = packed.subspan(sizeof(std::uint32_t));
  while (packed.size() > kPrefixBytes) {
    const std::size_t offset = read<std::uint32_t>(packed.data());
    const std::size_t length = read<std::uint16_t>(packed.data() + sizeof(std::uint32_t));
    packed = packed.subspan(kPrefixBytes);
    const std::size_t size = std::min(length, packed.size());
    if (offset < image.size()) {
      std::memcpy(image.data() + offset, packed.data(), std::min(size, image.size() - offset));
    }
    packed = packed.subspan(size);
  }
}

std::vector<std::uint8_t> pack(std::span<const std::byte> image) {
  std::vector<std::uint8_t> out;
  append(out, static_cast<std::uint32_t>(image.size()));
  for (std::size_t at = next_byte(image, 0); at < image.size();) {
    const std::size_t end = piece_end(image, at);
    append(out, static_cast<std::uint32_t>(at));
    append(out, static_cast<std::uint16_t>(end - at));
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(image.data());
    out.insert(out.end(), bytes + at, bytes + end);
    at = next_byte(image, end);
  }
  return out;
}

}  // namespace jvdb::fuzz
