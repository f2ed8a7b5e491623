// The machine's own limit beside the store: the same bytes at the same places, written by nothing
// but pwrite and fdatasync, and memory read in order by nothing but additions. Prints seconds
// (bulk, read: one a round) or nanoseconds for one operation (single: the mean, durable: the median
// of operations that are synced one by one).
//   jvdb_bare bulk FILE COUNT DIMENSION ROUNDS
//   jvdb_bare single FILE COUNT DIMENSION HEAP_BYTES
//   jvdb_bare durable FILE COUNT DIMENSION HEAP_BYTES
//   jvdb_bare read FILE THREADS ROUNDS -
// Threads: one, but for read.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kRecordBytes = 96;
constexpr std::size_t kPiece = std::size_t{1} << 20;

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

void write_all(int file, const std::vector<char>& bytes, off_t offset) {
  for (std::size_t at = 0; at < bytes.size(); at += kPiece) {
    const std::size_t size = std::min(kPiece, bytes.size() - at);
    if (::pwrite(file, bytes.data() + at, size, offset + static_cast<off_t>(at)) !=
        static_cast<ssize_t>(size)) {
      fail("pwrite");
    }
  }
}

struct Parts {
  std::size_t vector, code, records_at, vectors_at, codes_at, heap_at, end;
  Parts(std::size_t count, std::size_t dimension, std::size_t heap)
      : vector((dimension * 4 + 63) / 64 * 64),
        code((dimension + 63) / 64 * 64),
        records_at(65536),
        vectors_at(records_at + count * kRecordBytes),
        codes_at(vectors_at + count * vector),
        heap_at(codes_at + count * code),
        end(heap_at + count * heap) {}
};

int create(const char* path) {
  ::unlink(path);
  const int file = ::open(path, O_RDWR | O_CREAT, 0600);
  if (file < 0) fail(path);
  return file;
}

double bulk(const char* path, std::size_t count, std::size_t dimension, bool reserve) {
  const Parts parts(count, dimension, 0);
  static std::vector<char> vectors, codes, records;
  vectors.assign(count * parts.vector, 'v');
  codes.assign(count * parts.code, 'c');
  records.assign(count * kRecordBytes, 'r');
  const int file = create(path);
  const auto began = Clock::now();
  if (reserve && ::posix_fallocate(file, 0, static_cast<off_t>(parts.end)) != 0) fail("fallocate");
  write_all(file, vectors, static_cast<off_t>(parts.vectors_at));
  write_all(file, codes, static_cast<off_t>(parts.codes_at));
  write_all(file, records, static_cast<off_t>(parts.records_at));
  if (::fdatasync(file) != 0) fail("fdatasync");
  const double seconds = std::chrono::duration<double>(Clock::now() - began).count();
  ::close(file);
  ::unlink(path);
  return seconds;
}

// What a store writes for one vector, at the places it writes it to.
class Operations {
 public:
  Operations(const char* path, std::size_t count, std::size_t dimension, std::size_t heap)
      : parts_(count, dimension, heap),
        heap_(heap),
        bytes_(std::max(parts_.vector, std::size_t{4096}), 'x'),
        path_(path),
        file_(create(path)) {
    if (::posix_fallocate(file_, 0, static_cast<off_t>(parts_.end)) != 0) fail("fallocate");
  }
  ~Operations() {
    ::close(file_);
    ::unlink(path_);
  }
  Operations(const Operations&) = delete;
  Operations& operator=(const Operations&) = delete;

  void write(std::size_t i) const {
    put(parts_.vectors_at + i * parts_.vector, parts_.vector);
    put(parts_.codes_at + i * parts_.code, parts_.code);
    if (heap_ > 0) put(parts_.heap_at + i * heap_, heap_);
    put(parts_.records_at + i * kRecordBytes, kRecordBytes);
  }
  void sync() const {
    if (::fdatasync(file_) != 0) fail("fdatasync");
  }

 private:
  void put(std::size_t at, std::size_t size) const {
    if (::pwrite(file_, bytes_.data(), size, static_cast<off_t>(at)) != static_cast<ssize_t>(size))
      fail("pwrite");
  }
  const Parts parts_;
  const std::size_t heap_;
  const std::vector<char> bytes_;
  const char* path_;
  const int file_;
};

double nanoseconds_since(Clock::time_point began) {
  return std::chrono::duration<double, std::nano>(Clock::now() - began).count();
}

double single(const Operations& operations, std::size_t count) {
  const auto began = Clock::now();
  for (std::size_t i = 0; i < count; ++i) operations.write(i);
  return nanoseconds_since(began) / static_cast<double>(count);
}

double durable(const Operations& operations, std::size_t count) {
  std::vector<double> spent(count);
  operations.sync();  // what reserving changed
  for (std::size_t i = 0; i < count; ++i) {
    const auto began = Clock::now();
    operations.write(i);
    operations.sync();
    spent[i] = nanoseconds_since(began);
  }
  std::nth_element(spent.begin(), spent.begin() + static_cast<std::ptrdiff_t>(count / 2),
                   spent.end());
  return spent[count / 2];
}

std::uint64_t sum_of(const std::uint64_t* words, std::size_t count) {
  std::uint64_t sums[16] = {};
  for (std::size_t i = 0; i + 16 <= count; i += 16) {
    for (std::size_t lane = 0; lane < 16; ++lane) sums[lane] += words[i + lane];
  }
  std::uint64_t total = 0;
  for (const std::uint64_t sum : sums) total += sum;
  return total;
}

// Each thread reads its share of the mapped file.
void read(const char* path, std::size_t threads, std::size_t rounds) {
  const int file = ::open(path, O_RDONLY);
  struct stat facts{};
  if (file < 0 || ::fstat(file, &facts) != 0) fail(path);
  const auto bytes = static_cast<std::size_t>(facts.st_size);
  void* memory = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED) fail("mmap");
  const auto* words = static_cast<const std::uint64_t*>(memory);
  const std::size_t share = bytes / sizeof(std::uint64_t) / threads;
  std::vector<std::uint64_t> totals(threads);
  for (std::size_t round = 0; round < rounds; ++round) {
    const auto began = Clock::now();
    std::vector<std::jthread> others;
    for (std::size_t i = 1; i < threads; ++i) {
      others.emplace_back([&, i] { totals[i] += sum_of(words + i * share, share); });
    }
    totals[0] += sum_of(words, share);
    others.clear();
    std::printf("%.0f\n", static_cast<double>(bytes) / (nanoseconds_since(began) * 1e-9));
  }
  if (totals[0] == 1) std::puts("never, but the sums are needed");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  const std::string mode = argv[1];
  const auto number = [&](int index) { return std::strtoull(argv[index], nullptr, 10); };
  if (mode == "bulk") {
    // With and without reserving the blocks first: the faster way is the limit.
    for (std::uint64_t round = 0; round < number(5); ++round) {
      std::printf("%.6f %.6f\n", bulk(argv[2], number(3), number(4), false),
                  bulk(argv[2], number(3), number(4), true));
    }
  } else if (mode == "read") {
    read(argv[2], number(3), number(4));
  } else {
    const Operations operations(argv[2], number(3), number(4), number(5));
    std::printf("%.1f\n",
                mode == "durable" ? durable(operations, number(3)) : single(operations, number(3)));
  }
  return 0;
}
