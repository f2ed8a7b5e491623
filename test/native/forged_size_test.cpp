// Headers that ask for the impossible, with every checksum right: counts near 2^32 and 2^64,
// columns that overlap, offsets that lead back. They are refused before anything is allocated or
// mapped for them. And numbers that have no successor: what would follow is refused, not what is
// there.
#include "allocations.h"
#include "hostile_file.h"
#include "memory_image.h"

namespace jvdb::test {
namespace {

using format::ExtentHeader;
using format::Head;
using format::IdType;
using format::Record;
using format::Schema;
using format::Superblock;

constexpr char kPath[] = "db.jvdb";
constexpr std::size_t kLargestAllocation = std::size_t{1} << 20;
constexpr std::uint64_t kMax64 = ~std::uint64_t{0};

// Opens it both ways; the image fails the test where it is written to or mapped past its end.
void expect_opening(HostileFile& file, Code expected, const std::string& what) {
  MemoryImage image(file.disk.bytes(kPath));
  for (const bool read_only : {false, true}) {
    auto opened = image.open();
    Allocations::here.largest = 0;
    engine::OpenOptions options;
    options.read_only = read_only;
    const auto store = engine::Store::open(std::move(opened), options);
    const std::size_t largest = Allocations::here.largest;
    expect(store.status().code() == expected, what + ": found " + code_name(store.status().code()) +
                                                  " (" + std::string(store.status().message()) +
                                                  ")");
    expect(largest <= kLargestAllocation, what + ": allocated " + std::to_string(largest));
  }
}

constexpr Case<Head> kHeads[] = {
    {"records of the first extent elsewhere", [](Head& head) { head.header.index_offset += 96; }},
    {"records behind every file", [](Head& head) { head.header.index_offset = kMax64; }},
    {"vectors over the records",
     [](Head& head) { head.header.data_offset = head.header.index_offset; }},
    {"vectors over the header", [](Head& head) { head.header.data_offset = 0; }},
    {"vectors behind every file", [](Head& head) { head.header.data_offset = kMax64; }},
    {"dimension 0, strides 0",
     [](Head& head) {
       head.header.dimension = 0;
       for (auto& column : head.identity.columns) column.stride = 0;
     }},
    {"dimension 65537, its strides",
     [](Head& head) {
       head.header.dimension = 65537;
       head.identity.columns[0].stride = 65552 * 4;
       head.identity.columns[1].stride = head.identity.column_count == 2 ? 65600 : 0;
     }},
    {"dimension 2^30, whose vectors have 2^32 bytes",
     [](Head& head) {
       head.header.dimension = 1U << 30;
       head.identity.columns[0].stride = 0;
     }},
    {"the largest dimension, its strides",
     [](Head& head) {
       head.header.dimension = format::kMaxDimension;
       head.identity.columns[0].stride = format::kMaxDimension * 4;
       head.identity.columns[1].stride =
           head.identity.column_count == 2 ? format::kMaxDimension : 0;
     }},
};

constexpr Case<Superblock> kSuperblocks[] = {
    {"2^31 extents", [](Superblock& block) { block.extent_count = 1U << 31; }},
    {"2^32-1 extents", [](Superblock& block) { block.extent_count = ~0U; }},
    {"as many extents as the file has room for", [](Superblock& block) { block.extent_count = 5; }},
    {"2^64-1 vectors", [](Superblock& block) { block.live_count = kMax64; }, Code::ok},
    {"2^64-1 dead slots", [](Superblock& block) { block.dead_count = kMax64; }, Code::ok},
    {"2^64-1 floor records", [](Superblock& block) { block.floor_records = kMax64; }},
    {"a floor at the last LSN",
     [](Superblock& block) {
       block.durable_lsn = block.history_floor_lsn = format::kMaxLsn;
       block.floor_records = format::kMaxLsn;
     }},
    {"a floor of two records at the last LSN",
     [](Superblock& block) {
       block.durable_lsn = block.history_floor_lsn = format::kMaxLsn;
       block.floor_records = 2;
     }},
    {"LSN 2^53", [](Superblock& block) { block.durable_lsn = format::kMaxLsn + 1; }},
    {"LSN 2^64-1", [](Superblock& block) { block.durable_lsn = kMax64; }},
    {"all LSNs 2^64-1",
     [](Superblock& block) {
       block.durable_lsn = block.epoch_start_lsn = block.history_floor_lsn = kMax64;
     }},
    {"an epoch that begins where 2^64 wraps",
     [](Superblock& block) {
       block.durable_lsn = kMax64;
       block.epoch_start_lsn = 0;
     }},
    {"generation 2^63", [](Superblock& block) { block.generation = kMax64 / 2 + 1; }},
};

// Gives an extent other counts, and everything that follows from them.
template <typename Change>
void lay_out_again(HostileFile& file, const Schema& schema, std::uint32_t seq, Change&& change) {
  file.change_extent(seq, [&](ExtentHeader& header) {
    format::ExtentCounts counts{header.records, header.slots, header.heap_bytes};
    change(counts);
    const std::uint64_t offset = file.was().extents[seq - 1].geometry.offset;
    const auto geometry = format::lay_out(schema, offset, counts);
    expect(geometry.has_value());
    header = format::make_extent_header(*geometry, schema, header.uuid, header.seq, header.base_lsn,
                                        header.epoch);
  });
}

constexpr Case<ExtentHeader> kExtents[] = {
    {"every count its largest",
     [](ExtentHeader& header) {
       header.records = header.slots = ~0U;
       header.heap_bytes = kMax64;
     }},
    {"the largest heap there can be", [](ExtentHeader& header) { header.heap_bytes = 1ULL << 35; }},
    {"a heap that wraps to one byte less",
     [](ExtentHeader& header) { header.heap_bytes = kMax64 - 7; }},
    {"vectors over the records", [](ExtentHeader& header) { header.columns[0].offset -= 65536; }},
    {"codes over the vectors",
     [](ExtentHeader& header) { header.columns[1].offset = header.columns[0].offset; }},
    {"a heap over the vectors",
     [](ExtentHeader& header) { header.heap_offset = header.columns[0].offset; }},
    {"a heap over the file's header", [](ExtentHeader& header) { header.heap_offset = 0; }},
    {"a length that ends inside it", [](ExtentHeader& header) { header.length = 65536; }},
    {"a length that leads back to it", [](ExtentHeader& header) { header.length = kMax64 + 1; }},
    {"a length that leads back to the first extent",
     [](ExtentHeader& header) { header.length = 0 - header.length; }},
    {"LSN 2^53-1", [](ExtentHeader& header) { header.base_lsn = format::kMaxLsn; }},
    {"LSN 2^64-1", [](ExtentHeader& header) { header.base_lsn = kMax64; }},
};

constexpr Case<format::ExtentCounts> kCounts[] = {
    {"2^32-1 records", [](format::ExtentCounts& counts) { counts.records = ~0U; }},
    {"2^32-1 slots", [](format::ExtentCounts& counts) { counts.slots = ~0U; }},
    {"2^35 bytes of heap", [](format::ExtentCounts& counts) { counts.heap_bytes = 1ULL << 35; }},
    {"all of these", [](format::ExtentCounts& counts) { counts = {~0U, ~0U, 1ULL << 35}; }},
    {"a page more of records", [](format::ExtentCounts& counts) { counts.records += 65536 / 96; }},
    {"no slot", [](format::ExtentCounts& counts) { counts.slots = 0; }},
    {"one record, no more", [](format::ExtentCounts& counts) { counts = {1, 0, 0}; }},
};

const Test kUnreal("forged_size_test", "what a header asks for is not believed", [] {
  for_hostile_kinds([](const Schema& schema) {
    const Built built = build(schema);
    for (const auto& [what, change, expected] : kHeads) {
      HostileFile file(built.bytes);
      file.change_head(change);
      expect_opening(file, expected, what);
    }
    for (const auto& [what, change, expected] : kSuperblocks) {
      HostileFile file(built.bytes);
      file.change_superblock(change);
      expect_opening(file, expected, what);
    }
    for (const std::uint32_t seq : {1U, 2U}) {
      for (const auto& [what, change, expected] : kExtents) {
        HostileFile file(built.bytes);
        file.change_extent(seq, change);
        expect_opening(file, expected, what);
      }
      for (const auto& [what, change, expected] : kCounts) {
        HostileFile file(built.bytes);
        lay_out_again(file, schema, seq, change);
        expect_opening(file, expected, what);
      }
    }
  });
});

// Whatever a writer is told in a file whose numbers are near their end, the next one finds all that
// was acknowledged.
void expect_kept(HostileFile& file, const Schema& schema, const std::string& what) {
  Ids ids(schema.id_type);
  std::map<std::string, Stored> expected;
  {
    const auto store = open(file.disk, kPath);
    expected = contents(*store);
    for (std::uint64_t id = 100; id < 104; ++id) {
      Group group(ids);
      const auto appended = store->append(group.put(id, vector_of(schema.dimension, id), "{}"));
      if (appended) {
        expected[schema.id_type == IdType::int64 ? std::to_string(id)
                                                 : "id-" + std::to_string(id)] = {
            vector_of(schema.dimension, id), "{}"};
      } else {
        expect(contents(*store) == expected, what);
      }
      (void)store->flush();
    }
    (void)store->close();
  }
  const auto store = try_open(file.disk, kPath);
  expect(store.ok(), what + ": " + std::string(store.status().message()));
  expect(contents(**store) == expected, what);
}

const Test kLastGeneration("forged_size_test", "a superblock's generation has an end", [] {
  for_hostile_kinds([](const Schema& schema) {
    const Built built = build(schema);
    for (std::uint64_t left = 0; left < 8; ++left) {
      HostileFile file(built.bytes);
      Superblock block = file.was().superblock;
      block.generation = format::kMaxGeneration - left;
      block.crc = format::crc_of(block);
      file.write(format::kSuperblockOffsets[block.generation % 2], block);
      expect_kept(file, schema, std::to_string(left) + " generations left");
    }
  });
});

const Test kLastTime("forged_size_test", "a record's time has an end", [] {
  for_hostile_kinds([](const Schema& schema) {
    const Built built = build(schema);
    for (std::uint64_t left = 0; left < 4; ++left) {
      HostileFile file(built.bytes);
      file.change_record(
          kLastLsn, [=](Record& record) { record.timestamp_us = format::kMaxTimestampUs - left; });
      expect_kept(file, schema, std::to_string(left) + " microseconds left");
    }
  });
});

}  // namespace
}  // namespace jvdb::test
