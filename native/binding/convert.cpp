#include "binding/convert.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/text.h"
#include "binding/failure.h"

namespace jvdb::binding {
namespace {

constexpr double kMaxSafeInteger = 9007199254740991.0;

std::string shown(double value) {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.17g", value);
  return text.data();
}

std::uint64_t id_of(double value) {
  if (value >= 0 && value <= kMaxSafeInteger && value == std::trunc(value)) {
    return static_cast<std::uint64_t>(value);
  }
  fail(Code::invalid_id, text("the id ", shown(value),
                              " is not an integer from 0 to 2^53-1; larger ids "
                              "are passed as bigint"));
}

std::uint64_t id_of(std::int64_t value) {
  if (value < 0)
    fail(Code::invalid_id, text("the id ", value, " is negative; ids are 0 to 2^63-1"));
  return static_cast<std::uint64_t>(value);
}

std::uint64_t bigint_id(napi_env env, napi_value value) {
  std::int64_t number = 0;
  bool lossless = false;
  must(env, napi_get_value_bigint_int64(env, value, &number, &lossless));
  if (!lossless) fail(Code::invalid_id, "a bigint id is outside the range 0 to 2^63-1");
  return id_of(number);
}

std::uint64_t number_id(napi_env env, napi_value value) {
  double number = 0;
  if (napi_get_value_double(env, value, &number) == napi_ok) return id_of(number);
  napi_valuetype type = napi_undefined;
  must(env, napi_typeof(env, value, &type));
  if (type == napi_bigint) return bigint_id(env, value);
  fail(Code::invalid_id,
       "the ids of this store are numbers or bigints (idType 'int64'), not strings "
       "or other values");
}

[[noreturn]] void refuse_text_id() {
  fail(Code::invalid_id, "the ids of this store are strings (idType 'string')");
}

// Unpaired surrogates become U+FFFD in UTF-8, and two ids would be one.
void check_well_formed(napi_env env, napi_value value, std::string_view utf8) {
  if (utf8.find("\xEF\xBF\xBD") == std::string_view::npos) return;
  const std::u16string units = Napi::String(env, value).Utf16Value();
  for (std::size_t i = 0; i < units.size(); ++i) {
    const bool high = units[i] >= 0xD800 && units[i] < 0xDC00;
    const bool low = units[i] >= 0xDC00 && units[i] < 0xE000;
    const bool paired =
        high && i + 1 < units.size() && units[i + 1] >= 0xDC00 && units[i + 1] < 0xE000;
    if (paired) {
      ++i;
    } else if (high || low) {
      fail(Code::invalid_id, text("a string id has an unpaired surrogate at position ", i,
                                  "; ids are well-formed Unicode"));
    }
  }
}

struct TypedArray {
  napi_typedarray_type type = napi_uint8_array;
  std::size_t size = 0;
  void* data = nullptr;
  bool shared = false;
};

std::optional<TypedArray> typed_array_of(napi_env env, napi_value value) {
  TypedArray out;
  napi_value buffer = nullptr;
  if (napi_get_typedarray_info(env, value, &out.type, &out.size, &out.data, &buffer, nullptr) !=
      napi_ok) {
    return std::nullopt;
  }
  bool plain = false;
  must(env, napi_is_arraybuffer(env, buffer, &plain));
  out.shared = !plain;
  return out;
}

}  // namespace

bool append_utf8(napi_env env, napi_value value, std::string& out) {
  std::size_t size = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &size) != napi_ok) return false;
  const std::size_t before = out.size();
  out.resize(before + size + 1);  // the call writes a final NUL
  must(env, napi_get_value_string_utf8(env, value, out.data() + before, size + 1, &size));
  out.resize(before + size);
  return true;
}

std::string string_of(napi_env env, napi_value value) {
  std::string out;
  if (!append_utf8(env, value, out)) fail(Code::invalid_argument, "a string was expected");
  return out;
}

napi_value to_string(napi_env env, std::string_view utf8) {
  napi_value out = nullptr;
  // One byte a character is the faster way, and right for ASCII.
  const bool ascii = std::none_of(utf8.begin(), utf8.end(), [](char c) { return (c & 0x80) != 0; });
  must(env, ascii ? napi_create_string_latin1(env, utf8.data(), utf8.size(), &out)
                  : napi_create_string_utf8(env, utf8.data(), utf8.size(), &out));
  return out;
}

napi_value to_number(napi_env env, double value) {
  napi_value out = nullptr;
  must(env, napi_create_double(env, value, &out));
  return out;
}

napi_value to_id(napi_env env, std::uint64_t number, std::string_view text, format::IdType type) {
  if (type == format::IdType::string) return to_string(env, text);
  if (static_cast<double>(number) <= kMaxSafeInteger)
    return to_number(env, static_cast<double>(number));
  napi_value out = nullptr;
  must(env, napi_create_bigint_uint64(env, number, &out));
  return out;
}

bool is_undefined(napi_env env, napi_value value) {
  napi_valuetype type = napi_undefined;
  must(env, napi_typeof(env, value, &type));
  return type == napi_undefined;
}

std::optional<std::uint32_t> optional_u32(napi_env env, napi_value value) {
  if (is_undefined(env, value)) return std::nullopt;
  std::uint32_t number = 0;
  must(env, napi_get_value_uint32(env, value, &number));
  return number;
}

bool truthy(napi_env env, napi_value value) {
  return Napi::Value(env, value).ToBoolean();
}

IdValue::IdValue(napi_env env, napi_value value, format::IdType type) {
  if (type == format::IdType::int64) {
    id_.number = number_id(env, value);
  } else {
    take_text(env, value);
  }
}

void IdValue::take_text(napi_env env, napi_value value) {
  std::size_t size = 0;
  if (napi_get_value_string_utf8(env, value, short_text_.data(), short_text_.size(), &size) !=
      napi_ok) {
    refuse_text_id();
  }
  id_.text = {short_text_.data(), size};
  // Cut before a whole character that no longer fit?
  if (size + 4 >= short_text_.size()) {
    (void)append_utf8(env, value, long_text_);
    id_.text = long_text_;
  }
  check_well_formed(env, value, id_.text);
}

Floats floats_of(napi_env env, napi_value value) {
  const auto array = typed_array_of(env, value);
  if (!array || array->type != napi_float32_array) {
    fail(Code::invalid_vector, "a vector is a Float32Array or an array of numbers");
  }
  return {static_cast<float*>(array->data), array->size, array->shared};
}

VectorValue::VectorValue(napi_env env, napi_value value, std::uint32_t dimension) {
  const Floats floats = floats_of(env, value);
  if (floats.size != dimension) {
    fail(Code::dimension_mismatch,
         text("the vector has ", floats.size, " values, vectors of this store have ", dimension,
              floats.size == 0 ? " (was its buffer transferred?)" : ""));
  }
  data_ = floats.data;
  if (floats.shared) {
    copy_.assign(floats.data, floats.data + floats.size);
    data_ = copy_.data();
  }
}

IdList::IdList(napi_env env, napi_value value, format::IdType type) {
  bool array = false;
  must(env, napi_is_array(env, value, &array));
  if (array) {
    take_array(env, value, type);
  } else if (type == format::IdType::int64) {
    take_typed_array(env, value);
  } else {
    refuse_text_id();
  }
}

void IdList::take_typed_array(napi_env env, napi_value value) {
  const auto array = typed_array_of(env, value);
  const bool doubles = array && array->type == napi_float64_array;
  if (!doubles && (!array || array->type != napi_bigint64_array)) {
    fail(Code::invalid_id, "ids are given as an array, a Float64Array or a BigInt64Array");
  }
  size_ = array->size;
  numbers_.resize(size_);
  for (std::size_t i = 0; i < size_; ++i) {
    numbers_[i] = doubles ? id_of(static_cast<const double*>(array->data)[i])
                          : id_of(static_cast<const std::int64_t*>(array->data)[i]);
  }
}

void IdList::take_array(napi_env env, napi_value value, format::IdType type) {
  std::uint32_t count = 0;
  must(env, napi_get_array_length(env, value, &count));
  size_ = count;
  const bool numbers = type == format::IdType::int64;
  if (numbers) {
    numbers_.reserve(count);
  } else {
    ends_.reserve(std::size_t{count} + 1);
    ends_.push_back(0);
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    const Napi::HandleScope scope(env);
    napi_value element = nullptr;
    must(env, napi_get_element(env, value, i, &element));
    if (numbers) {
      numbers_.push_back(number_id(env, element));
      continue;
    }
    if (!append_utf8(env, element, text_)) refuse_text_id();
    check_well_formed(env, element, std::string_view(text_).substr(ends_.back()));
    ends_.push_back(text_.size());
  }
}

MetadataList::MetadataList(napi_env env, napi_value value, std::size_t size) {
  if (is_undefined(env, value)) return;
  std::uint32_t count = 0;
  must(env, napi_get_array_length(env, value, &count));
  if (count != size) {
    fail(Code::invalid_argument, text("there are ", size, " ids but ", count,
                                      " metadata; give one for each, undefined for none"));
  }
  ends_.reserve(size + 1);
  ends_.push_back(0);
  for (std::uint32_t i = 0; i < count; ++i) {
    const Napi::HandleScope scope(env);
    napi_value element = nullptr;
    must(env, napi_get_element(env, value, i, &element));
    (void)append_utf8(env, element, text_);  // undefined: none
    ends_.push_back(text_.size());
  }
}

}  // namespace jvdb::binding
