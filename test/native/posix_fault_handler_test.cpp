// The handler behind mapped files that are cut short: which faults are its own, and who gets the
// others.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>

#include "at_once.h"
#include "check.h"
#include "os/file_system.h"
#include "temporary_directory.h"

namespace jvdb::test {
namespace {

// A file and a mapping of it that the engine knows nothing of.
class Foreign {
 public:
  explicit Foreign(const TemporaryDirectory& directory) : size_(16 * os::page_size()) {
    const std::string path = directory.path() + "/foreign";
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    expect(file >= 0 && ::ftruncate(file, static_cast<off_t>(size_)) == 0);
    at_ = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file, 0);
    expect(at_ != MAP_FAILED);
    expect(::ftruncate(file, 0) == 0);
    ::close(file);
  }
  ~Foreign() { ::munmap(at_, size_); }
  Foreign(const Foreign&) = delete;
  Foreign& operator=(const Foreign&) = delete;

  int read(std::size_t number) const noexcept {
    return static_cast<const volatile char*>(at_)[number * os::page_size()];
  }

 private:
  std::size_t size_;
  void* at_;
};

struct Mapped {
  Mapped(const std::string& path, std::size_t size)
      : file(take(os::disk().create(path))), mapping(map(size)) {}
  std::unique_ptr<os::Mapping> map(std::size_t size) const {
    expect_ok(file->resize(size));
    return take(file->map(0, size));
  }
  int read(std::size_t offset) const noexcept {
    return std::to_integer<int>(*static_cast<const volatile std::byte*>(mapping->data() + offset));
  }

  std::unique_ptr<os::File> file;
  std::unique_ptr<os::Mapping> mapping;
};

// What became of a child that did `body`; 0 where that returned.
int in_child(const std::function<void()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    const struct ::rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
    try {
      body();
    } catch (const std::exception& failure) {
      std::fprintf(stderr, "%s\n", failure.what());
      ::_exit(1);
    }
    ::_exit(0);
  }
  int status = 0;
  expect(child > 0 && ::waitpid(child, &status, 0) == child);
  return status;
}

bool killed_by_bus_error(int status) {
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS;
}

// What earlier handlers do in the children: note that they ran, and mend the fault.
volatile int seen[8];
volatile std::sig_atomic_t seen_count = 0;
struct ::sigaction found_by_second;

void mend(const siginfo_t* info) {
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  const std::size_t page = os::page_size();
  (void)::mmap(reinterpret_cast<void*>(address / page * page), page, PROT_READ,
               MAP_PRIVATE | MAP_ANON | MAP_FIXED, -1, 0);
}
void note(int who) {
  seen[seen_count] = who;
  seen_count = seen_count + 1;
}
void first_handler(int, siginfo_t* info, void*) {
  note(1);
  mend(info);
}
void second_handler(int number, siginfo_t* info, void* context) {
  note(2);
  found_by_second.sa_sigaction(number, info, context);
}
void once_handler(int) {
  note(3);
  const int count = seen_count;
  if (count != 1) ::_exit(7);
}

struct ::sigaction action_of(void (*handler)(int, siginfo_t*, void*)) {
  struct ::sigaction action{};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO;
  return action;
}
struct ::sigaction action_of(void (*handler)(int), int flags = 0) {
  struct ::sigaction action{};
  action.sa_handler = handler;
  action.sa_flags = flags;
  return action;
}

const Test kBefore("posix_fault_handler_test", "others' faults go to the handler before", [] {
  const TemporaryDirectory directory;
  const int end = in_child([&] {
    const struct ::sigaction first = action_of(first_handler);
    ::sigaction(SIGBUS, &first, nullptr);
    const std::size_t size = 4 * os::page_size();
    const Mapped ours(directory.path() + "/a", size);
    const Foreign foreign(directory);
    expect_equal(foreign.read(3), 0);
    expect(seen_count == 1 && seen[0] == 1);
    expect_ok(ours.file->resize(0));
    expect_equal(ours.read(5), 0);
    expect(seen_count == 1 && ours.file->faulted());

    // Whoever comes later and hands on what isn't its own finds the first again, not itself.
    const struct ::sigaction second = action_of(second_handler);
    ::sigaction(SIGBUS, &second, &found_by_second);
    const Mapped more(directory.path() + "/b", size);
    expect_equal(foreign.read(4), 0);
    expect(seen_count == 3 && seen[1] == 2 && seen[2] == 1);
    expect_ok(more.file->resize(0));
    expect_equal(more.read(size - 1), 0);
    expect(seen_count == 3 && more.file->faulted());
    const Mapped yet_more(directory.path() + "/c", size);
    expect_equal(foreign.read(5), 0);
    expect(seen_count == 5 && seen[3] == 2 && seen[4] == 1);
  });
  expect_equal(end, 0);
});

const Test kStandard("posix_fault_handler_test", "without one they end the process as ever", [] {
  const TemporaryDirectory directory;
  const auto after = [&](const struct ::sigaction& before, const std::function<void()>& then) {
    return in_child([&] {
      ::sigaction(SIGBUS, &before, nullptr);
      const Mapped ours(directory.path() + "/a", os::page_size());
      std::filesystem::remove(directory.path() + "/a");
      then();
    });
  };
  const auto fault = [&] { (void)Foreign(directory).read(3); };
  const auto send = [] { (void)::raise(SIGBUS); };
  expect(killed_by_bus_error(after(action_of(SIG_DFL), fault)));
  expect(killed_by_bus_error(after(action_of(SIG_DFL), send)));
  expect(killed_by_bus_error(after(action_of(SIG_IGN), fault)));
  expect_equal(after(action_of(SIG_IGN), send), 0);
  expect_equal(after(action_of(once_handler), send), 0);
  expect(
      killed_by_bus_error(after(action_of(once_handler, static_cast<int>(SA_RESETHAND)), fault)));
});

const Test kManyThreads("posix_fault_handler_test", "many threads fault in many mappings", [] {
  const TemporaryDirectory directory;
  const std::size_t page = os::page_size();
  const std::size_t pages = 200;
  std::vector<std::unique_ptr<Mapped>> files;
  for (int i = 0; i < 70; ++i) {  // more than the handler's first places
    files.push_back(
        std::make_unique<Mapped>(directory.path() + "/" + std::to_string(i), pages * page));
  }
  for (int i = 0; i < 70; i += 2) expect_ok(files[i]->file->resize(0));
  std::atomic<bool> done{false};
  std::vector<std::function<void()>> jobs;
  for (std::size_t thread = 0; thread < 6; ++thread) {
    jobs.emplace_back([&, thread] {
      for (std::size_t i = 0; i < pages; ++i) {
        // All of them at the same pages, but for two that come from the other end.
        const std::size_t at = thread < 4 ? i : pages - 1 - i;
        for (const auto& file : files) expect_equal(file->read(at * page + 17), 0);
      }
      for (std::size_t i = 0; i < files.size(); ++i) {
        expect(files[i]->file->faulted() == (i % 2 == 0), std::to_string(i));
      }
      if (thread == 0) done = true;
    });
  }
  for (int thread = 0; thread < 2; ++thread) {
    jobs.emplace_back([&] {  // meanwhile others come and go
      while (!done) {
        for (std::size_t i = 1; i < files.size(); i += 2) (void)take(files[i]->file->map(0, page));
      }
    });
  }
  at_once(jobs, [&] { done = true; });
});

#if defined(__linux__) && !defined(__SANITIZE_THREAD__)
const Test kScattered("posix_fault_handler_test", "more faults than a process may have mappings",
                      [] {
                        const std::size_t page = os::page_size();
                        const std::size_t pages = 140000;  // vm.max_map_count is 65,530 as a rule
                        // A fault in the midst adds two mappings: the limit is met, or passed.
                        for (const int others : {0, 1}) {
                          const TemporaryDirectory directory;
                          const int end = in_child([&] {
                            for (int i = 0; i < others; ++i) {
                              (void)::mmap(nullptr, page, PROT_READ, MAP_SHARED | MAP_ANON, -1, 0);
                            }
                            const Mapped file(directory.path() + "/a", pages * page);
                            expect_ok(file.file->resize(0));
                            for (std::size_t i = 0; i < pages; i += 2)
                              expect_equal(file.read(i * page), 0);
                            expect(file.file->faulted());
                          });
                          expect_equal(end, 0);
                        }
                      });
#endif

}  // namespace
}  // namespace jvdb::test
