#include "engine/create.h"

#include "base/text.h"
#include "engine/clock.h"
#include "format/seal.h"
#include "os/random.h"
#include "simd/kernels.h"

namespace jvdb::engine {
namespace {

Status write_new(os::File& file, const format::Schema& schema,
                 const format::ExtentGeometry& first) {
  const format::Head head =
      format::make_head(schema, first, format::random_uuid(), now_us(), os::random_u64());
  format::Superblock block{};
  block.epoch_start_lsn = 1;
  block.epoch = os::random_nonzero_u32();
  block.extent_count = 1;
  block.durable_time_us = now_us();
  block.clean = 1;
  block.crc = format::crc_of(block);
  const format::ExtentHeader extent =
      format::make_extent_header(first, schema, head.header.uuid, 1, 1, block.epoch);

  Status status = file.resize(first.end());
  if (status) status = file.write(0, &head, sizeof head);
  if (status) status = file.write(format::kHeadCopyOffset, &head, sizeof head);
  if (status) status = file.write(format::kSuperblockOffsets[0], &block, sizeof block);
  if (status) status = file.write(first.offset, &extent, sizeof extent);
  if (status) status = file.sync();
  return status;
}

}  // namespace

Status create_file(os::FileSystem& files, const std::string& path, const format::Schema& schema,
                   std::uint32_t initial_capacity) {
  // Before there is a file that could not be opened.
  if (auto level = simd::choose(); !level) return level.status();
  const auto first =
      format::lay_out(schema, format::kFirstExtentOffset, format::first_extent(initial_capacity));
  if (!first) {
    return {Code::invalid_argument, text("an initial capacity of ", initial_capacity,
                                         " vectors is more than a file can hold")};
  }
  const std::string temporary = text(path, ".tmp-", os::random_u64());
  auto file = files.create(temporary);
  if (!file) return file.status();
  Status status = write_new(**file, schema, *first);
  file->reset();  // the directory takes its descriptor
  if (status) status = files.rename_new(temporary, path);
  if (!status) {
    (void)files.remove(temporary);
    return status;
  }
  return files.sync_directory(path);
}

}  // namespace jvdb::engine
