#include "mutator.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <random>

#include "packed_image.h"

namespace jvdb::fuzz {
namespace {

using format::ExtentGeometry;
using format::ExtentHeader;
using format::Head;
using format::HeapPrefix;
using format::Record;
using format::Superblock;

constexpr std::uint64_t kInteresting[] = {0,
                                          1,
                                          2,
                                          3,
                                          4,
                                          7,
                                          8,
                                          63,
                                          64,
                                          65,
                                          95,
                                          96,
                                          97,
                                          100,
                                          255,
                                          256,
                                          257,
                                          1023,
                                          1024,
                                          1025,
                                          4095,
                                          4096,
                                          65535,
                                          65536,
                                          65537,
                                          0xFFFFF,
                                          0x100000,
                                          0x100001,
                                          0x7FFFFFFF,
                                          0x80000000,
                                          0xFFFFFFFE,
                                          0xFFFFFFFF,
                                          0x100000000,
                                          format::kMaxLsn - 1,
                                          format::kMaxLsn,
                                          format::kMaxLsn + 1,
                                          std::uint64_t{1} << 62,
                                          (std::uint64_t{1} << 63) - 1,
                                          std::uint64_t{1} << 63,
                                          ~std::uint64_t{0} - 1,
                                          ~std::uint64_t{0}};

constexpr float kFloats[] = {0.0F,
                             -0.0F,
                             1.0F,
                             -1.0F,
                             1e-45F,
                             1.17549435e-38F,
                             0x1p-60F,
                             0x1p-61F,
                             0x1p60F,
                             0x1p61F,
                             1e30F,
                             std::numeric_limits<float>::max(),
                             -std::numeric_limits<float>::max(),
                             std::numeric_limits<float>::infinity(),
                             -std::numeric_limits<float>::infinity(),
                             std::numeric_limits<float>::quiet_NaN()};

class Mutation {
 public:
  Mutation(Image& image, std::uint32_t seed, MutateBytes mutate_bytes)
      : image_(image), mutate_bytes_(mutate_bytes), random_(seed) {}

  void run() {
    do {
      step();
    } while (one_in(3));
    if (!one_in(8)) {
      mend(image_, {.head_copy = !one_in(4),
                    .geometry = !one_in(4),
                    .sequence = one_in(2),
                    .hashes = !one_in(4),
                    .codes = one_in(2)});
    }
  }

 private:
  // 0 … count − 1; 0 where there are none.
  std::size_t below(std::size_t count) { return count == 0 ? 0 : random_() % count; }
  bool one_in(std::size_t count) { return below(count) == 0; }
  template <typename T>
  const T& one_of(const std::vector<T>& all) {
    return all[below(all.size())];
  }

  void step() {
    const Anatomy anatomy(image_);
    const bool records = !anatomy.records.empty();
    switch (below(16)) {
      case 0:
        return change_head();
      case 1:
      case 2:
        return change_superblock();
      case 3:
        if (!anatomy.extents.empty()) change_extent(one_of(anatomy.extents));
        return;
      case 4:
      case 5:
      case 6:
        if (records) change_field(one_of(anatomy.records).offset, sizeof(Record));
        return;
      case 7:
        if (records) change_operation(one_of(anatomy.records).offset);
        return;
      case 8:
        if (records) move_record(anatomy);
        return;
      case 9:
        if (records) append_record(anatomy);
        return;
      case 10:
      case 11:
        if (records) change_heap(anatomy);
        return;
      case 12:
      case 13:
        if (records) change_vector(anatomy);
        return;
      case 14:
        return resize();
      default:
        return change_bytes(anatomy);
    }
  }

  std::uint64_t interesting(std::uint64_t now) {
    switch (below(6)) {
      case 0:
        return now + 1;
      case 1:
        return now - 1;
      case 2:
        return now ^ std::uint64_t{1} << below(64);
      case 3:  // what another field says
        return read<std::uint64_t>(image_, 4 * below(image_.size() / 4));
      case 4:
        return now + below(64);
      default:
        return kInteresting[below(std::size(kInteresting))];
    }
  }

  // A field of a structure, whichever: 1, 4 or 8 bytes.
  void change_field(std::uint64_t offset, std::size_t size) {
    const std::uint64_t at = offset + 4 * below(size / 4);
    if (one_in(8)) return write(image_, at, static_cast<std::uint8_t>(random_()));
    if (one_in(2)) {
      const auto now = read<std::uint32_t>(image_, at);
      return write(image_, at, static_cast<std::uint32_t>(interesting(now)));
    }
    write(image_, at, interesting(read<std::uint64_t>(image_, at)));
  }

  void change_head() {
    // Behind its columns there are zeros only.
    constexpr std::size_t used = sizeof(format::FileHeader) + offsetof(format::Identity, zeros);
    change_field(one_in(4) ? format::kHeadCopyOffset : 0, one_in(16) ? sizeof(Head) : used);
  }

  void change_superblock() {
    const auto a = format::kSuperblockOffsets[0];
    const auto b = format::kSuperblockOffsets[1];
    const bool a_is_newer =
        read<Superblock>(image_, a).generation > read<Superblock>(image_, b).generation;
    const bool newer = !one_in(4);
    constexpr std::size_t used = offsetof(Superblock, more_zeros);
    change_field(newer == a_is_newer ? a : b, one_in(16) ? sizeof(Superblock) : used);
  }

  void change_extent(const ExtentGeometry& extent) {
    if (one_in(2)) return change_field(extent.offset, sizeof(ExtentHeader));
    auto header = read<ExtentHeader>(image_, extent.offset);
    switch (below(5)) {
      case 0:
        header.records = static_cast<std::uint32_t>(interesting(header.records));
        break;
      case 1:
        header.slots = static_cast<std::uint32_t>(interesting(header.slots));
        break;
      case 2:
        header.heap_bytes = interesting(header.heap_bytes);
        break;
      case 3:
        header.base_lsn = interesting(header.base_lsn);
        break;
      default:
        header.epoch = static_cast<std::uint32_t>(interesting(header.epoch));
    }
    write(image_, extent.offset, header);
  }

  void change_operation(std::uint64_t offset) {
    auto record = read<Record>(image_, offset);
    record.flags ^= one_in(2) ? format::kMoreFlag : 3U;  // a put is 1, a delete 2
    write(image_, offset, record);
  }

  // Over another one, or in turn with it.
  void move_record(const Anatomy& anatomy) {
    const std::uint64_t from = one_of(anatomy.records).offset;
    const std::uint64_t to = one_of(anatomy.records).offset;
    const auto moved = read<Record>(image_, from);
    if (one_in(2)) write(image_, from, read<Record>(image_, to));
    write(image_, to, moved);
  }

  // A copy of one behind the last, or nothing in place of the last.
  void append_record(const Anatomy& anatomy) {
    const std::uint64_t last = anatomy.records.back().offset;
    if (one_in(4)) return write(image_, last, Record{});
    auto record = read<Record>(image_, one_of(anatomy.records).offset);
    record.lsn = read<Record>(image_, last).lsn + 1;
    if (one_in(2)) record.flags |= format::kMoreFlag;
    write(image_, last + sizeof record, record);
  }

  void change_heap(const Anatomy& anatomy) {
    const FoundRecord& found = one_of(anatomy.records);
    const auto record = read<Record>(image_, found.offset);
    const std::uint64_t at = anatomy.extents[found.extent].heap_offset +
                             std::uint64_t{record.heap_offset} * format::kHeapUnit;
    if (one_in(3)) return change_field(at, sizeof(HeapPrefix));
    change_piece(at + sizeof(HeapPrefix), std::size_t{record.heap_length} * format::kHeapUnit);
  }

  void change_vector(const Anatomy& anatomy) {
    const FoundRecord& found = one_of(anatomy.records);
    const ExtentGeometry& extent = anatomy.extents[found.extent];
    const format::Schema& schema = anatomy.schema;
    const std::uint64_t vector =
        extent.vectors_offset + std::uint64_t{found.slot} * schema.vector_stride();
    const std::uint64_t code =
        extent.codes_offset + std::uint64_t{found.slot} * schema.code_stride();
    switch (below(4)) {
      case 0:
        return change_piece(vector, schema.vector_stride());
      case 1:
        return change_piece(code, schema.code_stride());
      case 2: {  // another one's, so that scores are equal
        const FoundRecord& other = one_of(anatomy.records);
        const std::uint64_t from = anatomy.extents[other.extent].vectors_offset +
                                   std::uint64_t{other.slot} * schema.vector_stride();
        if (from + schema.vector_stride() > image_.size()) return;
        if (vector + schema.vector_stride() > image_.size()) return;
        std::memmove(image_.data() + vector, image_.data() + from, schema.vector_stride());
        return;
      }
      default:
        write(image_, vector + 4 * below(schema.vector_stride() / 4),
              kFloats[below(std::size(kFloats))]);
    }
  }

  void resize() {
    std::size_t size = below(kMaxImageBytes / format::kExtentAlignment + 1);
    size *= format::kExtentAlignment;
    if (one_in(4)) size = image_.size() - below(200);
    image_.resize(std::min(size, kMaxImageBytes));
  }

  void change_bytes(const Anatomy& anatomy) {
    constexpr std::size_t most = 64;
    if (anatomy.records.empty() || one_in(4)) {
      const std::uint64_t pages[] = {0, 4096, 8192, format::kHeadCopyOffset,
                                     format::kFirstExtentOffset};
      return change_piece(pages[below(std::size(pages))] + 4 * below(128), 1 + below(most));
    }
    const std::uint64_t record = one_of(anatomy.records).offset;
    change_piece(record + 4 * below(sizeof(Record) / 4), 1 + below(most));
  }

  void change_piece(std::uint64_t offset, std::size_t size) {
    if (offset >= image_.size() || size == 0) return;
    const std::size_t most = std::min<std::size_t>(size, 4096);
    mutate_bytes_(std::span(image_).subspan(offset).first(
        std::min<std::size_t>(most, image_.size() - offset)));
  }

  Image& image_;
  const MutateBytes mutate_bytes_;
  std::mt19937 random_;  // libFuzzer's own would only repeat what gave the seed
};

}  // namespace

void mutate(Image& image, std::uint32_t seed, MutateBytes mutate_bytes) {
  Mutation(image, seed, mutate_bytes).run();
}

}  // namespace jvdb::fuzz
