// Histories for the protocol's rules: a small database on a simulated disk whose sectors are chosen
// one by one when the power fails. Threads: one at a time.
#pragma once

#include <functional>
#include <map>
#include <source_location>

#include "check.h"
#include "engine/protocol.h"
#include "store_fixture.h"

namespace jvdb::test::protocol {

using engine::Protocol;
using engine::Store;

inline constexpr char kPath[] = "db.jvdb";
inline constexpr std::uint32_t kDimension = 128;  // a vector is a whole sector, and so is its place

inline const format::Schema kSchema = [] {
  format::Schema schema = schema_of(kDimension);
  schema.has_codes = false;
  return schema;
}();
inline const format::ExtentGeometry kFirst =
    *format::lay_out(kSchema, format::kFirstExtentOffset, format::first_extent(64));

inline Vector vector_for(std::uint64_t seed) {
  return vector_of(kDimension, seed);
}

struct Disk {
  SimFileSystem files;
  Ids ids{format::IdType::int64};
  Protocol protocol;

  explicit Disk(const Protocol& rules) : protocol(rules) {
    expect_ok(engine::create_file(files, kPath, kSchema, 64));
  }
  std::unique_ptr<Store> open() { return test::open(files, kPath, {false, {}, protocol}); }
  void put(Store& store, std::uint64_t id, std::uint64_t seed) {
    (void)take(store.append(Group(ids).put(id, vector_for(seed))));
  }
  // A flush whose sync fails: what it should have made durable is in the cache alone.
  void fail_flush(Store& store) {
    files.hooks().fail_sync = [] { return true; };
    expect_code(store.flush(), Code::io);
    files.hooks().fail_sync = nullptr;
  }
  // LSN 1 is durable, 2 is in the cache alone, and the handle writes no more.
  void lose_second(Store& store) {
    put(store, 1, 1);
    expect_ok(store.flush());
    put(store, 2, 2);
    fail_flush(store);
  }
  // The cache forgets what a failed sync lost.
  void forget() { files.forget_lost(kPath, 0, files.bytes(kPath).size()); }
  // Pulls the plug: `choose` decides for each unsynced sector, by its offset in the file; sizes and
  // names stay.
  void power_cut(const std::function<SectorCut(std::uint64_t offset, std::size_t newest)>& choose) {
    power_cut({.sector = [&](std::uint64_t sector, std::size_t newest) {
      return choose(sector * kSector, newest);
    }});
  }
  void power_cut(const PowerCut& cut) { files.power_cut(cut)->swap(files); }
};

// Ids and seeds that a store must hold, no more and no less.
inline bool holds(Store& store, const std::map<std::uint64_t, std::uint64_t>& expected) {
  std::map<std::string, Stored> wanted;
  for (const auto& [id, seed] : expected) wanted[std::to_string(id)] = {vector_for(seed), ""};
  try {
    return contents(store) == wanted;
  } catch (const Failure&) {
    return false;  // a vector that can't be read back
  }
}

inline bool opens_with(Disk& disk, const std::map<std::uint64_t, std::uint64_t>& expected) {
  auto store = try_open(disk.files, kPath, {false, {}, disk.protocol});
  return store && holds(**store, expected);
}

inline void expect_rule(bool Protocol::* rule, const std::function<bool(Disk&)>& scenario,
                        std::source_location where = std::source_location::current()) {
  Protocol all;
  Disk with(all);
  expect(scenario(with), "the scenario fails with all rules on", where);
  all.*rule = false;
  Disk without(all);
  expect(!scenario(without), "switching the rule off is not noticed", where);
}

inline std::uint64_t record_at(std::uint64_t lsn) {
  return kFirst.records_offset() + (lsn - 1) * sizeof(format::Record);
}
inline bool is_record(std::uint64_t offset) {
  return offset >= kFirst.records_offset() && offset < kFirst.vectors_offset;
}
// The sector that holds the first byte of a record.
inline std::uint64_t record_sector(std::uint64_t lsn) {
  return record_at(lsn) / kSector * kSector;
}

}  // namespace jvdb::test::protocol
