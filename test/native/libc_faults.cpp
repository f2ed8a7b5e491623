#include "libc_faults.h"

#if defined(__linux__)
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>

namespace jvdb::test {

thread_local Faults* Faults::active = nullptr;

bool may_be_interrupted(std::string_view function) noexcept {
  constexpr std::string_view all[] = {"pread",     "pwrite",    "pwritev", "copy_file_range",
                                      "fallocate", "fdatasync", "fsync",   "ftruncate",
                                      "flock",     "open",      "create",  "fstatfs"};
  return std::find(std::begin(all), std::end(all), function) != std::end(all);
}

int Faults::meet(std::string_view function) {
  if (!only.empty() && only != function) return 0;
  ++calls[std::string(function)];
  if (choose) return choose(function);
  if (errors.empty() || (errors.front() == EINTR && !may_be_interrupted(function))) return 0;
  const int error = errors.front();
  errors.erase(errors.begin());
  return error;
}

namespace {

constexpr std::size_t kAll = ~std::size_t{0};

// The C library's function, or the sanitizer's before it.
template <typename Function>
Function* next(const char* name) noexcept {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

bool hooked(const Faults* faults, std::string_view name) noexcept {
  return faults != nullptr && (faults->only.empty() || faults->only == name);
}

bool fails(std::string_view name) {
  Faults* const faults = Faults::active;
  const int error = faults == nullptr ? 0 : faults->meet(name);
  if (error != 0) errno = error;
  return error != 0;
}

// `real(most)` does at most that many bytes.
template <typename Real>
auto faulty(std::string_view name, Real&& real) -> decltype(real(std::size_t{})) {
  if (fails(name)) return -1;
  const Faults* const faults = Faults::active;
  return real(hooked(faults, name) ? faults->most : kAll);
}

bool syncs() noexcept {
  const Faults* const faults = Faults::active;
  return faults == nullptr || faults->syncs;
}

}  // namespace
}  // namespace jvdb::test

// Calls in this executable come here first; those of the C library and the sanitizers don't.
extern "C" {
using jvdb::test::fails;
using jvdb::test::faulty;
using jvdb::test::next;

ssize_t pread(int file, void* to, std::size_t size, off_t offset) {
  static const auto real = next<decltype(pread)>("pread");
  return faulty("pread",
                [&](std::size_t most) { return real(file, to, std::min(size, most), offset); });
}

ssize_t pwrite(int file, const void* from, std::size_t size, off_t offset) {
  static const auto real = next<decltype(pwrite)>("pwrite");
  return faulty("pwrite",
                [&](std::size_t most) { return real(file, from, std::min(size, most), offset); });
}

ssize_t pwritev(int file, const iovec* slices, int count, off_t offset) {
  static const auto real = next<decltype(pwritev)>("pwritev");
  return faulty("pwritev", [&](std::size_t most) {
    if (jvdb::test::Faults* const faults = jvdb::test::Faults::active) {
      faults->most_slices = std::max(faults->most_slices, static_cast<std::size_t>(count));
    }
    if (most == jvdb::test::kAll) return real(file, slices, count, offset);
    std::vector<iovec> cut;
    for (int i = 0; i < count && most > 0; ++i) {
      cut.push_back({slices[i].iov_base, std::min(slices[i].iov_len, most)});
      most -= cut.back().iov_len;
    }
    return real(file, cut.data(), static_cast<int>(cut.size()), offset);
  });
}

ssize_t copy_file_range(int from, off_t* from_offset, int to, off_t* offset, std::size_t size,
                        unsigned flags) {
  static const auto real = next<decltype(copy_file_range)>("copy_file_range");
  return faulty("copy_file_range", [&](std::size_t most) {
    return real(from, from_offset, to, offset, std::min(size, most), flags);
  });
}

int fallocate(int file, int mode, off_t offset, off_t size) {
  static const auto real = next<decltype(fallocate)>("fallocate");
  return faulty("fallocate", [&](std::size_t) { return real(file, mode, offset, size); });
}

int fdatasync(int file) {
  static const auto real = next<decltype(fdatasync)>("fdatasync");
  return faulty("fdatasync", [&](std::size_t) { return jvdb::test::syncs() ? real(file) : 0; });
}

int fsync(int file) {
  static const auto real = next<decltype(fsync)>("fsync");
  return faulty("fsync", [&](std::size_t) { return jvdb::test::syncs() ? real(file) : 0; });
}

int sync_file_range(int file, off_t offset, off_t size, unsigned flags) {
  static const auto real = next<decltype(sync_file_range)>("sync_file_range");
  return faulty("sync_file_range", [&](std::size_t) {
    return jvdb::test::syncs() ? real(file, offset, size, flags) : 0;
  });
}

int ftruncate(int file, off_t size) noexcept {
  static const auto real = next<int(int, off_t)>("ftruncate");
  return faulty("ftruncate", [&](std::size_t) { return real(file, size); });
}

int flock(int file, int operation) noexcept {
  static const auto real = next<int(int, int)>("flock");
  return faulty("flock", [&](std::size_t) { return real(file, operation); });
}

int open(const char* path, int flags, ...) {
  static const auto real = next<int(const char*, int, ...)>("open");
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  return faulty((flags & O_CREAT) != 0 ? "create" : "open",
                [&](std::size_t) { return real(path, flags, mode); });
}

int rename(const char* from, const char* to) noexcept {
  static const auto real = next<int(const char*, const char*)>("rename");
  return faulty("rename", [&](std::size_t) { return real(from, to); });
}

int link(const char* from, const char* to) noexcept {
  static const auto real = next<int(const char*, const char*)>("link");
  return faulty("link", [&](std::size_t) { return real(from, to); });
}

int unlink(const char* path) noexcept {
  static const auto real = next<int(const char*)>("unlink");
  return faulty("unlink", [&](std::size_t) { return real(path); });
}

int stat(const char* path, struct stat* out) noexcept {
  static const auto real = next<int(const char*, struct stat*)>("stat");
  return faulty("stat", [&](std::size_t) { return real(path, out); });
}

int fstat(int file, struct stat* out) noexcept {
  static const auto real = next<int(int, struct stat*)>("fstat");
  return faulty("fstat", [&](std::size_t) { return real(file, out); });
}

int fstatfs(int file, struct statfs* out) noexcept {
  static const auto real = next<int(int, struct statfs*)>("fstatfs");
  return faulty("fstatfs", [&](std::size_t) { return real(file, out); });
}

char* realpath(const char* path, char* out) noexcept {
  static const auto real = next<char*(const char*, char*)>("realpath");
  return fails("realpath") ? nullptr : real(path, out);
}

void* mmap(void* at, std::size_t size, int protection, int flags, int file, off_t offset) noexcept {
  static const auto real = next<void*(void*, std::size_t, int, int, int, off_t)>("mmap");
  return fails("mmap") ? MAP_FAILED : real(at, size, protection, flags, file, offset);
}

long syscall(long number, ...) noexcept {
  // Not a static that is initialized once: waiting for another thread's turn is such a call.
  using Real = long(long, ...);
  static std::atomic<Real*> known{nullptr};
  if (known == nullptr) known = next<Real>("syscall");
  std::array<long, 6> given{};
  va_list more;
  va_start(more, number);
  for (long& one : given) one = va_arg(more, long);
  va_end(more);
  if (number == SYS_renameat2 && fails("renameat2")) return -1;
  return known.load()(number, given[0], given[1], given[2], given[3], given[4], given[5]);
}
}
#endif
