// Opens a file that may be damaged in every way the engine has, asks it everything, and ends the
// process where an answer contradicts the file, another answer or a checksum. What the engine
// refuses it must refuse as damage. Threads: one at a time.
#pragma once

#include <cstddef>
#include <span>

namespace jvdb::fuzz {

void examine(std::span<const std::byte> file);

}  // namespace jvdb::fuzz
