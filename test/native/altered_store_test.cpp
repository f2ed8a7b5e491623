// A file that somebody alters while a store has it open: what is made of it is not made to look
// whole, and what is not durable yet is compared with its checksums before it is said to be.
#include "hostile_file.h"

namespace jvdb::test {
namespace {

using format::IdType;
using format::Record;

constexpr char kCopy[] = "copy";
constexpr std::uint64_t kDurable = 14;

struct Alteration {
  const char* what;
  std::uint64_t lsn;
  void (*make)(HostileFile&, std::uint64_t lsn);
};

void flip(HostileFile& file, std::uint64_t at) {
  file.disk.damage(HostileFile::path, at, file.read<std::byte>(at) ^ std::byte{0x10});
}

constexpr Alteration kAlterations[] = {
    {"record", 16, [](HostileFile& file, std::uint64_t lsn) { flip(file, file.record_at(lsn)); }},
    {"vector", 16, [](HostileFile& file, std::uint64_t lsn) { flip(file, file.vector_at(lsn)); }},
    {"metadata", 16,
     [](HostileFile& file, std::uint64_t lsn) { flip(file, file.heap_at(lsn) + 9); }},
    {"code", 16,
     [](HostileFile& file, std::uint64_t lsn) {
       const auto& geometry = file.was().extents[1].geometry;
       const auto stride = schema_of(3).vector_stride();
       const auto slot = (file.vector_at(lsn) - geometry.vectors_offset) / stride;
       flip(file, geometry.codes_offset + slot * schema_of(3).code_stride());
     }},
    {"LSN", 16,
     [](HostileFile& file, std::uint64_t lsn) {
       file.change_record(lsn, [](Record& record) { record.lsn += 1000; });
     }},
    {"put for a removal", 17,
     [](HostileFile& file, std::uint64_t lsn) {
       file.change_record(lsn, [](Record& record) { record.flags ^= 3; });
     }},
    {"removal for a put", 16,
     [](HostileFile& file, std::uint64_t lsn) {
       file.change_record(lsn, [](Record& record) { record.flags ^= 3; });
     }},
};

const Test kWrittenAgain(
    "altered_store_test", "before the first sync: nothing becomes durable", [] {
      for (const IdType type : {IdType::int64, IdType::string}) {
        const Built built = build(schema_of(3, type), kDurable);
        for (const auto& [what, lsn, make] : kAlterations) {
          HostileFile file(built.bytes);
          const auto store = open(file.disk, HostileFile::path);
          expect_equal(store->last_lsn(), kLastLsn);
          make(file, lsn);
          const Status status = store->flush();
          expect(status.code() == Code::io, what);
          expect(status.message().find("no longer what it was") != std::string_view::npos, what);
          expect_equal(store->durable_lsn(), kDurable);
        }
        HostileFile whole(built.bytes);
        const auto store = open(whole.disk, HostileFile::path);
        expect_ok(store->flush());
        expect_equal(store->durable_lsn(), kLastLsn);
      }
    });

const Test kIncrement("altered_store_test", "an increment is not made of it", [] {
  for (const IdType type : {IdType::int64, IdType::string}) {
    const Built built = build(schema_of(3, type));
    for (const auto& [what, lsn, make] : kAlterations) {
      HostileFile file(built.bytes);
      const auto store = open(file.disk, HostileFile::path);
      make(file, lsn);
      engine::Job job;
      const Status status = store->backup(file.disk, kCopy, 10, job).status();
      expect(status.code() == Code::corrupt, std::string(what) + ": " + code_name(status.code()));
      expect_code(file.disk.stat(kCopy).status(), Code::not_found);
    }
  }
});

}  // namespace
}  // namespace jvdb::test
