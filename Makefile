# `make demo` and `make test` do everything on a fresh Debian 12 or Ubuntu machine; a second run builds nothing again.

# The distribution's own Python, where it is new enough: it is built to be fast, and one that pyenv builds takes half as
# long again for the same work. Otherwise the first of the path.
NEW_ENOUGH := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell /usr/bin/python3 -c '$(NEW_ENOUGH)' 2>/dev/null && echo /usr/bin/python3 || echo python3)
export PYTHON := $(PYTHON)
VENV := .venv
BIN := $(VENV)/bin
VBENCH := $(BIN)/vbench
# Stacks of which a skip is a failure, or `all`, and those that may skip all the same (tests/support/giving_up.py).
REAL ?=
BUT ?=

# Advice to upgrade pip is no part of what is printed here.
export PIP_DISABLE_PIP_VERSION_CHECK = 1
# Without bytecode every process of the tests would compile what it imports.
export PYTHONDONTWRITEBYTECODE =

.NOTPARALLEL:
.PHONY: demo demo-begin test test-pythons lint proof mutants kills fuzz image system system-test clean

demo: demo-begin system .make-venv
	@sh tools/demo $(CURDIR)/$(VBENCH)

demo-begin:
	@echo "This takes about 5 minutes on two processors, and some more where system packages are installed."

PYTEST := $(BIN)/pytest --durations 10
# One worker a processor leaves up to a quarter of the processors idle: tests wait for processes to end and for the disk.
# All folders in one session: no worker waits for the last test of a folder, nor imports everything once more.
SIDE_BY_SIDE := --numprocesses $(shell expr $$(nproc) \* 2) -m "not alone"
NAMED = $(addprefix --real ,$(REAL)) $(addprefix --but ,$(BUT))

# While types are checked, by one processor, the other rewrites the assertions of all tests: else every worker would.
# Nothing runs beside the tests that are marked "alone": they look at what the whole machine does.
test: system-test .make-dev image
	@$(BIN)/pytest --collect-only --quiet tests >/dev/null & \
	$(MAKE) --no-print-directory lint; status=$$?; wait; exit $$status
	$(PYTEST) $(SIDE_BY_SIDE) $(NAMED) tests/unit tests/contract tests/real
	$(PYTEST) -m alone $(NAMED) tests/contract

# The unit tests and the type check on every other Python that this machine has, in environments of their own.
test-pythons: .make-dev
	@sh tools/test-pythons

lint: .make-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The method proved by simulation, 10,000 experiments a figure; writes docs/reference/proof.md.
proof: .make-dev
	$(BIN)/python -m tests.proof --full

# A standing list of changes of the code, each in a copy of the tree: the tests that it names must notice it.
mutants: .make-dev
	$(BIN)/python -m tests.proof.surviving

# 60 kills at random moments, of runs, reports and image builds: nothing is lost, repeated or left behind.
kills: .make-dev image
	$(BIN)/python -m tests.proof.kills --kills 60 --whole

# 20,000 mutated inputs, as tools, guests and strangers might write them: each is refused in order or read as sane.
fuzz: .make-dev
	$(BIN)/python -m tests.proof.fuzz

image: system .make-venv
	$(VBENCH) image build

# --- what the machine must have ---------------------------------------------------------------------------------

system:
	@sh tools/system-packages run

system-test:
	@sh tools/system-packages run test

# The package with extras, or with none. All bytecode is made here, on all processors: else sudo leaves root's files in the
# user's folder. Packages that vbench does not import are left out: they are half of the code.
NOT_IMPORTED := /(tests|plotly|narwhals|scipy|mypyc?|setuptools|pygments/lexers|pygments/styles)/
define installed
	@sh tools/environment "$(PYTHON)" $(VENV) '$(1)'
	@$(BIN)/python -m compileall -q -j 0 -x '$(NOT_IMPORTED)' $(VENV)/lib vbench || true # some are for other Pythons
endef

.make-venv: pyproject.toml
	$(call installed,)
	@touch $@

# It stands before what needs .make-venv, and then is both: two installations take half as long again.
.make-dev: pyproject.toml
	$(call installed,[dev])
	@touch .make-venv $@

clean:
	rm -rf $(VENV) .venvs .make-*
