// The arithmetic of the format: where an extent's parts lie, and what can't be an extent.
#include "check.h"
#include "format/geometry.h"
#include "store_fixture.h"

namespace jvdb::test {
namespace {

using format::ExtentCounts;
using format::lay_out;

constexpr std::uint64_t kOffset = format::kFirstExtentOffset;

const Test kParts("format_test", "the parts of an extent follow one another, aligned", [] {
  for (const bool codes : {true, false}) {
    for (const std::uint32_t dimension : {1U, 3U, 16U, 100U, 768U, 65536U}) {
      format::Schema schema = schema_of(dimension);
      schema.has_codes = codes;
      for (const std::uint32_t slots : {0U, 1U, 1000U}) {
        const auto extent = *lay_out(schema, kOffset, {slots + 5, slots, 8 * slots});
        const std::uint64_t records_end = extent.records_offset() + (slots + 5) * std::uint64_t{96};
        const std::uint64_t vectors_end =
            extent.vectors_offset + slots * std::uint64_t{schema.vector_stride()};
        const std::uint64_t codes_end =
            codes ? extent.codes_offset + slots * std::uint64_t{schema.code_stride()} : vectors_end;
        expect(extent.vectors_offset >= records_end && extent.vectors_offset % 65536 == 0);
        expect(codes ? extent.codes_offset >= vectors_end && extent.codes_offset % 65536 == 0
                     : extent.codes_offset == 0);
        expect(extent.heap_offset >= codes_end && extent.heap_offset % 4096 == 0);
        expect(extent.end() >= extent.heap_offset + 8 * slots && extent.end() % 65536 == 0);
      }
    }
  }
});

const Test kImpossible("format_test", "counts and places that no extent has", [] {
  const auto schema = schema_of(768);
  const auto possible = [&](std::uint64_t offset, const ExtentCounts& counts) {
    return lay_out(schema, offset, counts).has_value();
  };
  expect(possible(kOffset, {1, 0, 0}));
  expect(!possible(kOffset, {0, 0, 0}));
  expect(possible(kOffset, {1, 0, std::uint64_t{1} << 35}));
  expect(!possible(kOffset, {1, 0, (std::uint64_t{1} << 35) + 8}));
  expect(!possible(kOffset, {1, 0, 4}));
  expect(!possible(kOffset + 4096, {1, 0, 0}));
  // Files end at 2^62 bytes.
  constexpr std::uint64_t end = std::uint64_t{1} << 62;
  expect(possible(end - 2 * kOffset - 65536, {1, 0, 0}));
  expect(!possible(end, {1, 0, 0}));
  expect(!possible(end, {~0U, ~0U, 0}));
  for (const std::uint64_t left : {65536, 131072}) expect(!possible(0 - left, {1, 0, 0}));
});

const Test kNames("format_test", "metrics and ids are called what users call them", [] {
  expect_equal(std::string(name_of(format::Metric::cosine)), "cosine");
  expect_equal(std::string(name_of(format::Metric::dot)), "dot");
  expect_equal(std::string(name_of(format::Metric::euclidean)), "euclidean");
  expect_equal(std::string(name_of(format::IdType::int64)), "int64");
  expect_equal(std::string(name_of(format::IdType::string)), "string");
});

}  // namespace
}  // namespace jvdb::test
