// How a file grows: in proportion to what it is used for, and up to its limits.
#include <cstring>

#include "check.h"
#include "format/seal.h"
#include "store_fixture.h"

namespace jvdb::test {
namespace {

using engine::Store;

constexpr char kPath[] = "db.jvdb";
constexpr std::uint32_t kDimension = 64;

class Growing {
 public:
  Growing() : store_(create(files_, kPath, schema_of(kDimension), 100)) {}

  void put(std::uint64_t count, const std::string& metadata, std::uint64_t at_once) {
    for (std::uint64_t end = next_ + count; next_ < end;) {
      Group group(ids_);
      for (std::uint64_t i = 0; i < at_once; ++i, ++next_) group.put(next_, vector_, metadata);
      (void)take(store_->append(group));
    }
    const std::uint64_t heap = metadata.empty() ? 0 : (8 + metadata.size() + 7) / 8 * 8;
    used_ += count * (kDimension * 5 + sizeof(format::Record) + heap);
  }
  void remove(std::uint64_t from, std::uint64_t to) {
    for (std::uint64_t id = from; id < to; ++id) (void)take(store_->append(Group(ids_).remove(id)));
    used_ += (to - from) * sizeof(format::Record);
  }
  void remove_at_once(std::uint64_t from, std::uint64_t to) {
    Group group(ids_);
    for (std::uint64_t id = from; id < to; ++id) group.remove(id);
    (void)take(store_->append(group));
    used_ += (to - from) * sizeof(format::Record);
  }
  std::uint64_t next() const noexcept { return next_; }
  // Bytes of the file for each that is in use.
  double ratio() const {
    return static_cast<double>(take(store_->stats()).file_bytes) / static_cast<double>(used_);
  }

 private:
  SimFileSystem files_;
  Ids ids_{format::IdType::int64};
  std::unique_ptr<Store> store_;
  const Vector vector_ = vector_of(kDimension, 1);
  std::uint64_t next_ = 0;
  std::uint64_t used_ = 0;
};

// A file doubles while it is small: half of the last extent is in use on average, at the worst
// none.
const Test kMetadata("growth_test", "growth follows a change to larger metadata", [] {
  for (const std::uint64_t at_once : {1U, 500U}) {
    Growing file;
    file.put(10000, "", at_once);
    file.put(10000, std::string(1000, ' '), at_once);
    expect(file.ratio() < 2.3, std::to_string(file.ratio()));
  }
});

const Test kDeletes("growth_test", "deletes ask for little room", [] {
  Growing file;
  file.put(20000, "", 500);
  const double before = file.ratio();
  file.remove(0, 20000);
  expect(file.ratio() < before, std::to_string(file.ratio()));
});

const Test kQueue("growth_test", "as many deletes as puts leave no slots unused", [] {
  Growing file;
  for (int i = 0; i < 20000; ++i) {
    file.put(1, "", 1);
    if (file.next() > 1000) file.remove(file.next() - 1000, file.next() - 999);
  }
  expect(file.ratio() < 2.2, std::to_string(file.ratio()));
});

const Test kAfterDeletes("growth_test", "a large delete says nothing of the puts after it", [] {
  Growing file;
  file.put(20000, "", 500);
  file.remove_at_once(0, 20000);
  file.put(1, "", 1);
  const double before = file.ratio();
  file.put(15000, "", 500);
  expect(file.ratio() < before, std::to_string(before) + " " + std::to_string(file.ratio()));
});

const Test kOneLarge("growth_test", "one large entry does not set the pattern", [] {
  Growing file;
  file.put(5000, "", 1);
  file.put(1, std::string(1000000, ' '), 1);
  file.put(15000, "", 1);
  expect(file.ratio() < 3, std::to_string(file.ratio()));
});

const Test kLsnLimit("growth_test", "the last LSN is a safe integer, and then it says so", [] {
  SimFileSystem files;
  const auto schema = schema_of(kDimension);
  expect_ok(engine::create_file(files, kPath, schema, 16));
  const auto bytes = files.bytes(kPath);
  format::Head head;
  format::Superblock block;
  std::memcpy(&head, bytes.data(), sizeof head);
  std::memcpy(&block, bytes.data() + format::kSuperblockOffsets[0], sizeof block);
  block.durable_lsn = block.history_floor_lsn = format::kMaxLsn - 1;  // as a compaction leaves it
  block.epoch_start_lsn = format::kMaxLsn;
  block.crc = format::crc_of(block);
  const auto first = *format::lay_out(schema, format::kFirstExtentOffset, format::first_extent(16));
  const auto header =
      format::make_extent_header(first, schema, head.header.uuid, 1, format::kMaxLsn, block.epoch);
  {
    const auto file = take(files.open(kPath, os::Access::read_write));
    expect_ok(file->write(format::kSuperblockOffsets[0], &block, sizeof block));
    expect_ok(file->write(first.offset, &header, sizeof header));
  }
  Ids ids(format::IdType::int64);
  {
    const auto store = open(files, kPath);
    const Vector vector = vector_of(kDimension, 1);
    expect_code(store->append(Group(ids).put(1, vector).put(2, vector)).status(), Code::no_space);
    expect_equal(take(store->append(Group(ids).put(1, vector))).lsn, format::kMaxLsn);
    expect_code(store->append(Group(ids).put(2, vector)).status(), Code::no_space);
    expect_ok(store->close());
  }
  expect_equal(open(files, kPath)->live(), 1U);
});

}  // namespace
}  // namespace jvdb::test
