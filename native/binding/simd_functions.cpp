// Arrays compared, by the lightest of calls. The facade passes Float32Arrays only: Node-API would
// try eight kinds of arrays one after the other. Lengths that don't fit are answered with
// undefined, and the facade finds out what was wrong. No store, so no environment.
// Threads: JavaScript threads.
#include "simd/similarity.h"

#include <array>
#include <cstddef>
#include <utility>

#include "binding/convert.h"
#include "binding/entry.h"
#include "simd/kernels.h"

namespace jvdb::binding {
namespace {

struct Array {
  float* data = nullptr;
  std::size_t size = 0;
};

Array array_of(napi_env env, napi_value value) noexcept {
  std::size_t size = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(env, value, nullptr, &size, &data, nullptr, nullptr) != napi_ok) {
    return {};
  }
  return {static_cast<float*>(data), size};
}

template <std::size_t Count>
std::array<Array, Count> arrays_of(napi_env env, napi_callback_info info) {
  std::array<napi_value, Count> arguments;
  std::size_t count = Count;
  must(env, napi_get_cb_info(env, info, &count, arguments.data(), nullptr, nullptr));
  std::array<Array, Count> out;
  for (std::size_t i = 0; i < Count; ++i) out[i] = array_of(env, arguments[i]);
  return out;
}

// Undefined too without a level: simdLevel() has the error.
template <typename Body>
napi_value light(napi_env env, Body&& body) noexcept {
  static const bool chosen{simd::choose()};
  return chosen ? guarded(env, std::forward<Body>(body)) : nullptr;
}

// (a, b): number
template <double (*compare)(const float*, const float*, std::size_t) noexcept>
napi_value of_two(napi_env env, napi_callback_info info) noexcept {
  return light(env, [&]() -> napi_value {
    const auto [a, b] = arrays_of<2>(env, info);
    if (a.size == 0 || a.size != b.size) return nullptr;
    return to_number(env, compare(a.data, b.data, a.size));
  });
}

// norm(a): number
napi_value norm(napi_env env, napi_callback_info info) noexcept {
  return light(env, [&]() -> napi_value {
    const auto [a] = arrays_of<1>(env, info);
    if (a.size == 0) return nullptr;
    return to_number(env, simd::norm(a.data, a.size));
  });
}

napi_value yes(napi_env env) {
  napi_value out = nullptr;
  must(env, napi_get_boolean(env, true, &out));
  return out;
}

// normalize(a, out): true
napi_value normalize(napi_env env, napi_callback_info info) noexcept {
  return light(env, [&]() -> napi_value {
    const auto [a, out] = arrays_of<2>(env, info);
    if (a.size == 0 || a.size != out.size) return nullptr;
    simd::normalize(a.data, a.size, out.data);
    return yes(env);
  });
}

// cosineSimilarities(query, rows, out): true
napi_value cosine_similarities(napi_env env, napi_callback_info info) noexcept {
  return light(env, [&]() -> napi_value {
    const auto [query, rows, out] = arrays_of<3>(env, info);
    if (query.size == 0 || rows.size % query.size != 0) return nullptr;
    if (rows.size / query.size != out.size) return nullptr;
    simd::cosine_similarities(query.data, query.size, rows.data, out.size, out.data);
    return yes(env);
  });
}

// simdLevel(): string
napi_value level(const Call& call) {
  return to_string(call.env(), take(simd::choose())->name);
}

// simdLevels(): string[]
napi_value levels(const Call& call) {
  const auto supported = simd::supported_levels();
  const Napi::Array out = Napi::Array::New(call.env(), supported.size());
  for (std::uint32_t i = 0; i < supported.size(); ++i) {
    out.Set(i, to_string(call.env(), supported[i]->name));
  }
  return out;
}

}  // namespace

void define_simd_functions(Napi::Env env, Napi::Object exports) {
  define(env, exports,
         std::array{Function{"cosineSimilarity", of_two<simd::cosine_similarity>},
                    Function{"dotProduct", of_two<simd::dot_product>},
                    Function{"euclideanDistance", of_two<simd::euclidean_distance>},
                    Function{"norm", norm}, Function{"normalize", normalize},
                    Function{"cosineSimilarities", cosine_similarities},
                    Function{"simdLevel", entry<level>}, Function{"simdLevels", entry<levels>}});
}

}  // namespace jvdb::binding
