#include "engine/verify_file.h"

#include <algorithm>
#include <vector>

#include "base/crc32c.h"
#include "base/guarded.h"
#include "engine/open_file.h"

namespace jvdb::engine {

Result<FileReport> measure_file(const os::File& file, Job& job) {
  auto info = file.info();
  if (!info) return info.status();
  FileReport out;
  out.bytes = info->size;
  std::vector<std::byte> buffer(std::size_t{1} << 20);
  for (std::uint64_t at = 0; at < out.bytes; at += buffer.size()) {
    const std::size_t piece = std::min<std::uint64_t>(buffer.size(), out.bytes - at);
    if (Status status = job.advance(piece); !status) return status;
    if (Status status = file.read(at, buffer.data(), piece); !status) return status;
    out.crc = crc32c(buffer.data(), piece, out.crc);
  }
  return out;
}

Result<FileReport> verify_file(os::FileSystem& files, const std::string& path, bool increment,
                               Job& job) {
  return guarded([&]() -> Result<FileReport> {
    auto file = files.open(path, os::Access::read_only);
    if (!file) return file.status();
    const auto info = (*file)->info();
    if (info) job.total = 2 * info->size;
    auto out = measure_file(**file, job);
    if (!out) return out;
    auto opened = OpenFile::open_to_read(std::move(*file), increment);
    if (!opened) {
      if (opened.status().code() != Code::corrupt) return opened.status();
      out->report.wrong(0, 0, std::string(opened.status().message()));
      return out;
    }
    auto report = (*opened)->verify(true, job);
    if (!report) return report.status();
    out->report = std::move(*report);
    job.total = job.done.load();
    return out;
  });
}

}  // namespace jvdb::engine
