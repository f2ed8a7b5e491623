// What a caller asks the writer to do. Threads: plain data; what it points to must stay unchanged
// during the call it is passed to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/id.h"

namespace jvdb::engine {

struct Mutation {
  enum class Kind : std::uint8_t {
    put,     // insert or replace
    update,  // replace, nothing where the id is absent
    remove,  // nothing where the id is absent
  };
  Kind kind = Kind::put;
  bool keep_metadata = false;  // update: the metadata stays as it is
  Id id;
  const float* vector = nullptr;  // `dimension` values; update: nullptr, it stays as it is
  std::string_view metadata;      // JSON text, empty for none
};

// A group of mutations: all of them happen or none. at() may be called from several threads at a
// time.
class Mutations {
 public:
  virtual ~Mutations() = default;
  Mutations() = default;
  Mutations(const Mutations&) = delete;
  Mutations& operator=(const Mutations&) = delete;
  virtual std::size_t size() const noexcept = 0;
  virtual Mutation at(std::size_t index) const noexcept = 0;
};

// A group of one.
class OneMutation final : public Mutations {
 public:
  explicit OneMutation(const Mutation& mutation) noexcept : mutation_(mutation) {}
  std::size_t size() const noexcept override { return 1; }
  Mutation at(std::size_t) const noexcept override { return mutation_; }

 private:
  Mutation mutation_;
};

}  // namespace jvdb::engine
