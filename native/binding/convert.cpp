#include "binding/convert.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/text.h"
#include "binding/failure.h"

namespace jvdb::binding {
namespace {

constexpr double kMaxSafeInteger = 9007199254740991.0;

// Where an id stands in a batch, for messages.
constexpr std::int64_t kAlone = -1;

std::string where(std::int64_t item) {
  return item == kAlone ? std::string() : text(" (item ", item, ")");
}

std::string shown(double value) {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.17g", value);
  return text.data();
}

// Any value, for messages. Runs nothing of the caller's.
std::string shown(napi_env env, napi_value value) {
  constexpr std::size_t most = 60;
  napi_valuetype type = napi_undefined;
  must(env, napi_typeof(env, value, &type));
  switch (type) {
    case napi_object:
      return "an object";
    case napi_function:
      return "a function";
    case napi_symbol:
      return "a symbol";
    case napi_external:
      return "an external";
    default:
      break;
  }
  std::array<char, most + 1> begin;
  std::size_t size = 0;
  if (type == napi_string) {
    must(env, napi_get_value_string_utf8(env, value, begin.data(), begin.size(), &size));
    return text("\"", std::string_view(begin.data(), size), size + 4 > most ? "…" : "", "\"");
  }
  must(env, napi_coerce_to_string(env, value, &value));
  must(env, napi_get_value_string_utf8(env, value, begin.data(), begin.size(), &size));
  return text(std::string_view(begin.data(), size), type == napi_bigint ? "n" : "");
}

std::uint64_t id_of(double value, std::int64_t item) {
  if (value >= 0 && value <= kMaxSafeInteger && value == std::trunc(value)) {
    return static_cast<std::uint64_t>(value);
  }
  fail(Code::invalid_id, text("the id ", shown(value), where(item),
                              " is not an integer from 0 to 2^53-1; larger ids are passed as "
                              "bigint"));
}

std::uint64_t id_of(std::int64_t value, std::int64_t item) {
  if (value < 0) {
    fail(Code::invalid_id,
         text("the id ", value, "n", where(item), " is negative; ids are 0 to 2^63-1"));
  }
  return static_cast<std::uint64_t>(value);
}

std::uint64_t number_id(napi_env env, napi_value value, std::int64_t item) {
  double number = 0;
  if (napi_get_value_double(env, value, &number) == napi_ok) return id_of(number, item);
  std::int64_t wide = 0;
  bool lossless = false;
  if (napi_get_value_bigint_int64(env, value, &wide, &lossless) != napi_ok) {
    fail(Code::invalid_id, text("the ids of this store are numbers or bigints (idType 'int64'), ",
                                "not ", shown(env, value), where(item)));
  }
  if (!lossless) {
    fail(Code::invalid_id,
         text("the id ", shown(env, value), where(item), " is outside the range 0 to 2^63-1"));
  }
  return id_of(wide, item);
}

// Bytes of a string id's UTF-8, checked before anything is copied.
std::size_t text_id_size(napi_env env, napi_value value, std::int64_t item) {
  std::size_t size = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &size) != napi_ok) {
    fail(Code::invalid_id, text("the ids of this store are strings (idType 'string'), not ",
                                shown(env, value), where(item)));
  }
  if (size == 0 || size > format::kMaxIdBytes) {
    fail(Code::invalid_id, text("a string id has 1 to ", format::kMaxIdBytes,
                                " bytes of UTF-8, this one", where(item), " has ", size));
  }
  return size;
}

// Unpaired surrogates become U+FFFD in UTF-8, and two ids would be one.
void check_well_formed(napi_env env, napi_value value, std::string_view utf8, std::int64_t item) {
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
      fail(Code::invalid_id, text("a string id", where(item), " has an unpaired surrogate at ",
                                  "position ", i, "; ids are well-formed Unicode"));
    }
  }
}

void append_utf8(napi_env env, napi_value value, std::size_t size, std::string& out) {
  const std::size_t before = out.size();
  out.resize(before + size + 1);  // the call writes a final NUL
  must(env, napi_get_value_string_utf8(env, value, out.data() + before, size + 1, &size));
  out.resize(before + size);
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
  append_utf8(env, value, size, out);
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

Napi::ArrayBuffer make_buffer(Napi::Env env, std::size_t bytes) {
  constexpr std::size_t small = std::size_t{1} << 20;  // the constructor is the slower way
  if (bytes <= small) return Napi::ArrayBuffer::New(env, bytes);
  const auto constructor = env.Global().Get("ArrayBuffer").As<Napi::Function>();
  const Napi::Value made = constructor.New({Napi::Number::New(env, static_cast<double>(bytes))});
  if (!made.IsArrayBuffer() || made.As<Napi::ArrayBuffer>().ByteLength() != bytes) {
    fail(Code::io, "globalThis.ArrayBuffer was replaced by something else");
  }
  return made.As<Napi::ArrayBuffer>();
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

double number_of(napi_env env, napi_value value) {
  double out = 0;
  if (napi_get_value_double(env, value, &out) != napi_ok) {
    fail(Code::invalid_argument, "a number was expected");
  }
  return out;
}

bool truthy(napi_env env, napi_value value) {
  return Napi::Value(env, value).ToBoolean();
}

IdValue::IdValue(napi_env env, napi_value value, format::IdType type) {
  if (type == format::IdType::int64) {
    id_.number = number_id(env, value, kAlone);
  } else {
    take_text(env, value);
  }
}

void IdValue::take_text(napi_env env, napi_value value) {
  std::size_t size = 0;
  // The usual id is short: one call both measures and copies it.
  const bool is_text = napi_get_value_string_utf8(env, value, short_text_.data(),
                                                  short_text_.size(), &size) == napi_ok;
  id_.text = {short_text_.data(), size};
  // None, or cut before a whole character that no longer fit?
  if (!is_text || size == 0 || size + 4 >= short_text_.size()) {
    append_utf8(env, value, text_id_size(env, value, kAlone), long_text_);
    id_.text = long_text_;
  }
  check_well_formed(env, value, id_.text, kAlone);
}

Floats floats_of(napi_env env, napi_value value, std::string_view needed) {
  const auto array = typed_array_of(env, value);
  if (!array || array->type != napi_float32_array) {
    fail(Code::invalid_vector, text(needed, ", not ", shown(env, value)));
  }
  return {static_cast<float*>(array->data), array->size, array->shared};
}

VectorValue::VectorValue(napi_env env, napi_value value, std::uint32_t dimension) {
  const Floats floats = floats_of(env, value);
  if (floats.size != dimension) {
    fail(Code::dimension_mismatch,
         text("the vector has ", floats.size, " values, vectors of this store have ", dimension,
              transferred(floats)));
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
    fail(Code::invalid_id,
         text("ids of this store are given as an array of strings, not ", shown(env, value)));
  }
}

void IdList::take_typed_array(napi_env env, napi_value value) {
  const auto array = typed_array_of(env, value);
  const bool doubles = array && array->type == napi_float64_array;
  if (!doubles && (!array || array->type != napi_bigint64_array)) {
    fail(Code::invalid_id, text("ids are given as an array, a Float64Array or a BigInt64Array, ",
                                "not ", shown(env, value)));
  }
  size_ = array->size;
  numbers_.resize(size_);
  for (std::size_t i = 0; i < size_; ++i) {
    const auto item = static_cast<std::int64_t>(i);
    numbers_[i] = doubles ? id_of(static_cast<const double*>(array->data)[i], item)
                          : id_of(static_cast<const std::int64_t*>(array->data)[i], item);
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
      numbers_.push_back(number_id(env, element, i));
      continue;
    }
    append_utf8(env, element, text_id_size(env, element, i), text_);
    check_well_formed(env, element, std::string_view(text_).substr(ends_.back()), i);
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
