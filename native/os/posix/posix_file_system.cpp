// The POSIX file system. Threads: no state.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/text.h"
#include "os/file_system.h"
#include "os/posix/error.h"
#include "os/posix/interrupted.h"
#include "os/posix/posix_file.h"

#if defined(__linux__)
#include <sys/syscall.h>
#include <sys/vfs.h>
#endif

namespace jvdb::os {
namespace posix {
namespace {

// Closes a descriptor unless it was handed on.
class Descriptor {
 public:
  explicit Descriptor(int number) noexcept : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const noexcept { return number_; }
  int release() noexcept { return std::exchange(number_, -1); }

 private:
  int number_;
};

#if defined(__linux__)
struct UnsupportedType {
  unsigned long magic;  // statfs.f_type, from linux/magic.h and the file systems' own sources
  const char* name;
};
constexpr std::array kUnsupportedTypes = {
    UnsupportedType{0x6969, "NFS"},      UnsupportedType{0x517B, "SMB"},
    UnsupportedType{0xFF534D42, "CIFS"}, UnsupportedType{0xFE534D42, "SMB2"},
    UnsupportedType{0x01021997, "9p"},   UnsupportedType{0x65735546, "FUSE or virtiofs"},
    UnsupportedType{0x00C36400, "Ceph"}, UnsupportedType{0x0BD00BD0, "Lustre"},
    UnsupportedType{0x5346414F, "AFS"},  UnsupportedType{0x73757245, "Coda"},
    UnsupportedType{0x01161970, "GFS2"}, UnsupportedType{0x7461636F, "OCFS2"},
};
#endif

Status check_file_system(int descriptor, const std::string& path) {
#if defined(__linux__)
  struct ::statfs found{};
  if (uninterrupted([&] { return ::fstatfs(descriptor, &found); }) != 0) {
    return error(errno, "examine", path);
  }
  for (const UnsupportedType& type : kUnsupportedTypes) {
    // f_type is a signed word on some architectures: compare the 32 bits that every magic has.
    if (static_cast<std::uint32_t>(found.f_type) != static_cast<std::uint32_t>(type.magic))
      continue;
    const char* insists = std::getenv("JVDB_ALLOW_UNSUPPORTED_FS");
    if (insists != nullptr && std::strcmp(insists, "1") == 0) return {};
    return {Code::unsupported_fs,
            text(path, " is on a file system of type ", type.name,
                 ", where locks, mappings and syncs do not keep what a store relies on; put it on "
                 "a local disk, or set JVDB_ALLOW_UNSUPPORTED_FS=1 to take the risk")};
  }
#else
  (void)descriptor;
  (void)path;
#endif
  return {};
}

Status not_a_file(const std::string& path) {
  return {Code::invalid_argument,
          text("cannot open ", path, ": it is a pipe, socket or device; give the path of a file")};
}

Status is_a_link(const std::string& path) {
  return {Code::invalid_argument,
          text("cannot open ", path,
               ": it is a symbolic link, and those are not followed here; put the file itself in "
               "its place")};
}

std::string parent_of(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

int rename_exclusive(const char* from, const char* to) noexcept {
#if defined(__linux__)
  constexpr unsigned no_replace = 1;
  return static_cast<int>(::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, no_replace));
#elif defined(__APPLE__)
  return ::renamex_np(from, to, RENAME_EXCL);
#else
  errno = ENOSYS;
  return -1;
#endif
}

int open_descriptor(const std::string& path, int flags) noexcept {
  constexpr mode_t mode = 0600;  // of a new file
  return uninterrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC, mode); });
}

class PosixFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, Access access, Links links) override {
    // O_NONBLOCK: opening a pipe must fail below, not wait for its other end.
    const int mode = (access == Access::read_write ? O_RDWR : O_RDONLY) |
                     (links == Links::refuse ? O_NOFOLLOW : 0);
    Descriptor descriptor(open_descriptor(path, mode | O_NONBLOCK | O_NOCTTY));
    if (descriptor.get() < 0) {
      if (errno == ELOOP && links == Links::refuse) return is_a_link(path);
      return errno == ENXIO ? not_a_file(path) : error(errno, "open", path);
    }
    struct ::stat found{};
    if (::fstat(descriptor.get(), &found) != 0) return error(errno, "examine", path);
    if (S_ISDIR(found.st_mode)) return error(EISDIR, "open", path);
    if (!S_ISREG(found.st_mode)) return not_a_file(path);
    return finish(descriptor, path);
  }

  Result<std::unique_ptr<File>> create(const std::string& path) override {
    Descriptor descriptor(open_descriptor(path, O_RDWR | O_CREAT | O_EXCL));
    if (descriptor.get() < 0) return error(errno, "create", path);
    auto file = finish(descriptor, path);
    if (!file) ::unlink(path.c_str());
    return file;
  }

  Result<FileInfo> stat(const std::string& path) override {
    struct ::stat found{};
    if (::stat(path.c_str(), &found) != 0) return error(errno, "examine", path);
    return FileInfo{
        {static_cast<std::uint64_t>(found.st_dev), static_cast<std::uint64_t>(found.st_ino)},
        static_cast<std::uint64_t>(found.st_size),
        static_cast<std::uint64_t>(found.st_blocks) * 512,
        static_cast<std::uint64_t>(found.st_nlink)};
  }

  Status rename_new(const std::string& from, const std::string& to) override {
    if (rename_exclusive(from.c_str(), to.c_str()) == 0) return {};
    if (errno == EINVAL || errno == ENOSYS || errno == ENOTSUP) {
      // A file system without exclusive rename: a second name, then one less.
      if (::link(from.c_str(), to.c_str()) == 0) {
        Status status = remove(from);
        if (!status) ::unlink(to.c_str());  // what failed has changed nothing
        return status;
      }
    }
    return error(errno, "create", to);
  }

  Status replace(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return error(errno, "replace", to);
    return {};
  }

  Result<std::string> resolve(const std::string& path) override {
    char* found = ::realpath(path.c_str(), nullptr);
    if (found == nullptr) return error(errno, "find", path);
    std::string out(found);
    ::free(found);
    return out;
  }

  Status remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return error(errno, "remove", path);
    return {};
  }

  Status sync_directory(const std::string& path) override {
    const std::string parent = parent_of(path);
    const Descriptor directory(open_descriptor(parent, O_RDONLY | O_DIRECTORY));
    if (directory.get() < 0) return error(errno, "open", parent);
    if (uninterrupted([&] { return ::fsync(directory.get()); }) != 0) {
      return error(errno, "sync", parent);
    }
    return {};
  }

 private:
  static Result<std::unique_ptr<File>> finish(Descriptor& descriptor, const std::string& path) {
    if (Status status = check_file_system(descriptor.get(), path); !status) return status;
    auto file = std::make_unique<PosixFile>(descriptor.get(), path);
    descriptor.release();
    return std::unique_ptr<File>(std::move(file));
  }
};

}  // namespace
}  // namespace posix

FileSystem& disk() noexcept {
  static posix::PosixFileSystem instance;
  return instance;
}

}  // namespace jvdb::os
