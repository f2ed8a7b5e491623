// Builds message texts. Threads: free functions, no state.
#pragma once

#include <string>
#include <string_view>
#include <type_traits>

namespace jvdb {

namespace detail {
inline void append_part(std::string& out, std::string_view part) {
  out += part;
}
inline void append_part(std::string& out, const std::string& part) {
  out += part;
}
inline void append_part(std::string& out, const char* part) {
  out += part;
}
template <typename T>
  requires std::is_arithmetic_v<T>
void append_part(std::string& out, T part) {
  out += std::to_string(part);
}
}  // namespace detail

// "dimension ", 3, " is …" → one string; numbers in decimal.
template <typename... Parts>
std::string text(const Parts&... parts) {
  std::string out;
  (detail::append_part(out, parts), ...);
  return out;
}

}  // namespace jvdb
