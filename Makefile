# `make` alone lists the targets. Everything is installed into .venv and pinned, hashes included, by requirements*.txt;
# only what `make rivals` installs, each into an environment of its own, is pinned by its version alone.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup models test-models demo test check bench rivals serve lock

VENV := .venv
BENCH_VENV := .venv-bench
BIN := $(VENV)/bin
PARALLEL := --numprocesses auto --maxprocesses 4 --dist loadfile
PIP_FLAGS := --quiet --disable-pip-version-check --no-input
LOCK_FLAGS := --quiet --generate-hashes --strip-extras --allow-unsafe --no-header \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options

# The first Python here that is new enough and can make environments; `make PYTHON=/path/to/python3 setup` names one.
FITS := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c '$(FITS)' 2>/dev/null && echo $$python && break; done)

define environment # (folder, requirements): a fresh environment with what is locked, and halfgig itself from src/
	@"$(PYTHON)" -c '$(FITS)' 2>/dev/null || { \
	  echo "halfgig needs Python 3.11 or newer with its venv module; $(or $(PYTHON),python3) does not have that." >&2; \
	  echo "On Debian and Ubuntu: apt-get install python3-venv. Elsewhere: make PYTHON=/path/to/python3 setup" >&2; \
	  exit 1; }
	@echo "installing into $(1) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv --clear $(1)
	@$(1)/bin/python -m pip install $(PIP_FLAGS) --no-deps --require-hashes -r $(2)
	@$(1)/bin/python -m pip install $(PIP_FLAGS) --no-deps --no-build-isolation --editable .
	@touch $@
endef

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/ready models  ## install halfgig into .venv and pull the models it needs

demo: setup  ## transcribe, index and search a talk, count an athlete's reps, and check the answers
	@$(BIN)/python -m halfgig.demo

test: check test-models  ## check, then run every test; about twelve minutes on two cores
	@$(BIN)/python -m pytest -r s $(PARALLEL)

check: $(VENV)/ready  ## formatting, lint and types, those of the page where tsc is installed
	@$(BIN)/ruff format --quiet --check --diff .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/python -m tools.page_types

bench: $(BENCH_VENV)/ready models  ## measure against faster-whisper; prints a table, writes JSON
	@$(BENCH_VENV)/bin/python -m benchmarks $(BENCH)

rivals:  ## environments of LanceDB, Chroma and MediaPipe, which benchmarks.search and .pose then measure as well
	@for rival in lancedb==0.40.0 chromadb==1.5.9 mediapipe==0.10.21; do \
	  folder=.venv-$$(echo $$rival | sed 's/db==.*//;s/lance/lancedb/'); \
	  $(PYTHON) -m venv --clear $$folder && $$folder/bin/python -m pip install $(PIP_FLAGS) $$rival || exit 1; \
	done

serve: setup  ## serve jobs, uploads and search over HTTP, on http://127.0.0.1:8000
	@exec $(BIN)/halfgig serve

models: $(VENV)/ready
	@$(BIN)/halfgig models pull

# Tests also want a multilingual model, and the smaller pose model where it can be had.
test-models: models
	@$(BIN)/halfgig models pull base
	@$(BIN)/halfgig models pull blazepose-lite || echo "going on without blazepose-lite; its tests are skipped"

lock:  # pin anew what pyproject.toml asks for; run it under the oldest Python, whose choice fits the newer ones too
	pip-compile $(LOCK_FLAGS) $(LOCK) -o requirements.txt pyproject.toml
	pip-compile $(LOCK_FLAGS) $(LOCK) -c requirements.txt --extra dev -o requirements-dev.txt pyproject.toml
	pip-compile $(LOCK_FLAGS) $(LOCK) -c requirements-dev.txt --extra postgres --extra s3 -o requirements-image.txt pyproject.toml
	pip-compile $(LOCK_FLAGS) $(LOCK) -c requirements-dev.txt --extra bench -o requirements-bench.txt pyproject.toml

$(VENV)/ready: requirements-dev.txt pyproject.toml
	$(call environment,$(VENV),requirements-dev.txt)

$(BENCH_VENV)/ready: requirements-bench.txt pyproject.toml
	$(call environment,$(BENCH_VENV),requirements-bench.txt)
