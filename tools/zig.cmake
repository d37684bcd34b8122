# Clang and all that a C++ program for TRUEZERO_TARGET (a triple and the age of its C library) needs, from PyPI's `ziglang`.
set(CMAKE_SYSTEM_NAME Linux)
string(REGEX MATCH "^[^-]+" CMAKE_SYSTEM_PROCESSOR "$ENV{TRUEZERO_TARGET}")
find_program(zig python-zig REQUIRED)
set(CMAKE_CXX_COMPILER ${zig} c++ -target $ENV{TRUEZERO_TARGET})
set(CMAKE_CXX_ARCHIVE_CREATE "${zig} ar qc <TARGET> <OBJECTS>")
set(CMAKE_CXX_ARCHIVE_FINISH "${zig} ranlib <TARGET>")
