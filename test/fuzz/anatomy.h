// Where the structures of a file lie that may be damaged, and how they are made right again, so
// that the fuzzer gets behind the checksums. Nothing in it is believed further than memory goes.
// Threads: one at a time for each image.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "format/geometry.h"
#include "format/layout.h"
#include "format/schema.h"

namespace jvdb::fuzz {

using Image = std::vector<std::byte>;

template <typename T>
bool holds(const Image& image, std::uint64_t offset) noexcept {
  return offset <= image.size() && sizeof(T) <= image.size() - offset;
}
// Zeros where the image ends before it.
template <typename T>
T read(const Image& image, std::uint64_t offset) noexcept {
  T out{};
  if (holds<T>(image, offset)) std::memcpy(&out, image.data() + offset, sizeof out);
  return out;
}
template <typename T>
void write(Image& image, std::uint64_t offset, const T& value) noexcept {
  if (holds<T>(image, offset)) std::memcpy(image.data() + offset, &value, sizeof value);
}

// What should be made right.
struct Repair {
  bool head_copy = false;  // as the first
  bool geometry = false;   // places of the first extent in the header, all of each extent's
  bool sequence = false;   // LSNs, epochs, places and sizes of records
  bool hashes = false;     // of string ids
  bool codes = false;      // norm and code from the vector
};

struct FoundRecord {
  std::uint64_t offset = 0;
  std::uint32_t slot = 0;  // of the extent; of a delete: the next put's
  std::uint32_t extent = 0;
};

struct Anatomy {
  format::Schema schema;
  std::vector<format::ExtentGeometry> extents;
  std::vector<FoundRecord> records;

  explicit Anatomy(const Image& image);
};

// Mends what was asked for, and all checksums.
void mend(Image& image, const Repair& repair);

}  // namespace jvdb::fuzz
