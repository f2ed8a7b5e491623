// Salvages a hostile file. Threads: free function.
#pragma once

#include <cstddef>
#include <span>

namespace jvdb::fuzz {

// Ends the program where what is saved isn't whole, or a failure isn't one of the file's.
void salvage(std::span<const std::byte> file);

}  // namespace jvdb::fuzz
