// JavaScript values as the engine's, checked. Threads: JavaScript threads.
#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/id.h"
#include "engine/snapshot.h"
#include "format/schema.h"

namespace jvdb::binding {

// One id, and the bytes of its text. Throws Failure (invalid_id).
class IdValue {
 public:
  IdValue(napi_env env, napi_value value, format::IdType type);
  const engine::Id& id() const noexcept { return id_; }

 private:
  void take_text(napi_env env, napi_value value);

  std::array<char, 256> short_text_;
  std::string long_text_;
  engine::Id id_;
};

// The values of a Float32Array of the store's dimension: JavaScript's own memory, or a copy where
// another thread could change it meanwhile (a SharedArrayBuffer). Throws Failure.
class VectorValue {
 public:
  VectorValue(napi_env env, napi_value value, std::uint32_t dimension);
  const float* data() const noexcept { return data_; }

 private:
  const float* data_ = nullptr;
  std::vector<float> copy_;
};

struct Floats {
  float* data = nullptr;
  std::size_t size = 0;
  bool shared = false;  // with another thread
};
// Throws Failure (invalid_vector), saying `needed`, for anything but a Float32Array.
Floats floats_of(napi_env env, napi_value value,
                 std::string_view needed = "a vector is a Float32Array or an array of numbers");
// For messages: what may be the matter with an empty one.
inline std::string_view transferred(const Floats& floats) noexcept {
  return floats.size == 0 ? " (was its buffer transferred?)" : "";
}

// Any number of ids: Float64Array, BigInt64Array or an array.
class IdList {
 public:
  IdList(napi_env env, napi_value value, format::IdType type);
  std::size_t size() const noexcept { return size_; }
  engine::Id at(std::size_t index) const noexcept {
    if (!numbers_.empty()) return {numbers_[index], {}};
    return {0, std::string_view(text_).substr(ends_[index], ends_[index + 1] - ends_[index])};
  }

 private:
  void take_typed_array(napi_env env, napi_value value);
  void take_array(napi_env env, napi_value value, format::IdType type);

  std::size_t size_ = 0;
  std::vector<std::uint64_t> numbers_;
  std::string text_;  // all texts, one after the other
  std::vector<std::size_t> ends_;
};

// The metadata of a batch: an array of strings and undefined, or undefined for none at all.
class MetadataList {
 public:
  MetadataList(napi_env env, napi_value value, std::size_t size);
  std::string_view at(std::size_t index) const noexcept {
    if (ends_.empty()) return {};
    return std::string_view(text_).substr(ends_[index], ends_[index + 1] - ends_[index]);
  }

 private:
  std::string text_;
  std::vector<std::size_t> ends_;
};

// Appends a string's UTF-8 to `out`. Returns false for a value that is no string.
bool append_utf8(napi_env env, napi_value value, std::string& out);
std::string string_of(napi_env env, napi_value value);
napi_value to_string(napi_env env, std::string_view utf8);
napi_value to_number(napi_env env, double value);
// Zeros. Throws JavaScript's error where there is no memory; Node-API itself would end the process.
Napi::ArrayBuffer make_buffer(Napi::Env env, std::size_t bytes);

// number up to 2^53-1, else bigint; string.
napi_value to_id(napi_env env, std::uint64_t number, std::string_view text, format::IdType type);

// Milliseconds since 1970, whole ones, from the engine's microseconds.
inline double milliseconds(std::uint64_t us) noexcept {
  return static_cast<double>(us / 1000);
}

bool is_undefined(napi_env env, napi_value value);
std::optional<std::uint32_t> optional_u32(napi_env env, napi_value value);
// Throws Failure (invalid_argument) for anything but a number.
double number_of(napi_env env, napi_value value);
bool truthy(napi_env env, napi_value value);

}  // namespace jvdb::binding
