// Files whose parts are whole, each of them, and contradict one another.
#include "hostile_file.h"
#include "passing_file.h"

namespace jvdb::test {
namespace {

using format::ExtentHeader;
using format::Head;
using format::IdType;
using format::Record;
using format::ScannedFile;
using format::Superblock;

constexpr char kPath[] = "db.jvdb";

void expect_refused(HostileFile& file, Code expected, std::string_view says) {
  const auto before = file.disk.bytes(kPath);
  const Status status = try_open(file.disk, kPath).status();
  expect_code(status, expected);
  expect(status.message().find(says) != std::string_view::npos, std::string(status.message()));
  expect(file.disk.bytes(kPath) == before);
}

void change_head(HostileFile& file, std::uint64_t offset, void (*change)(Head&)) {
  auto head = file.read<Head>(offset);
  change(head);
  file.write(offset, head);
}

const Test kHeads("contradiction_test", "two heads, neither of them whole", [] {
  struct State {
    const char* what;
    void (*change)(Head&);
  };
  constexpr State states[] = {
      {"damaged", [](Head& head) { head.header.dimension += 1; }},
      {"of another version", [](Head& head) { head.header.version += 1; }},
      {"foreign", [](Head& head) { head.header.magic += 1; }},
  };
  const Built built = build(schema_of(3));
  for (std::size_t first = 0; first < 3; ++first) {
    for (std::size_t copy = 0; copy < 3; ++copy) {
      HostileFile file(built.bytes);
      change_head(file, 0, states[first].change);
      change_head(file, format::kHeadCopyOffset, states[copy].change);
      const bool version = first == 1 && copy == 1;
      const bool foreign = first == 2 && copy == 2;
      expect_refused(file, version ? Code::version : Code::corrupt,
                     version   ? "has format version 2, this release reads version 1"
                     : foreign ? "is not a jvdb file"
                               : "neither its header nor the copy of it");
    }
  }
});

const Test kCounted("contradiction_test", "a counted extent that nothing leads to", [] {
  HostileFile file(build(schema_of(3), 8).bytes);
  file.change_superblock([](Superblock& block) { block.extent_count = 2; });
  file.change_extent(2, [](ExtentHeader& header) { header.base_lsn += 1; });
  expect_refused(file, Code::corrupt, "isn't in the extent that its superblock counts");
});

const Test kThree("contradiction_test", "extents are counted, and the history ends in the first",
                  [] {
                    SimFileSystem disk;
                    Ids ids(IdType::int64);
                    const auto store = create(disk, kPath, schema_of(3), 4);
                    while (take(store->stats()).extents < 3) {
                      (void)take(store->append(Group(ids).put(store->last_lsn(), vector_of(3, 1))));
                    }
                    expect_ok(store->flush());
                    HostileFile file(disk.bytes(kPath));
                    expect_equal(file.was().superblock.extent_count, 3U);
                    file.change_superblock([](Superblock& block) { block.durable_lsn = 2; });
                    file.change_record(3, [](Record& record) { record.epoch ^= 1; });
                    expect_refused(file, Code::corrupt,
                                   "isn't in the extent that its superblock counts");
                  });

const Test kInGroup(
    "contradiction_test", "a counted extent that begins in a group without an end", [] {
      HostileFile file(build(schema_of(3), 8).bytes);
      file.change_record(8, [](Record& record) { record.flags |= format::kMoreFlag; });
      file.change_record(9, [](Record& record) { record.epoch ^= 1; });
      file.change_superblock([](Superblock& block) {
        block.durable_lsn = 7;
        block.extent_count = 2;
      });
      expect_refused(file, Code::corrupt, "isn't in the extent that its superblock counts");
    });

const Test kRemovedTwice("contradiction_test", "a removal of what was removed before", [] {
  const Built built = build(schema_of(3));
  HostileFile file(built.bytes);
  file.change_record(17, [](Record& record) { record.id = 2; });  // instead of 6
  const auto store = open(file.disk, kPath);
  auto expected = built.history.at(kLastLsn);
  expected["6"] = built.history.at(16).at("6");
  expect(contents(*store) == expected);
  expect_equal(take(store->stats()).dead, 20 - 4 - expected.size());
});

// A large file whose end was never written.
class Sparse final : public PassingFile {
 public:
  using PassingFile::PassingFile;
  Status read(std::uint64_t offset, void* to, std::size_t size) const override {
    if (offset < take(PassingFile::info()).size) return PassingFile::read(offset, to, size);
    std::memset(to, 0, size);
    return {};
  }
  Result<os::FileInfo> info() const override {
    os::FileInfo out = take(PassingFile::info());
    out.size = std::uint64_t{1} << 45;
    return out;
  }
};

const Test kSlots("contradiction_test", "more slots than 32 bits can number, in a file as large",
                  [] {
                    format::Schema schema = schema_of(16);
                    HostileFile file(build(schema).bytes);
                    file.change_extent(2, [&](ExtentHeader& header) {
                      const auto geometry = format::lay_out(
                          schema, file.was().extents[1].geometry.offset, {16, ~0U - 7, 64});
                      header = format::make_extent_header(*geometry, schema, header.uuid, 2,
                                                          header.base_lsn, header.epoch);
                    });
                    auto sparse = std::make_unique<Sparse>(
                        take(file.disk.open(kPath, os::Access::read_write)));
                    const Status status = engine::Store::open(std::move(sparse), {}).status();
                    expect_code(status, Code::corrupt);
                    expect(status.message().find("more than 2^32 slots") != std::string_view::npos,
                           std::string(status.message()));
                  });

Result<ScannedFile> scan(HostileFile& file) {
  return format::scan_file(*take(file.disk.open(kPath, os::Access::read_only)));
}

const Test kScan("contradiction_test", "of a damaged file, the extents that can be a history", [] {
  const auto found = [](std::uint64_t durable, auto&& change) {
    HostileFile file(build(schema_of(3), durable).bytes);
    change(file);
    return take(scan(file)).extents.size();
  };
  const auto second = [](auto&& change) {
    return [change](HostileFile& file) { file.change_extent(2, change); };
  };
  for (const std::uint64_t durable : {std::uint64_t{8}, kLastLsn}) {
    expect_equal(found(durable, [](HostileFile&) {}), 2U);
    expect_equal(found(durable, second([](ExtentHeader& header) { header.seq = 5; })), 2U);
    expect_equal(found(durable, second([](ExtentHeader& header) { header.seq = 1; })), 1U);
    expect_equal(found(durable, second([](ExtentHeader& header) { header.base_lsn = 0; })), 1U);
    expect_equal(found(durable, second([](ExtentHeader& header) { header.uuid[0] ^= 1; })), 1U);
  }
  // What the superblock counts lived, whatever its epoch; of the others, those of this epoch.
  const auto older = second([](ExtentHeader& header) { header.epoch ^= 1; });
  expect_equal(found(kLastLsn, older), 2U);
  expect_equal(found(8, older), 1U);
  // Without superblocks nothing says which lived.
  expect_equal(found(8,
                     [&](HostileFile& file) {
                       older(file);
                       for (const std::uint64_t offset : format::kSuperblockOffsets)
                         file.write(offset, Superblock{});
                     }),
               2U);
  HostileFile other(build(schema_of(3)).bytes);
  other.change_head([](Head& head) { head.header.dimension = 0; });
  expect_code(scan(other).status(), Code::corrupt);
});

}  // namespace
}  // namespace jvdb::test
