// One writer and many readers on a file: every reader sees exactly one snapshot.
#include "check.h"
#include "os/file_system.h"
#include "rounds.h"
#include "store_fixture.h"
#include "temporary_directory.h"

namespace jvdb::test {
namespace {

const Test kReaders("threads_test", "readers beside a writer see one snapshot each", [] {
  for (const format::IdType type : {format::IdType::int64, format::IdType::string}) {
    const TemporaryDirectory directory;
    const std::string path = directory.path() + "/db.jvdb";
    format::Schema schema = schema_of(20, type, format::Metric::dot);
    const auto store = create(os::disk(), path, schema, 100);
    run_all(*store, 150);
    const auto before = contents(*store);
    expect(contents(*open(os::disk(), path)) == before);
  }
});

}  // namespace
}  // namespace jvdb::test
