# Every target does its own set-up from a clean clone: a Python >= 3.11, a C++ compiler and make are enough.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
OLDEST_PYTHON ?= python3.11
OLDEST_VENV ?= .venv-oldest
WHEEL_PYTHONS ?= python3.11 python3.12
# What the installed package is made from; when any of it changes, it is installed again.
SOURCES = pyproject.toml CMakeLists.txt README.md LICENSE $(wildcard cpp/*.h cpp/*.cpp) \
	$(shell find src -type f -not -name '*.pyc')
WHEEL = $(VENV)/made/*.whl

.PHONY: demo test test-oldest test-wheel test-native test-arm lint bench bench-check docs wheels clean

demo: $(VENV)/.installed
	$(BIN)/truezero reproduce table1 --out demo

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest -n auto tests

lint: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# The suite with the lowest version of everything that pyproject.toml allows, on the oldest Python. What those
# versions depend on is new: that it warns of them is no fault of ours.
test-oldest: $(SOURCES)
	$(OLDEST_PYTHON) -m venv --clear $(OLDEST_VENV)
	$(OLDEST_VENV)/bin/python -m pip install --quiet uv
	$(OLDEST_VENV)/bin/uv pip install --quiet --python $(OLDEST_VENV)/bin/python --resolution lowest-direct '.[test]'
	$(OLDEST_VENV)/bin/python -m pytest -n auto -W ignore::DeprecationWarning -W ignore::FutureWarning tests

# A wheel of this Python in an environment of its own, to which neither this folder nor a compiler belongs.
test-wheel: $(VENV)/.installed
	rm -rf build/wheel && mkdir -p build/wheel
	$(PYTHON) -m venv build/wheel/venv
	build/wheel/venv/bin/python -m pip install --quiet --only-binary :all: $(WHEEL) pytest
	cp tests/test_minimal.py build/wheel
	cd build/wheel && PATH= venv/bin/python -m pytest --rootdir . test_minimal.py

# The core alone, without Python: under the address and undefined-behaviour sanitizers, then the thread sanitizer.
test-native: $(VENV)/bin/cmake
	for sanitizers in address,undefined thread; do \
		$(BIN)/cmake -S . -B build/native-$$sanitizers -DCMAKE_BUILD_TYPE=RelWithDebInfo -DTRUEZERO_BUILD_TESTS=ON \
			-DTRUEZERO_SANITIZE=$$sanitizers && \
		$(BIN)/cmake --build build/native-$$sanitizers --parallel --target test_core && \
		build/native-$$sanitizers/test_core || exit 1; \
	done

# The core compiles for arm64, whose vectors are NEON; needs a cross-compiler (Debian: g++-aarch64-linux-gnu).
test-arm: $(VENV)/bin/cmake
	$(BIN)/cmake -S . -B build/arm -DTRUEZERO_BUILD_TESTS=ON -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
		-DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++
	$(BIN)/cmake --build build/arm --parallel
	if command -v qemu-aarch64; then qemu-aarch64 -L /usr/aarch64-linux-gnu build/arm/test_core; fi

bench: $(VENV)/.installed-bench
	$(BIN)/truezero bench train --data synthetic

# Instructions of every kernel against those on record; needs valgrind.
bench-check: $(VENV)/bin/cmake
	$(BIN)/cmake -S . -B build/count -DCMAKE_BUILD_TYPE=Release -DTRUEZERO_BUILD_TESTS=ON
	$(BIN)/cmake --build build/count --parallel --target count_instructions
	$(BIN)/python benchmarks/check_instructions.py build/count/count_instructions

# For Linux on x86-64 and arm64, into dist/. Python 3.12's is of the stable ABI, and for all later ones.
wheels:
	tools/wheels.sh $(WHEEL_PYTHONS)

# The site from the pages and docstrings, into build/docs; whatever Sphinx warns of is an error.
docs: $(VENV)/.installed-docs
	$(BIN)/python -m sphinx -E -q -W --keep-going -b html -c docs . build/docs

clean:
	rm -rf $(VENV) $(OLDEST_VENV) build dist demo

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/bin/cmake: | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet cmake

# Built once: pip would build a folder anew for each of its extras, where a wheel is only asked for what they are.
$(VENV)/.installed: $(SOURCES) | $(VENV)/bin/python
	rm -rf $(VENV)/made && $(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir $(VENV)/made .
	$(BIN)/python -m pip install --quiet --force-reinstall --no-deps $(WHEEL)
	$(BIN)/python -m pip install --quiet $(WHEEL)
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet "$$(echo $(WHEEL))[test]"
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet "$$(echo $(WHEEL))[dev]"
	@touch $@

$(VENV)/.installed-bench: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet "$$(echo $(WHEEL))[bench]"
	@touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet "$$(echo $(WHEEL))[docs]"
	@touch $@
