// Every allocation fails in turn, alone and beside a failing write, sync or reservation: whatever
// the engine was doing, what it acknowledged is there, and what it called durable survives a power
// cut.
#include "allocations.h"
#include "check.h"
#include "passing_file.h"
#include "store_fixture.h"

namespace jvdb::test {
namespace {

using engine::Store;

constexpr char kPath[] = "db.jvdb";
constexpr std::uint32_t kDimension = 16;
constexpr std::uint32_t kSlots = 4;  // of the first extent

// Tells of a failure in a text of the engine's own memory, which may fail too.
class FaultyFile final : public PassingFile {
 public:
  using PassingFile::PassingFile;

  Status read(std::uint64_t offset, void* to, std::size_t size) const override {
    return told(PassingFile::read(offset, to, size));
  }
  Status write(std::uint64_t offset, std::span<const os::Slice> slices) override {
    return told(PassingFile::write(offset, slices));
  }
  Status resize(std::uint64_t size) override { return told(PassingFile::resize(size)); }
  Status reserve(std::uint64_t offset, std::uint64_t size) override {
    return told(PassingFile::reserve(offset, size));
  }
  Status sync() override { return told(PassingFile::sync()); }

 private:
  static Status told(Status status) {
    return status ? Status() : Status(status.code(), std::string(status.message()) + " (told)");
  }
};

std::unique_ptr<Store> open_faulty(SimFileSystem& files) {
  auto file = std::make_unique<FaultyFile>(take(files.open(kPath, os::Access::read_write)));
  return take(Store::open(std::move(file), {}));
}

enum class Trouble { none, records_cut, records_whole, header_cut, sync, reservation };

class Story {
 public:
  explicit Story(Trouble trouble) : trouble_(trouble), ids_(format::IdType::string) {
    expect_ok(
        engine::create_file(files_, kPath, schema_of(kDimension, format::IdType::string), kSlots));
    store_ = open_faulty(files_);
    states_[0] = {};
  }

  // Whether the n-th allocation was reached.
  bool run(std::int64_t nth) {
    Allocations::here.left = nth;
    const std::string metadata(300, ' ');
    if (trouble_ == Trouble::reservation) files_.set_free_bytes(70000);
    const std::uint64_t allocated = take(store_->stats()).allocated_bytes;
    if (append(Group(ids_).put(1, vector_of(kDimension, 1))) == Code::no_space) {
      expect_equal(take(store_->stats()).allocated_bytes, allocated);
    }
    files_.set_free_bytes(std::uint64_t{1} << 40);
    Group more(ids_);  // until the first extent's slots are used
    for (std::uint64_t id = 2; id <= kSlots; ++id) more.put(id, vector_of(kDimension, id));
    append(more);
    flush();
    Group group(ids_);
    for (std::uint64_t id = 3; id < 30; ++id) group.put(id, vector_of(kDimension, id), metadata);
    cause_trouble();
    append(group);
    flush();
    files_.hooks() = {};
    append(Group(ids_).remove(2));  // in the first extent if the group failed
    flush();
    const bool reached = Allocations::here.left < 0;
    check();
    return reached;
  }

 private:
  using State = std::map<std::string, Stored>;

  void cause_trouble() {
    if (trouble_ == Trouble::sync) {
      files_.hooks().fail_sync = [this] { return std::exchange(once_, false); };
    }
    const bool header = trouble_ == Trouble::header_cut;
    if (!header && trouble_ != Trouble::records_cut && trouble_ != Trouble::records_whole) return;
    // The group lies in the second extent.
    const std::uint64_t second = format::lay_out(schema_of(kDimension), format::kFirstExtentOffset,
                                                 format::first_extent(kSlots))
                                     ->end();
    const std::uint64_t wanted = header ? second : second + format::kExtentHeaderPage;
    files_.hooks().cut_write = [=, this](std::uint64_t offset, std::size_t size) {
      const bool here = offset == wanted && std::exchange(once_, false);
      const std::size_t written = trouble_ == Trouble::records_whole ? size : size / 2;
      return here ? std::optional(written) : std::nullopt;
    };
  }

  template <typename Call>
  auto armed_call(Call&& call) {
    Allocations::here.fail = true;
    auto result = call();  // a failure, never an exception
    Allocations::here.fail = false;
    return result;
  }

  Code append(const Group& group) {
    const auto appended = armed_call([&] { return store_->append(group); });
    if (appended && appended->lsn != 0) states_[appended->lsn] = contents(*store_);
    return appended.status().code();
  }
  void flush() {
    const Status status = armed_call([&] { return store_->flush(); });
    if (status) flushed_ = states_.rbegin()->first;
  }

  void check() {
    expect_equal(store_->last_lsn(), states_.rbegin()->first);
    expect(contents(*store_) == states_.rbegin()->second);
    expect(store_->durable_lsn() <= states_.rbegin()->first);
    const std::uint64_t durable = std::max(store_->durable_lsn(), flushed_);
    // The least that a power cut may leave, and the most.
    for (const bool least : {true, false}) {
      PowerCut cut;
      if (least) {
        cut.sector = [](std::uint64_t, std::size_t) { return 0; };
        cut.size = [](std::size_t) { return 0; };
      }
      const auto image = files_.power_cut(cut);
      const auto reopened = open(*image, kPath);
      const auto state = states_.find(reopened->last_lsn());
      expect(state != states_.end(), "not the end of a group");
      expect(reopened->last_lsn() >= durable, "what was durable is lost");
      expect(contents(*reopened) == state->second);
    }
    if (!store_->close()) return;  // after a failed sync
    store_.reset();
    const auto reopened = open(files_, kPath);
    expect_equal(reopened->last_lsn(), states_.rbegin()->first);
    expect(contents(*reopened) == states_.rbegin()->second);
  }

  SimFileSystem files_;
  const Trouble trouble_;
  Ids ids_;
  bool once_ = true;
  std::unique_ptr<Store> store_;
  std::map<std::uint64_t, State> states_;  // by LSN
  std::uint64_t flushed_ = 0;
};

const Test kAllocations("fault_test", "every allocation may fail", [] {
  for (const Trouble trouble : {Trouble::none, Trouble::records_cut, Trouble::records_whole,
                                Trouble::header_cut, Trouble::sync, Trouble::reservation}) {
    std::int64_t nth = 0;
    try {
      while (Story(trouble).run(nth)) ++nth;
    } catch (const Failure& failure) {
      Allocations::here.fail = false;
      fail(std::string(failure.what()) + "; allocation " + std::to_string(nth) + " of trouble " +
           std::to_string(static_cast<int>(trouble)));
    }
    expect(nth > 20, std::to_string(nth));
  }
});

const Test kHelper("fault_test", "a failed allocation beside the encoding thread", [] {
  Ids ids(format::IdType::int64);
  Group group(ids);
  for (std::uint64_t id = 0; id < 2000; ++id) group.put(id, vector_of(768, id));  // 6 chunks
  for (std::int64_t nth = 0;; ++nth) {
    SimFileSystem files;
    expect_ok(engine::create_file(files, kPath, schema_of(768), 2000));
    const auto store = open_faulty(files);
    Allocations::here.left = nth;
    Allocations::here.fail = true;
    const auto appended = store->append(group);
    Allocations::here.fail = false;
    expect_equal(store->live(), appended ? 2000U : 0U);
    if (!appended) continue;
    for (std::uint64_t id = 0; id < 2000; id += 7) {
      expect(get(*store, {id, {}}) == Stored{vector_of(768, id), ""});
    }
    if (Allocations::here.left >= 0) break;
  }
});

}  // namespace
}  // namespace jvdb::test
