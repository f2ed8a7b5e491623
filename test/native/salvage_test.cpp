// Salvage: every vector that is whole is copied, the others are named, and the damaged file is only
// read.
#include <algorithm>

#include "check.h"
#include "engine/salvage.h"
#include "recorded_history.h"
#include "store_fixture.h"

namespace jvdb::test {
namespace {

using engine::SalvageReport;

constexpr char kPath[] = "db.jvdb";
constexpr char kTo[] = "saved.jvdb";

std::unique_ptr<SimFileSystem> disk_with(const std::vector<std::byte>& bytes) {
  auto disk = std::make_unique<SimFileSystem>();
  const auto file = take(disk->create(kPath));
  expect_ok(file->write(0, bytes.data(), bytes.size()));
  return disk;
}

Result<SalvageReport> salvage(SimFileSystem& disk) {
  engine::Job job;
  return engine::salvage(disk, kPath, kTo, job);
}

std::map<std::string, Stored> expected_of(const Recorded& recorded) {
  std::map<std::string, Stored> out;
  const bool numbers = recorded.schema.id_type == format::IdType::int64;
  for (const Item& item : recorded.states.rbegin()->second.in_order) {
    out[numbers ? std::to_string(item.id) : item.text] = {item.vector, item.metadata};
  }
  return out;
}

const Test kWhole("salvage_test", "all of what isn't damaged, with its LSNs and times", [] {
  for (const auto type : {format::IdType::int64, format::IdType::string}) {
    for (const bool compacted : {false, true}) {
      for (const Ending ending : {Ending::closed, Ending::killed, Ending::killed_again}) {
        const Recorded recorded = record(schema_of(20, type), true, ending);
        const auto disk = disk_with(recorded.bytes);
        if (compacted) {
          const auto store = open(*disk, kPath);
          (void)take(compact(*disk, *store));
        }
        const SalvageReport report = take(salvage(*disk));
        expect(report.error_count == 0 && report.lost == 0 && report.unreadable == 0,
               report.errors.empty() ? "" : report.errors[0].message);
        const auto saved = open(*disk, kTo);
        expect(contents(*saved) == expected_of(recorded));
        expect_equal(report.live, saved->live());
        expect_equal(report.last_lsn, recorded.last_lsn());
        expect_equal(saved->last_lsn(), recorded.last_lsn());
        const auto original = open(*disk, kPath);
        for (const Item& item : recorded.states.rbegin()->second.in_order) {
          const auto before = *take(original->read().get(recorded.id(item.id), 0));
          const auto after = *take(saved->read().get(recorded.id(item.id), 0));
          expect_equal(after.created_us, before.created_us);
          expect_equal(after.updated_us, before.updated_us);
        }
        expect_code(salvage(*disk).status(), Code::exists);
      }
    }
  }
});

// What it may hold: entries of some state that was, each whole.
void expect_plausible(const Recorded& recorded, const std::map<std::string, Stored>& found) {
  const bool numbers = recorded.schema.id_type == format::IdType::int64;
  for (const auto& [id, stored] : found) {
    const bool was =
        std::any_of(recorded.states.begin(), recorded.states.end(), [&](const auto& state) {
          return std::any_of(state.second.in_order.begin(), state.second.in_order.end(),
                             [&](const Item& item) {
                               return (numbers ? std::to_string(item.id) : item.text) == id &&
                                      Stored{item.vector, item.metadata} == stored;
                             });
        });
    expect(was, "id " + id + " never was like that");
  }
}

const Test kDamage("salvage_test", "one damaged byte anywhere: the others are saved", [] {
  for (const auto type : {format::IdType::int64, format::IdType::string}) {
    const Recorded recorded = record(schema_of(3, type), true, Ending::closed);
    const auto whole = expected_of(recorded);
    const auto disk = disk_with(recorded.bytes);
    std::uint64_t saved = 0;
    for (std::uint64_t offset = 0; offset < recorded.bytes.size(); offset += 61) {
      const std::byte was = recorded.bytes[offset];
      if (was == std::byte{0} && offset % 7 != 0) continue;
      disk->damage(kPath, offset, was ^ std::byte{0x40});
      const SalvageReport report = take(salvage(*disk));
      const auto found = contents(*open(*disk, kTo));
      expect_plausible(recorded, found);
      if (report.error_count == 0) expect(found == whole, "at byte " + std::to_string(offset));
      // One byte: no more than one record or one extent's header.
      const bool header =
          report.errors.size() == 1 && report.errors[0].message.find("extent") != std::string::npos;
      if (!header) expect(found.size() + 1 >= whole.size());
      saved += found.size();
      expect_ok(disk->remove(kTo));
      disk->damage(kPath, offset, was);
    }
    expect(saved > 0);
    expect(disk->bytes(kPath) == recorded.bytes, "it was written to");
  }
});

const Test kLost("salvage_test", "an id whose vector is damaged is named", [] {
  const Recorded recorded = record(schema_of(3, format::IdType::string), true, Ending::closed);
  const auto disk = disk_with(recorded.bytes);
  std::uint64_t at = 0;
  {
    const auto store = open(*disk, kPath);
    const auto snapshot = store->snapshot();
    at = snapshot->place_of(*snapshot->next(0)).record().offset;
  }
  disk->damage(kPath, at + 1, recorded.bytes[at + 1] ^ std::byte{1});
  const SalvageReport report = take(salvage(*disk));
  expect_equal(report.lost, 1U);
  expect_equal(report.error_count, 1U);
  const auto found = contents(*open(*disk, kTo));
  expect(!found.contains(report.lost_ids.at(0)));
  expect_equal(found.size() + 1, expected_of(recorded).size());
});

// Wipes records: from number `first` of the first extent on.
void wipe(SimFileSystem& disk, const engine::Extent& extent, std::uint32_t first,
          std::uint32_t count) {
  const std::uint64_t at = extent.geometry().records_offset() + first * sizeof(format::Record);
  for (std::uint64_t i = 0; i < count * sizeof(format::Record); ++i) {
    disk.damage(kPath, at + i, std::byte{0});
  }
}

const Test kWiped("salvage_test", "records that are gone from the end of an extent are told", [] {
  for (const bool compacted : {false, true}) {
    SimFileSystem disk;
    Ids ids(format::IdType::int64);
    {
      const auto store = create(disk, kPath, schema_of(3), 64);
      for (std::uint64_t id = 0; id < 40; ++id) {
        (void)take(store->append(Group(ids).put(id, vector_of(3, id))));
      }
      if (compacted) (void)take(store->append(Group(ids).put(0, vector_of(3, 1))));
      if (compacted) (void)take(compact(disk, *store));
      for (std::uint64_t id = 0; id < 10; ++id) (void)take(store->append(Group(ids).remove(id)));
      expect_ok(store->close());
      const auto snapshot = store->snapshot();
      wipe(disk, *snapshot->extents()[0], compacted ? 30 : 40, 10);
    }
    expect_code(try_open(disk, kPath).status(), Code::corrupt);
    const SalvageReport report = take(salvage(disk));
    expect_equal(report.unreadable, 10U);
    expect(report.error_count > 0);
    expect_equal(report.live, compacted ? 21U : 40U);
  }
});

const Test kLastBatch("salvage_test", "of a batch at the end, one record damaged, the others count",
                      [] {
                        SimFileSystem disk;
                        Ids ids(format::IdType::int64);
                        {
                          const auto store = create(disk, kPath, schema_of(3), 64);
                          Group group(ids);
                          for (std::uint64_t id = 0; id < 50; ++id) group.put(id, vector_of(3, id));
                          (void)take(store->append(group));
                          expect_ok(store->close());
                          const auto snapshot = store->snapshot();
                          const auto& extent = *snapshot->extents()[0];
                          disk.damage(
                              kPath,
                              extent.geometry().records_offset() + 49 * sizeof(format::Record) + 3,
                              std::byte{0x11});
                        }
                        const SalvageReport report = take(salvage(disk));
                        expect_equal(report.live, 49U);
                        expect_equal(report.unreadable, 1U);
                      });

const Test kCut("salvage_test", "a file cut short anywhere", [] {
  const Recorded recorded = record(schema_of(3, format::IdType::string), true, Ending::closed);
  std::size_t most = 0;
  for (std::size_t size = 0; size < recorded.bytes.size(); size += 1021) {
    auto bytes = recorded.bytes;
    bytes.resize(size);
    const auto disk = disk_with(bytes);
    const auto report = salvage(*disk);
    if (!report) {
      expect_code(report.status(), Code::corrupt);
      expect(size < format::kFirstExtentOffset);
      continue;
    }
    const auto found = contents(*open(*disk, kTo));
    expect_plausible(recorded, found);
    expect(report->error_count > 0 || found == expected_of(recorded));
    most = std::max(most, found.size());
  }
  expect(most > 0);
});

const Test kSuperblocks("salvage_test", "neither superblock, or not the head, is whole", [] {
  const Recorded recorded = record(schema_of(3), true, Ending::closed);
  const auto disk = disk_with(recorded.bytes);
  for (const std::uint64_t offset : format::kSuperblockOffsets) {
    disk->damage(kPath, offset + 3, std::byte{0x77});
  }
  expect_code(try_open(*disk, kPath).status(), Code::corrupt);
  disk->damage(kPath, 40, std::byte{0x77});
  const SalvageReport report = take(salvage(*disk));
  expect_equal(report.error_count, 1U);
  expect(contents(*open(*disk, kTo)) == expected_of(recorded));
  disk->damage(kPath, format::kHeadCopyOffset + 40, std::byte{0x77});
  expect_ok(disk->remove(kTo));
  expect_code(salvage(*disk).status(), Code::corrupt);
  expect_code(disk->stat(kTo).status(), Code::not_found);
});

}  // namespace
}  // namespace jvdb::test
