// Short ways to use the engine in tests. Threads: one at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "check.h"
#include "engine/create.h"
#include "engine/registry.h"
#include "engine/store.h"
#include "sim_file_system.h"

namespace jvdb::test {

using Vector = std::vector<float>;

// Different in every component for different seeds, exact in float32.
inline Vector vector_of(std::size_t dimension, std::uint64_t seed) {
  Vector out(dimension);
  std::uint64_t state = seed * 0x9E3779B97F4A7C15U + 1;
  for (float& value : out) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    value = static_cast<float>(static_cast<std::int64_t>(state >> 40)) / 8388608.0F - 1.0F;
  }
  return out;
}

struct Stored {
  Vector vector;
  std::string metadata;
  bool operator==(const Stored&) const = default;
};

// An int64 or string id by its number: "id-7".
class Ids {
 public:
  explicit Ids(format::IdType type) : type_(type) {}
  engine::Id operator()(std::uint64_t number) {
    if (type_ == format::IdType::int64) return {number, {}};
    std::string& text = texts_[number];
    if (text.empty()) text = "id-" + std::to_string(number);
    return {0, text};
  }

 private:
  format::IdType type_;
  std::map<std::uint64_t, std::string> texts_;  // nodes stay where they are
};

// A group of mutations that owns its vectors and texts.
class Group final : public engine::Mutations {
 public:
  explicit Group(Ids& ids) : ids_(ids) {}

  Group& put(std::uint64_t id, Vector vector, std::string metadata = "") {
    return add(engine::Mutation::Kind::put, id, std::move(vector), std::move(metadata));
  }
  Group& update(std::uint64_t id, Vector vector, std::string metadata) {
    return add(engine::Mutation::Kind::update, id, std::move(vector), std::move(metadata));
  }
  Group& update_keeping_metadata(std::uint64_t id, Vector vector) {
    add(engine::Mutation::Kind::update, id, std::move(vector), "");
    items_.back().keep_metadata = true;
    return *this;
  }
  Group& remove(std::uint64_t id) { return add(engine::Mutation::Kind::remove, id, {}, ""); }

  std::size_t size() const noexcept override { return items_.size(); }
  engine::Mutation at(std::size_t index) const noexcept override {
    const Item& item = items_[index];
    engine::Mutation out;
    out.kind = item.kind;
    out.keep_metadata = item.keep_metadata;
    out.id = ids_(item.id);
    out.vector = item.vector.empty() ? nullptr : item.vector.data();
    out.metadata = item.metadata;
    return out;
  }

 private:
  struct Item {
    engine::Mutation::Kind kind;
    bool keep_metadata;
    std::uint64_t id;
    Vector vector;
    std::string metadata;
  };
  Group& add(engine::Mutation::Kind kind, std::uint64_t id, Vector vector, std::string metadata) {
    (void)ids_(id);  // its text exists before a helper thread asks for it
    items_.push_back({kind, false, id, std::move(vector), std::move(metadata)});
    return *this;
  }
  Ids& ids_;
  std::vector<Item> items_;
};

inline format::Schema schema_of(std::uint32_t dimension, format::IdType ids = format::IdType::int64,
                                format::Metric metric = format::Metric::cosine) {
  format::Schema schema;
  schema.dimension = dimension;
  schema.id_type = ids;
  schema.metric = metric;
  return schema;
}

inline Result<std::unique_ptr<engine::Store>> try_open(os::FileSystem& files,
                                                       const std::string& path,
                                                       const engine::OpenOptions& options = {}) {
  auto file = files.open(path, os::Access::read_write);
  if (!file) return file.status();
  return engine::Store::open(std::move(*file), options);
}

inline std::unique_ptr<engine::Store> open(
    os::FileSystem& files, const std::string& path, const engine::OpenOptions& options = {},
    std::source_location where = std::source_location::current()) {
  return take(try_open(files, path, options), where);
}

inline std::unique_ptr<engine::Store> create(os::FileSystem& files, const std::string& path,
                                             const format::Schema& schema,
                                             std::uint32_t capacity = 16,
                                             const engine::OpenOptions& options = {}) {
  expect_ok(engine::create_file(files, path, schema, capacity));
  return open(files, path, options);
}

// As a registry does, but that this store alone knows the file.
inline Result<engine::CompactReport> compact(os::FileSystem& files, engine::Store& store,
                                             engine::Job& job) {
  return store.compact(
      files, [](const os::FileId&, const std::function<Status()>& rename) { return rename(); },
      job);
}
inline Result<engine::CompactReport> compact(os::FileSystem& files, engine::Store& store) {
  engine::Job job;
  return compact(files, store, job);
}

inline std::optional<Stored> get(const engine::Store& store, const engine::Id& id,
                                 std::source_location where = std::source_location::current()) {
  using engine::Checker;
  const engine::Store::Reader reader = store.read();
  const auto entry = take(reader.get(id, Checker::vector | Checker::code | Checker::heap), where);
  if (!entry) return std::nullopt;
  return Stored{Vector(entry->vector, entry->vector + store.schema().dimension),
                std::string(entry->metadata)};
}

inline engine::SearchOptions best(std::size_t k) {
  engine::SearchOptions options;
  options.top_k = k;
  return options;
}

// The hits of one query.
inline Result<std::vector<engine::Hit>> search(const engine::Store& store, const Vector& query,
                                               const engine::SearchOptions& options = {}) {
  const std::atomic<bool> go_on{false};
  auto found = store.search(query, options, go_on);
  if (!found) return found.status();
  return std::move(found->front());
}

// Creates a file for vectors of this dimension, or opens it.
inline engine::OpenRequest request_for(std::uint32_t dimension) {
  engine::OpenRequest request;
  request.dimension = dimension;
  return request;
}

// Of the changes above an LSN.
inline std::vector<std::uint64_t> lsns_since(const engine::Store& store, std::uint64_t since) {
  const auto snapshot = store.snapshot();
  auto changes = take(engine::Changes::since(*snapshot, since));
  std::vector<std::uint64_t> out;
  for (engine::Change change; take(changes.next(change));) out.push_back(change.lsn);
  return out;
}

// Everything in a store, by id text or number.
inline std::map<std::string, Stored> contents(
    const engine::Store& store, std::source_location where = std::source_location::current()) {
  using engine::Checker;
  std::map<std::string, Stored> out;
  const auto snapshot = store.snapshot();
  for (auto slot = snapshot->next(0); slot; slot = snapshot->next(*slot + 1)) {
    const auto entry =
        take(snapshot->entry(*slot, Checker::vector | Checker::code | Checker::heap), where);
    const std::string id =
        entry.id.text.empty() ? std::to_string(entry.id.number) : std::string(entry.id.text);
    const bool added =
        out.emplace(id, Stored{Vector(entry.vector, entry.vector + store.schema().dimension),
                               std::string(entry.metadata)})
            .second;
    expect(added, "id " + id + " lives twice", where);
  }
  expect_equal(out.size(), store.live(), where);
  return out;
}

}  // namespace jvdb::test
