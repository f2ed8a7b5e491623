// Database files in tests, of vectors of dimension 4. Threads: one at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include "check.h"
#include "engine/registry.h"
#include "store_fixture.h"
#include "temporary_directory.h"

namespace jvdb::test {

inline std::size_t names_in(const TemporaryDirectory& directory) {
  const std::filesystem::directory_iterator names(directory.path());
  return static_cast<std::size_t>(std::distance(begin(names), end(names)));
}

inline std::string bytes_of(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

inline void put(engine::Store& store, std::uint64_t from, std::uint64_t to) {
  Ids ids(store.schema().id_type);
  Group group(ids);
  for (std::uint64_t id = from; id < to; ++id) group.put(id, vector_of(4, id), "{}");
  (void)take(store.append(group));
}

inline engine::OpenRequest existing(bool read_only = false) {
  engine::OpenRequest request;
  request.create = false;
  request.read_only = read_only;
  return request;
}

// A database with the ids 0 to `count` − 1, closed.
inline void make(const std::string& path, std::uint64_t count) {
  auto handle = take(engine::Registry(os::disk()).open(path, request_for(4)));
  put(*handle, 0, count);
  expect_ok(handle.close());
}

}  // namespace jvdb::test
