#include "binding/opening.h"

#include <optional>

#include "base/text.h"
#include "binding/convert.h"

namespace jvdb::binding {

Result<std::shared_ptr<Session>> Opening::open() const {
  auto handle = engine::registry().open(path, request);
  if (!handle) return handle.status();
  return std::make_shared<Session>(path, std::move(*handle), options);
}

std::string path_of(napi_env env, napi_value value) {
  std::string path = string_of(env, value);
  if (path.find('\0') != std::string::npos) {
    fail(Code::invalid_argument, text("a path has no NUL character; one follows ", path.c_str()));
  }
  return path;
}

Opening opening_of(const Call& call) {
  const auto number = [&](std::size_t index) { return optional_u32(call.env(), call[index]); };
  const auto flag = [&](std::size_t index) { return truthy(call.env(), call[index]); };
  const auto optional_flag = [&](std::size_t index) {
    return is_undefined(call.env(), call[index]) ? std::nullopt : std::optional(flag(index));
  };
  Opening out;
  out.path = path_of(call.env(), call[0]);
  out.request.create = flag(1);
  out.request.read_only = flag(2);
  out.request.dimension = number(3);
  if (const auto metric = number(4)) out.request.metric = static_cast<format::Metric>(*metric);
  if (const auto type = number(5)) out.request.id_type = static_cast<format::IdType>(*type);
  out.request.has_codes = optional_flag(6);
  out.request.allow_non_finite = optional_flag(7);
  out.request.initial_capacity = number(8).value_or(out.request.initial_capacity);
  out.request.access = static_cast<os::Advice>(number(9).value_or(0));
  out.options = {out.request.read_only, flag(10), flag(11)};
  out.request.links = flag(12) ? os::Links::follow : os::Links::refuse;
  return out;
}

}  // namespace jvdb::binding
