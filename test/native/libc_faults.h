// Stands in for the C library's calls on files: they are interrupted, do only a part, or fail.
// Linux only. Threads: a Faults is about the calls of the thread that made it.
#pragma once

#if defined(__linux__)
#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace jvdb::test {

// Whether a signal may interrupt a call of this function.
bool may_be_interrupted(std::string_view function) noexcept;

// What the calls of this thread meet while it lives. A function has its own name, but "create" is
// open() of a new file, and "renameat2" what goes through syscall().
class Faults {
 public:
  Faults() { active = this; }
  ~Faults() { active = nullptr; }
  Faults(const Faults&) = delete;
  Faults& operator=(const Faults&) = delete;

  // Counts a call; the errno that it is to fail with, or 0.
  int meet(std::string_view function);

  std::vector<int> errors;  // the next calls fail with them; EINTR is left to who may meet it
  std::function<int(std::string_view function)> choose;  // in their place: an errno, or 0
  std::size_t most = ~std::size_t{0};                    // bytes that a call reads or writes
  bool syncs = true;  // false: nothing waits for the disk; no power is cut here
  std::string only;   // the one function that is hooked, empty for all
  std::map<std::string, int> calls;
  std::size_t most_slices = 0;  // seen in one call

  static thread_local Faults* active;
};

}  // namespace jvdb::test
#endif
