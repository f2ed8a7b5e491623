// A small test frame: a test is a static object, a failed expectation says where and ends the test.
// Threads: expectations may fail on the thread that runs the test only.
#pragma once

#include <functional>
#include <source_location>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/status.h"

namespace jvdb::test {

struct Test {
  // `suite` is the file's name without its ending: CTest runs each suite by it.
  Test(std::string suite, std::string name, std::function<void()> body);

  std::string suite;
  std::string name;
  std::function<void()> body;
};

struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

[[noreturn]] inline void fail(const std::string& what,
                              std::source_location where = std::source_location::current()) {
  std::ostringstream out;
  out << where.file_name() << ":" << where.line() << ": " << what;
  throw Failure(out.str());
}

inline void expect(bool condition, const std::string& what = "expectation not met",
                   std::source_location where = std::source_location::current()) {
  if (!condition) fail(what, where);
}

template <typename A, typename B>
void expect_equal(const A& found, const B& expected,
                  std::source_location where = std::source_location::current()) {
  if (found == expected) return;
  std::ostringstream out;
  out << "found " << found << ", expected " << expected;
  fail(out.str(), where);
}

inline void expect_ok(const Status& status,
                      std::source_location where = std::source_location::current()) {
  if (!status)
    fail(std::string(code_name(status.code())) + ": " + std::string(status.message()), where);
}

inline void expect_code(const Status& status, Code code,
                        std::source_location where = std::source_location::current()) {
  if (status.code() == code) return;
  fail(std::string("found ") + code_name(status.code()) + " (" + std::string(status.message()) +
           "), expected " + code_name(code),
       where);
}

// The value of a result that must be a success.
template <typename T>
T take(Result<T> result, std::source_location where = std::source_location::current()) {
  expect_ok(result.status(), where);
  return std::move(*result);
}

}  // namespace jvdb::test
