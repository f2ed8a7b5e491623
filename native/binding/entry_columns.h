// Copies of entries on their way to JavaScript, by column. Threads: add() on any one thread,
// to_array() on the JavaScript thread afterwards.
#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/snapshot.h"
#include "format/schema.h"

namespace jvdb::binding {

class EntryColumns {
 public:
  explicit EntryColumns(const format::Schema& schema) : schema_(schema) {}

  // An entry without a vector adds none.
  void add(const engine::Entry& entry);
  // Whether it is time to hand over what there is.
  bool full() const noexcept { return bytes_ >= kBytesAtOnce; }
  // [ids, metadata or undefined, created, updated, all vectors one after the other]; times in
  // milliseconds. `more` is room for further columns behind them.
  Napi::Array to_array(Napi::Env env, std::size_t more = 0) const;

 private:
  static constexpr std::size_t kBytesAtOnce = std::size_t{1} << 20;

  struct Copy {
    std::uint64_t id;
    std::string text;
    std::string metadata;
    std::uint64_t created_us;
    std::uint64_t updated_us;
  };
  const format::Schema schema_;
  std::vector<Copy> entries_;
  std::vector<float> vectors_;
  std::size_t bytes_ = 0;
};

}  // namespace jvdb::binding
