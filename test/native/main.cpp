// jvdb_tests [suite [name]]: runs the tests of a suite, or of all suites whose names contain the
// text where it is no suite's whole name, whose names contain the other text.
// jvdb_tests --suites: prints the suites.
// jvdb_tests --levels: prints the instruction sets that JVDB_SIMD may name here, the best one last.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <functional>
#include <set>
#include <string_view>

#include "check.h"
#include "simd/kernels.h"

namespace jvdb::test {
namespace {

std::vector<const Test*>& all_tests() {
  static std::vector<const Test*> tests;
  return tests;
}

// Whether a test's suite is meant by the text.
std::function<bool(const std::string&)> chosen(std::string_view text) {
  const bool whole =
      std::ranges::any_of(all_tests(), [&](auto* one) { return one->suite == text; });
  return [=](const std::string& suite) {
    return whole ? suite == text : suite.find(text) != std::string::npos;
  };
}

void print_suites() {
  std::set<std::string> suites;
  for (const Test* test : all_tests()) suites.insert(test->suite);
  for (const std::string& suite : suites) std::puts(suite.c_str());
}

bool run(const Test& test) {
  try {
    test.body();
    return true;
  } catch (const std::exception& failure) {
    std::printf("FAILED %s: %s\n  %s\n", test.suite.c_str(), test.name.c_str(), failure.what());
    return false;
  }
}

}  // namespace

Test::Test(std::string suite_name, std::string test_name, std::function<void()> test_body)
    : suite(std::move(suite_name)), name(std::move(test_name)), body(std::move(test_body)) {
  all_tests().push_back(this);
}

}  // namespace jvdb::test

int main(int argc, char** argv) {
  const std::string_view suite = argc > 1 ? argv[1] : "";
  const std::string_view name = argc > 2 ? argv[2] : "";
  if (suite == "--levels") {
    for (const auto* level : jvdb::simd::supported_levels()) std::puts(level->name);
    return 0;
  }
  if (suite == "--suites") {
    jvdb::test::print_suites();
    return 0;
  }
  const auto is_chosen = jvdb::test::chosen(suite);
  int passed = 0;
  int failed = 0;
  for (const jvdb::test::Test* test : jvdb::test::all_tests()) {
    if (!is_chosen(test->suite) || test->name.find(name) == std::string::npos) continue;
    ++(jvdb::test::run(*test) ? passed : failed);
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}
