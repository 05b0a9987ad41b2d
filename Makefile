# Two commands on a fresh machine with Python 3.11+ and make: `make demo` and `make test`. Both work in .venv/.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
.DEFAULT_GOAL := help
.PHONY: help demo test test-slow lint bench check lock clean

help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.runtime ## Build a synthetic programme and serve it on 127.0.0.1 (ARGS="--port 8081")
	$(BIN)/hujambo demo $(ARGS)

test: $(VENV)/.dev browser-ready ## Run the tests on SQLite and a real PostgreSQL (ARGS="-k text")
	$(BIN)/python -m pytest -m "not slow" $(ARGS)

test-slow: $(VENV)/.dev ## Run the crash and two-process tests
	$(BIN)/python -m pytest -m slow $(ARGS)

lint: $(VENV)/.dev ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.dev ## Measure inbound and planning beside this machine's own limit
	$(BIN)/hujambo bench inbound $(ARGS)
	$(BIN)/hujambo bench plan $(ARGS)

check: lint test test-slow ## Everything that must pass before a change is merged

lock: ## Write the lock files anew (needs uv)
	uv pip compile pyproject.toml --extra build --universal --generate-hashes --no-header --no-annotate \
		--no-emit-index-url -o requirements.lock
	uv pip compile pyproject.toml --extra build --extra dev --universal --generate-hashes --no-header --no-annotate \
		--no-emit-index-url -o requirements-dev.lock

clean: ## Remove .venv and what the demo wrote
	rm -rf $(VENV) var

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Hujambo needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)

# The stamps make a second `make` start at once; a changed lock file makes it install again.
$(VENV)/.runtime: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.runtime

.PHONY: browser-ready
browser-ready:
	@if command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null; then \
		:; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -q && apt-get install -y -q --no-install-recommends chromium fonts-noto-core; \
	else \
		echo "The browser tests need Chromium: install it (on Debian: apt install chromium fonts-noto-core)." >&2; exit 1; \
	fi
