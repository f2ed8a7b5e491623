# Builds for another system, or for an older C library than this machine's, with the clang and the
# libraries that zig brings. From the environment: ZIG, the program; ZIG_TARGET, such as
# x86_64-linux-gnu.2.28; CMAKE's names for system and processor follow from it.
set(target $ENV{ZIG_TARGET})
if(target MATCHES "-linux-")
  set(CMAKE_SYSTEM_NAME Linux)
elseif(target MATCHES "-macos")
  set(CMAKE_SYSTEM_NAME Darwin)
else()
  message(FATAL_ERROR "ZIG_TARGET is '${target}', which is neither for Linux nor for macOS")
endif()
set(CMAKE_CXX_FLAGS_INIT -g0) # zig's default is -g
string(REGEX MATCH "^[^-]+" CMAKE_SYSTEM_PROCESSOR ${target})
set(CMAKE_CXX_COMPILER $ENV{ZIG} c++ -target ${target})
# zig's ar is a command of zig, which CMake can't call by CMAKE_AR.
set(CMAKE_CXX_ARCHIVE_CREATE "$ENV{ZIG} ar qcD <TARGET> <OBJECTS>")
set(CMAKE_CXX_ARCHIVE_APPEND "$ENV{ZIG} ar qD <TARGET> <OBJECTS>")
set(CMAKE_CXX_ARCHIVE_FINISH "$ENV{ZIG} ar sD <TARGET>")
# Of the addon only, which users download.
set(CMAKE_SHARED_LINKER_FLAGS_INIT -s)
