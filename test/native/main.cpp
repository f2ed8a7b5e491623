// jvdb_tests [suite [name]]: runs the tests whose suite and name contain these texts.
// jvdb_tests --levels: prints the instruction sets that JVDB_SIMD may name here, the best one last.
#include <cstdio>
#include <exception>
#include <string_view>

#include "check.h"
#include "simd/kernels.h"

namespace jvdb::test {
namespace {

std::vector<const Test*>& all_tests() {
  static std::vector<const Test*> tests;
  return tests;
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
  int passed = 0;
  int failed = 0;
  for (const jvdb::test::Test* test : jvdb::test::all_tests()) {
    if (test->suite.find(suite) == std::string::npos) continue;
    if (test->name.find(name) == std::string::npos) continue;
    ++(jvdb::test::run(*test) ? passed : failed);
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}
