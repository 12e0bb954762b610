# Everything that people and CI run. Each target does its own set-up; `make` alone says what there is.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test check bench install requirements configuration openapi

# The first Python on this machine that is new enough; `make PYTHON=/path/to/python` chooses another.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
CANDIDATES := python3 python3.14 python3.13 python3.12 python3.11
PYTHON ?= $(or $(shell for each in $(CANDIDATES); do \
	$$each -c '$(NEW_ENOUGH)' 2>/dev/null && echo $$each && break; done),python3)

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --quiet --disable-pip-version-check
# Made once, and again when what is to be installed has changed.
READY := $(VENV)/.ready

help: ## Say what there is to make
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## See the main job end to end, on this machine alone
	$(PY) -m orchestrator demo $(ARGS)

test: $(READY) ## Run the tests, on SQLite and on PostgreSQL (ARGS="-k webhook", or ARGS="-n 0" one by one)
	$(PY) -m pytest -n 2 $(ARGS)

check: $(READY) ## Format, lint, types, layers, and the rules of tests/architecture
	$(PY) -m ruff format --check
	$(PY) -m ruff check
	$(PY) -m mypy
	$(VENV)/bin/lint-imports
	$(PY) -m pytest --quiet tests/architecture

bench: $(READY) ## Measure this machine, beside a bare echo (ARGS=--quick)
	$(PY) -m benchmarks $(ARGS)

install: $(READY) ## Make .venv with the exact versions of requirements.txt, and the orchestrator command

requirements: $(READY) ## Compile requirements.txt from pyproject.toml (ARGS=--upgrade for newer versions)
	$(PIP) install uv
	$(PY) -m uv pip compile --quiet --universal --python-version 3.11 --no-header --group dev $(ARGS) \
		--output-file requirements.txt pyproject.toml

configuration: $(READY) ## Write docs/configuration.md from the settings
	$(PY) -m tests.architecture.settings_page > docs/configuration.md

openapi: $(READY) ## Write docs/openapi.json from the types that parse the requests
	$(PY) -m orchestrator.api > docs/openapi.json

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c '$(NEW_ENOUGH)' || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python" >&2; exit 1; }
	@echo "Setting up $(VENV); this happens once, and again when requirements.txt has changed."
	@$(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@$(PIP) install --requirement requirements.txt
	@$(PIP) install --no-deps --editable .
	@touch $@
