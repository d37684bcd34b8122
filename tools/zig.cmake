# Clang and all that a C++ program for TRUEZERO_TARGET (a triple and the age of its C library) needs, from PyPI's `ziglang`.
set(CMAKE_SYSTEM_NAME Linux)
string(REGEX MATCH "^[^-]+" CMAKE_SYSTEM_PROCESSOR "$ENV{TRUEZERO_TARGET}")
find_program(zig zig REQUIRED)
# Without symbols, as the module is: zig builds its C++ library once for programs with them and once for those without.
set(CMAKE_CXX_COMPILER ${zig} c++ -target $ENV{TRUEZERO_TARGET} -s)
set(CMAKE_CXX_ARCHIVE_CREATE "${zig} ar qc <TARGET> <OBJECTS>")
set(CMAKE_CXX_ARCHIVE_FINISH "${zig} ranlib <TARGET>")
