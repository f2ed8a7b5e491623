// jvdb_fuzz: libFuzzer on hostile files, see `npm run fuzz`. An input is a packed image, which is
// opened for writing and for reading, and read in full. The mutator unpacks an input, changes a
// structure of the file, mends its checksums and packs it again.
// Threads: one; searches are asked for no helpers.
#include <algorithm>
#include <cstring>

#include "examine.h"
#include "mutator.h"
#include "packed_image.h"
#include "search/pool.h"
#include "simd/kernels.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace {

void mutate_in_place(std::span<std::byte> bytes) {
  (void)LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size(), bytes.size());
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  // All stores share it: this one keeps it from being made for each.
  static const auto pool = jvdb::search::Pool::shared();
  return jvdb::simd::choose().ok() ? 0 : 1;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static std::vector<std::byte> image;
  jvdb::fuzz::unpack({data, size}, image);
  jvdb::fuzz::examine(image);
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  constexpr unsigned kUnpackedOf = 32;
  static std::vector<std::byte> image;
  // Now and then the packed form itself: pieces move, join and overlap.
  if (seed % kUnpackedOf == 0) {
    size = LLVMFuzzerMutate(data, size, max_size);
    jvdb::fuzz::unpack({data, size}, image);
    jvdb::fuzz::mend(image, {});
  } else {
    jvdb::fuzz::unpack({data, size}, image);
    jvdb::fuzz::mutate(image, seed, mutate_in_place);
  }
  const auto packed = jvdb::fuzz::pack(image);
  if (packed.size() > max_size) return size;
  std::memcpy(data, packed.data(), packed.size());
  return packed.size();
}

// Memory that is freed is kept to be watched, but not the default's 256 MB of it. Reports name
// lines where there is no llvm-symbolizer too.
extern "C" const char* __asan_default_options() {
  return "quarantine_size_mb=16:external_symbolizer_path=/usr/bin/addr2line";
}
