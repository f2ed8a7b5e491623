// jvdb_fuzz_seeds FOLDER: writes the files the fuzzer begins with, as the engine makes them,
// packed. jvdb_fuzz_seeds unpack INPUT FILE: makes the database file that an input of the fuzzer
// stands for. Threads: one.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <limits>

#include "anatomy.h"
#include "examine.h"
#include "format/parse.h"
#include "memory_image.h"
#include "packed_image.h"
#include "store_fixture.h"

namespace jvdb::fuzz {
namespace {

using engine::Store;
using format::IdType;
using format::Metric;
using format::Schema;
using test::create;
using test::expect;
using test::expect_ok;
using test::Group;
using test::Ids;
using test::schema_of;
using test::SimFileSystem;
using test::take;
using test::vector_of;

constexpr char kPath[] = "db.jvdb";

void write_file(const std::string& path, const void* data, std::size_t size) {
  std::ofstream out(path, std::ios::binary);
  out.write(static_cast<const char*>(data), static_cast<std::streamsize>(size));
  expect(out.good(), "can't write " + path);
}

enum class End { closed, flushed, killed, compacted, compacted_and_written };

struct Seed {
  const char* name;
  Schema schema;
  End end = End::closed;
  std::uint32_t capacity = 16;  // of the first extent
};

// The same history in extents with little room behind it: the engine makes one as large as the file
// before it, and each execution copies them all.
std::vector<std::byte> tightened(const std::vector<std::byte>& bytes) {
  constexpr std::uint32_t room = 4;
  const Anatomy anatomy(bytes);
  std::uint64_t offset = format::kFirstExtentOffset;
  Image out(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(offset));
  for (std::uint32_t index = 0; index < anatomy.extents.size(); ++index) {
    const format::ExtentGeometry& from = anatomy.extents[index];
    auto header = read<format::ExtentHeader>(bytes, from.offset);
    std::vector<FoundRecord> records = anatomy.records;
    std::erase_if(records, [&](const FoundRecord& record) { return record.extent != index; });
    // An extent that another follows is full, of something: it stays so.
    const bool last = index + 1 == anatomy.extents.size();
    std::uint32_t slots = 0;
    std::uint64_t heap = 0;
    for (const FoundRecord& found : records) {
      const auto record = read<format::Record>(bytes, found.offset);
      if (format::operation_of(record) == format::Operation::put) slots = found.slot + 1;
      heap += std::uint64_t{record.heap_length} * format::kHeapUnit;
    }
    const std::uint32_t more = last ? room : 0;
    format::ExtentCounts counts{static_cast<std::uint32_t>(records.size()) + more, slots + more,
                                heap + more * std::uint64_t{64}};
    const auto to = *format::lay_out(anatomy.schema, offset, counts);
    out.resize(to.end());
    const auto copy = [&](std::uint64_t source, std::uint64_t target, std::uint64_t size) {
      std::memcpy(out.data() + target, bytes.data() + source, size);
    };
    header.records = counts.records;
    header.slots = counts.slots;
    header.heap_bytes = counts.heap_bytes;
    write(out, offset, header);
    copy(from.records_offset(), to.records_offset(), records.size() * sizeof(format::Record));
    copy(from.vectors_offset, to.vectors_offset, slots * anatomy.schema.vector_stride());
    if (anatomy.schema.has_codes) {
      copy(from.codes_offset, to.codes_offset, slots * anatomy.schema.code_stride());
    }
    copy(from.heap_offset, to.heap_offset, heap);
    offset = to.end();
  }
  mend(out,
       {.head_copy = true, .geometry = true, .sequence = true, .hashes = false, .codes = false});
  return out;
}

// Puts, replacements, a delete and groups; some are durable, others aren't.
void fill(Store& store, Ids& ids, SimFileSystem& disk, const Seed& seed) {
  const auto vector = [&](std::uint64_t number) {
    return vector_of(seed.schema.dimension, number);
  };
  const auto append = [&](const Group& group) { (void)take(store.append(group)); };
  append(Group(ids).put(1, vector(1), R"({"n":1})"));
  append(Group(ids).put(2, vector(2)).put(3, vector(3), R"({"group":[3]})"));
  append(Group(ids).put(4, vector(1)));
  append(Group(ids).remove(2));
  expect_ok(store.flush());
  append(Group(ids).put(1, vector(10), "{}"));
  if (seed.schema.allow_non_finite) {
    auto strange = vector(7);
    strange[0] = std::numeric_limits<float>::quiet_NaN();
    append(Group(ids).put(7, strange));
    strange[0] = std::numeric_limits<float>::infinity();
    append(Group(ids).put(8, strange));
  }
  append(Group(ids).put(5, vector(5)).remove(3).put(6, vector(6), R"({"x":"y"})"));
  if (seed.end == End::killed) return;
  expect_ok(store.flush());
  if (seed.end == End::compacted || seed.end == End::compacted_and_written) {
    expect(take(test::compact(disk, store)).compacted);
  }
  if (seed.end == End::compacted_and_written) {
    append(Group(ids).put(5, vector(50), "{}").remove(6));
    append(Group(ids).put(9, vector(9)));
  }
  if (seed.end != End::flushed) expect_ok(store.close());
}

std::vector<Seed> all_seeds() {
  const auto without_codes = [](Schema schema) {
    schema.has_codes = false;
    return schema;
  };
  Schema non_finite = schema_of(3, IdType::int64, Metric::euclidean);
  non_finite.allow_non_finite = true;
  const Schema numbers = schema_of(3);
  const Schema texts = schema_of(3, IdType::string);
  return {
      {"numbers", numbers},
      {"numbers-20-dot", schema_of(20, IdType::int64, Metric::dot)},
      {"numbers-no-codes", without_codes(numbers)},
      {"numbers-flushed", numbers, End::flushed},
      {"numbers-killed", numbers, End::killed},
      {"numbers-two-extents", without_codes(schema_of(20)), End::closed, 3},
      {"numbers-two-extents-killed", numbers, End::killed, 3},
      {"numbers-compacted", numbers, End::compacted},
      {"numbers-compacted-and-written", without_codes(numbers), End::compacted_and_written},
      {"non-finite", non_finite},
      {"non-finite-no-codes", without_codes(non_finite), End::killed},
      {"texts", texts},
      {"texts-20-euclidean", schema_of(20, IdType::string, Metric::euclidean)},
      {"texts-no-codes", without_codes(texts), End::flushed},
      {"texts-killed", texts, End::killed},
      {"texts-two-extents", without_codes(texts), End::killed, 3},
      {"texts-compacted", texts, End::compacted},
      {"texts-compacted-and-written", without_codes(texts), End::compacted_and_written},
  };
}

void write_seeds(const std::string& folder) {
  for (const Seed& seed : all_seeds()) {
    SimFileSystem disk;
    Ids ids(seed.schema.id_type);
    const auto store = create(disk, kPath, seed.schema, seed.capacity);
    fill(*store, ids, disk, seed);
    const auto bytes = tightened(disk.bytes(kPath));
    const auto packed = pack(bytes);
    std::vector<std::byte> unpacked;
    unpack(packed, unpacked);
    expect(unpacked == bytes, std::string(seed.name) + " is not what was packed");
    expect_ok(format::parse_file(*test::MemoryImage(bytes).open()).status());
    examine(bytes);
    write_file(folder + "/" + seed.name, packed.data(), packed.size());
    std::printf("%s: %zu of %zu bytes\n", seed.name, packed.size(), bytes.size());
  }
  // Empty files: of records, and of everything.
  SimFileSystem disk;
  expect_ok(engine::create_file(disk, kPath, schema_of(3), 1));
  const auto packed = pack(disk.bytes(kPath));
  write_file(folder + "/empty", packed.data(), packed.size());
}

void unpack_file(const std::string& from, const std::string& to) {
  std::ifstream in(from, std::ios::binary);
  expect(in.good(), "can't read " + from);
  const std::vector<char> packed(std::istreambuf_iterator<char>(in), {});
  std::vector<std::byte> image;
  unpack({reinterpret_cast<const std::uint8_t*>(packed.data()), packed.size()}, image);
  write_file(to, image.data(), image.size());
}

}  // namespace
}  // namespace jvdb::fuzz

int main(int argc, char** argv) {
  try {
    if (argc == 2) {
      jvdb::fuzz::write_seeds(argv[1]);
    } else if (argc == 4 && std::string_view(argv[1]) == "unpack") {
      jvdb::fuzz::unpack_file(argv[2], argv[3]);
    } else {
      std::fputs("usage: jvdb_fuzz_seeds FOLDER | unpack INPUT FILE\n", stderr);
      return 2;
    }
    return 0;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return 1;
  }
}
