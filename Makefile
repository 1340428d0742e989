# Two commands do everything on a machine with make and Python 3.11 or newer: `make demo` and `make test`.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# Each name is run, not just looked up: a version manager leaves names on the PATH that only print an error, and
# some systems ship a Python that cannot make a virtual environment.
USABLE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for name in python3.13 python3.12 python3.11 python3 python; do \
	"$$name" -c '$(USABLE)' >/dev/null 2>&1 && echo "$$name" && break; done)

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow test-all lint types bench venv pythons clean

help:  ## print these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | while IFS='|' read -r target text; do \
		printf '%-18s %s\n' "  $$target" "$$text"; done

demo: $(STAMP)  ## run the demonstration
	$(BIN)/simclock demo

# Tests that start a Ray share one worker, so that they share a Ray and its cores.
PYTEST := $(BIN)/pytest -n auto --dist loadgroup

test: $(STAMP) pythons  ## run the tests, in minutes (ARGS='-k raft' passes arguments to pytest)
	$(PYTEST) -m 'not slow' $(ARGS)

test-slow: $(STAMP) pythons  ## run what `make test` leaves out: hunts, exhaustive matrices, most of Ray
	$(PYTEST) -m slow $(ARGS)

test-all: test test-slow  ## run every test

lint: $(STAMP)  ## ruff: rules and format
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(STAMP)  ## mypy
	$(BIN)/mypy

bench: $(STAMP)  ## measure
	$(BIN)/simclock bench

venv: $(STAMP)  ## install into .venv (PYTHON=/path/to/python3 chooses; after `make clean`, if one is there)

# The same digests on every CPython: each other one that works gets the little that a run in process needs, and the
# compiled kernel, where there is a C compiler.
OTHERS_NEED := msgspec cloudpickle cryptography setuptools Cython
pythons: $(STAMP)  ## set up the other CPythons of this machine, for the test that their digests agree
	@own="$$($(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')"; \
	for version in 3.11 3.12 3.13; do \
		test "$$version" = "$$own" && continue; \
		for python in python$$version $(HOME)/.pyenv/versions/$$version.*/bin/python; do \
			test "$$(cat .pythons/$$version/.installed 2>/dev/null)" = "$(OTHERS_NEED)" && break; \
			"$$python" -c '$(USABLE)' >/dev/null 2>&1 || continue; \
			"$$python" -m venv --clear .pythons/$$version && \
			.pythons/$$version/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
				$(OTHERS_NEED) && echo "$(OTHERS_NEED)" > .pythons/$$version/.installed; \
		done; \
		test -e .pythons/$$version/.installed || { \
			echo "no CPython $$version here: its digests are not compared"; continue; }; \
		.pythons/$$version/bin/python setup.py --quiet build_ext --inplace >/dev/null 2>&1 || \
			echo "the compiled kernel cannot be built for CPython $$version"; \
	done

clean:  ## remove .venv and everything generated
	rm -rf $(VENV) .pythons build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -f simclock/kernel/_compiled.*
	find simclock actors protocols experiments tests -name __pycache__ -type d -prune -exec rm -rf {} +

# An environment that works is kept and brought up to date; one that does not is made anew.
$(STAMP): pyproject.toml constraints.txt setup.py $(wildcard simclock/kernel/*.pyx simclock/kernel/*.pxi simclock/kernel/*.h)
	@$(BIN)/python -c '$(USABLE)' 2>/dev/null || { \
		python="$(PYTHON)"; \
		test -n "$$python" || { echo "no working Python 3.11 or newer found: make PYTHON=/path/to/python3" >&2; exit 1; }; \
		"$$python" -c '$(USABLE)' || { echo "$$python does not work, or is older than 3.11" >&2; exit 1; }; \
		echo "making $(VENV) with $$("$$python" --version)"; \
		"$$python" -m venv --clear $(VENV); }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,plot]'
	@touch $@
