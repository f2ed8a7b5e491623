# Builds for another system, or for an older C library than this machine's, with the clang and the
# libraries that zig brings: 0.12 or later, before which stat() lost errno. From the environment: ZIG,
# the program; ZIG_TARGET, such as x86_64-linux-gnu.2.28.
set(target $ENV{ZIG_TARGET})
if(target MATCHES "-linux-")
  set(CMAKE_SYSTEM_NAME Linux)
elseif(target MATCHES "-macos")
  set(CMAKE_SYSTEM_NAME Darwin)
else()
  message(FATAL_ERROR "ZIG_TARGET is '${target}', which is neither for Linux nor for macOS")
endif()
# zig adds -g where nothing is said.
set(options -target ${target} -g0)
if(target MATCHES "^x86_64-")
  # zig leaves it out for its processor of 2003, and clang then forbids it to the kernels too.
  list(APPEND options -mevex512)
endif()
string(REGEX MATCH "^[^-]+" CMAKE_SYSTEM_PROCESSOR ${target})
set(CMAKE_CXX_COMPILER $ENV{ZIG} c++ ${options})
# zig's ar is a command of zig, which CMake can't call by CMAKE_AR.
set(CMAKE_CXX_ARCHIVE_CREATE "\"$ENV{ZIG}\" ar qcD <TARGET> <OBJECTS>")
set(CMAKE_CXX_ARCHIVE_APPEND "\"$ENV{ZIG}\" ar qD <TARGET> <OBJECTS>")
set(CMAKE_CXX_ARCHIVE_FINISH "\"$ENV{ZIG}\" ar sD <TARGET>")
# Of the addon only, which users download.
set(CMAKE_SHARED_LINKER_FLAGS_INIT -s)
