// Opening beside a writer, after a failed sync, and of files whose parts contradict each other.
#include <cstring>
#include <functional>

#include "check.h"
#include "format/seal.h"
#include "passing_file.h"
#include "store_fixture.h"

namespace jvdb::test {
namespace {

using engine::Checker;
using engine::Store;

constexpr char kPath[] = "db.jvdb";
constexpr std::uint32_t kDimension = 16;

Result<std::unique_ptr<Store>> open_reader(std::unique_ptr<os::File> file) {
  engine::OpenOptions options;
  options.read_only = true;
  return Store::open(std::move(file), options);
}

// Calls `between` once, after the first time the file's size is asked for.
class Interrupted final : public PassingFile {
 public:
  Interrupted(std::unique_ptr<os::File> file, std::function<void()> between)
      : PassingFile(std::move(file)), between_(std::move(between)) {}
  Result<os::FileInfo> info() const override {
    auto info = PassingFile::info();
    if (between_) std::exchange(between_, nullptr)();
    return info;
  }

 private:
  mutable std::function<void()> between_;
};

const Test kGrowing("opening_test", "a reader opens while the writer grows the file", [] {
  SimFileSystem files;
  Ids ids(format::IdType::int64);
  const auto writer = create(files, kPath, schema_of(kDimension), 4);
  for (std::uint64_t id = 0; id < 4; ++id) {
    (void)take(writer->append(Group(ids).put(id, vector_of(kDimension, id))));
  }
  auto file = std::make_unique<Interrupted>(take(files.open(kPath, os::Access::read_only)), [&] {
    (void)take(writer->append(Group(ids).put(4, vector_of(kDimension, 4))));
    expect_ok(writer->flush());
  });
  expect_equal(take(open_reader(std::move(file)))->live(), 5U);
});

const Test kReader("opening_test", "a reader changes nothing for a writer whose sync failed", [] {
  SimFileSystem files;
  Ids ids(format::IdType::int64);
  const auto writer = create(files, kPath, schema_of(kDimension));
  (void)take(writer->append(Group(ids).put(1, vector_of(kDimension, 1))));
  expect_ok(writer->flush());
  (void)take(writer->append(Group(ids).put(2, vector_of(kDimension, 2))));
  files.hooks().fail_sync = [] { return true; };
  expect_code(writer->flush(), Code::io);
  expect_ok(open_reader(take(files.open(kPath, os::Access::read_only))).status());
  expect(get(*writer, {2, {}}) == Stored{vector_of(kDimension, 2), ""});
});

const Test kFirstLsn("opening_test", "a file whose extents hold no record that counts is refused",
                     [] {
                       for (const std::uint64_t base_lsn : {0U, 2U, 5U}) {
                         SimFileSystem files;
                         const auto schema = schema_of(kDimension);
                         expect_ok(engine::create_file(files, kPath, schema, 16));
                         const auto bytes = files.bytes(kPath);
                         format::Head head;
                         std::memcpy(&head, bytes.data(), sizeof head);
                         format::Superblock block;
                         std::memcpy(&block, bytes.data() + format::kSuperblockOffsets[0],
                                     sizeof block);
                         const auto first = *format::lay_out(schema, format::kFirstExtentOffset,
                                                             format::first_extent(16));
                         const auto header = format::make_extent_header(
                             first, schema, head.header.uuid, 1, base_lsn, block.epoch);
                         expect_ok(take(files.open(kPath, os::Access::read_write))
                                       ->write(first.offset, &header, sizeof header));
                         expect_code(try_open(files, kPath).status(), Code::corrupt);
                       }
                     });

const Test kTies("opening_test", "a search without metadata asks nothing of damaged metadata", [] {
  SimFileSystem files;
  Ids ids(format::IdType::int64);
  const auto schema = schema_of(kDimension);
  {
    const auto store = create(files, kPath, schema);
    for (std::uint64_t id = 10; id > 0; --id) {
      (void)take(store->append(Group(ids).put(id, vector_of(kDimension, 1), R"({"k":5})")));
    }
    expect_ok(store->close());
  }
  const auto first = *format::lay_out(schema, format::kFirstExtentOffset, format::first_extent(16));
  files.damage(kPath, first.heap_offset + 5 * 16 + 9, std::byte{0x7F});
  const auto store = open(files, kPath);
  engine::SearchOptions options = best(3);
  options.metadata = false;
  const auto hits = take(search(*store, vector_of(kDimension, 1), options));
  for (std::size_t i = 0; i < 3; ++i) expect_equal(hits.at(i).id_number, i + 1);
  expect_code(search(*store, vector_of(kDimension, 1)).status(), Code::corrupt);
});

}  // namespace
}  // namespace jvdb::test
