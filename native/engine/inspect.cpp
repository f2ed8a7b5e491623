#include "engine/inspect.h"

#include "base/guarded.h"
#include "format/parse.h"

namespace jvdb::engine {

Result<Inspection> inspect(os::FileSystem& files, const std::string& path) {
  return guarded([&]() -> Result<Inspection> {
    auto file = files.open(path, os::Access::read_only, os::Links::refuse);
    if (!file) return file.status();
    format::ParseOptions parsing;
    parsing.followed_from = 0;  // a superblock may be being written
    auto parsed = format::parse_file(**file, parsing);
    if (!parsed) return parsed.status();
    auto info = (*file)->info();
    if (!info) return info.status();
    const format::Superblock& block = parsed->superblock;
    Inspection out;
    out.schema = parsed->schema;
    out.created_us = parsed->head.identity.created_us;
    out.live = block.live_count;
    out.dead = block.dead_count;
    out.durable_lsn = block.durable_lsn;
    out.durable_time_us = block.durable_time_us;
    out.file_bytes = info->size;
    out.allocated_bytes = info->allocated;
    return out;
  });
}

}  // namespace jvdb::engine
