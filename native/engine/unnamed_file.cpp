#include "engine/unnamed_file.h"

#include <utility>

#include "base/guarded.h"
#include "base/text.h"
#include "engine/open_file.h"
#include "engine/verify_file.h"
#include "os/random.h"

namespace jvdb::engine {

Result<UnnamedFile> UnnamedFile::create(os::FileSystem& files, const std::string& path) {
  if (files.stat(path)) {
    return Status(Code::exists,
                  text(path, " exists already, and nothing is written over; give another path"));
  }
  std::string temporary = text(path, ".tmp-", os::random_u64());
  auto file = files.create(temporary);
  if (!file) return file.status();
  return UnnamedFile(files, path, std::move(temporary), std::move(*file));
}

UnnamedFile::UnnamedFile(UnnamedFile&& other) noexcept
    : files_(other.files_),
      path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      file_(std::move(other.file_)) {}

UnnamedFile::~UnnamedFile() {
  if (temporary_.empty()) return;
  file_.reset();
  (void)guarded([&] { return files_.remove(temporary_); });
}

Result<FinishedFile> UnnamedFile::finish(NewFile& made, bool increment, Job& job) {
  const std::uint32_t features = increment ? format::kIncrementFeature : 0;
  if (Status status = made.write_heads({}, features); !status) return status;
  auto counts = verify(increment, job);
  if (!counts) return counts.status();
  Status status = made.write_heads(*counts, features);
  if (status) status = file_->sync();
  if (!status) return status;
  auto measured = measure_file(*file_, job);
  if (!measured) return measured.status();
  file_.reset();  // the directory takes its descriptor
  status = files_.rename_new(temporary_, path_);
  if (!status) return status;
  temporary_ = std::move(path_);  // a name that may not last would stand in the next one's way
  status = files_.sync_directory(temporary_);
  if (!status) return status;
  temporary_.clear();
  return FinishedFile{measured->bytes, measured->crc, counts->live};
}

Result<NewFile::Counts> UnnamedFile::verify(bool increment, Job& job) {
  auto file = files_.open(temporary_, os::Access::read_only);
  if (!file) return file.status();
  (*file)->set_path(path_);
  auto opened = OpenFile::open_to_read(std::move(*file), increment);
  if (!opened) return opened.status();
  auto report = (*opened)->verify(true, job);
  if (!report) return report.status();
  if (report->error_count > 0) {
    return Status(Code::corrupt,
                  text("the copy would be damaged, as what it is of: ", report->errors[0].message,
                       report->error_count > 1 ? text(" (and ", report->error_count - 1, " more)")
                                               : std::string(),
                       "; nothing was written to ", path_, "; salvage what is whole"));
  }
  const Tail tail = (*opened)->tail();
  return NewFile::Counts{tail.live, tail.dead};
}

}  // namespace jvdb::engine
