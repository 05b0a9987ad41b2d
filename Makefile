# Two commands on a fresh machine with Python 3.11+ and make: `make demo` and `make test`. Both work in .venv/.
# Rasa, the other classifier, needs a Python 3.10 and an environment of its own, .venv-rasa/: `make rasa`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
RASA := .venv-rasa
PIN := $(BIN)/uv pip compile --universal --generate-hashes --no-header --no-annotate --no-emit-index-url \
	--no-emit-find-links -q
COMPILE := $(PIN) pyproject.toml --extra build
# One for each processor; every one of them starts a PostgreSQL of its own. (ARGS="-n 0": one after another.)
BESIDE := -n logical --maxprocesses 4 --dist loadgroup
ARGS ?=
.DEFAULT_GOAL := help
.PHONY: help demo test test-slow rasa test-rasa lint bench words lock browser clean

help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.runtime $(VENV)/.model ## Build a synthetic programme and serve it on 127.0.0.1 (ARGS="--port 8081")
	$(BIN)/hujambo demo $(ARGS)

test: $(VENV)/.dev $(VENV)/.model browser ## Run the tests on SQLite and a real PostgreSQL (ARGS="-k words")
	$(BIN)/python -m pytest -m "not slow and not rasa" $(BESIDE) $(ARGS)

test-slow: $(VENV)/.dev $(VENV)/.model browser ## Run the long ones: kill -9 under load, two processes on one database, every page in every language
	$(BIN)/python -m pytest -m slow $(ARGS)

rasa: $(RASA)/.ready ## Train Rasa on the content and serve it on 127.0.0.1:5005 for HUJAMBO_NLU=rasa (ARGS="--port 5006")
	$(BIN)/python -m hujambo.rasa $(ARGS)

test-rasa: $(RASA)/.ready $(VENV)/.dev $(VENV)/.model ## Train and serve a real Rasa, test it, and compare it with the local classifier
	$(BIN)/python -m hujambo.rasa --while sh -c '$(BIN)/python -m pytest -m rasa $(ARGS) && $(BIN)/python -m bench.beside'

lint: $(VENV)/.dev ## Check style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.dev $(VENV)/.model ## Measure everything beside this machine's own limits and a peer (ARGS=--json)
	$(BIN)/hujambo bench inbound --peer $(ARGS)
	$(BIN)/hujambo bench outbound $(ARGS)
	$(BIN)/hujambo bench plan $(ARGS)
	$(BIN)/hujambo bench assess $(ARGS)

words: $(VENV)/.dev ## Bring the console's catalogues up to date with its sentences, and name those without a translation
	$(BIN)/python -m console.locale

lock: $(VENV)/.dev ## Write the lock files anew, every package with its hashes
	$(PIP) uv
	$(COMPILE) -o requirements.lock
	$(COMPILE) --extra dev --constraint requirements.lock -o requirements-dev.lock
	$(PIN) --python-version 3.10 requirements-rasa.in -o requirements-rasa.lock

clean: ## Remove .venv, .venv-rasa and what the demo wrote
	rm -rf $(VENV) $(RASA) var

# One line says what is missing; a half-made environment is not left behind for the next `make` to trust.
$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "Hujambo needs Python 3.11 or newer: there is no $(PYTHON) here." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Hujambo needs Python 3.11 or newer;" \
		"$(PYTHON) is $$($(PYTHON) --version). Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) has no venv module: install it" \
		"(on Debian: apt install python3-venv)." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

# The stamps let a second `make` start at once; a changed lock file or pyproject makes it install again.
$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(BIN)/python
	$(PIP) --require-hashes -r requirements-dev.lock
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.runtime

# Where the developer's packages are installed already, they are the ones kept up to date.
$(VENV)/.runtime: requirements.lock pyproject.toml | $(BIN)/python
	@if [ -e $(VENV)/.dev ]; then lock=requirements-dev.lock; else lock=requirements.lock; fi; \
		echo "installing from $$lock"; $(PIP) --require-hashes -r $$lock
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

# The classifier learns once from the content's sentences, some four minutes; the service itself would do it at its first start.
$(VENV)/.model: $(wildcard content/builtin/*/nlu.yaml content/builtin/*/concepts.yaml) content/builtin/intents.yaml \
		content/builtin/languages.yaml bot/features.py bot/text.py hujambo/model.py hujambo/languages.py | $(VENV)/.runtime
	@echo "teaching the classifier, and which language is which"; $(BIN)/python -m hujambo.model && $(BIN)/python -m hujambo.languages
	@touch $@

$(RASA)/.ready: requirements-rasa.lock hujambo/rasa/interpreter.py | $(VENV)/.runtime
	@python=$$(PYTHON310="$(PYTHON310)" $(BIN)/python -m hujambo.rasa.interpreter) || exit 1; rm -rf $(RASA); \
		echo "installing Rasa with $$python"; "$$python" -m venv $(RASA) || { rm -rf $(RASA); exit 1; }
	$(RASA)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-rasa.lock
	@touch $@

browser:
	@if { command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -q && apt-get install -y -q --no-install-recommends chromium fonts-noto-core; \
	else \
		echo "The browser tests need Chromium: install it (on Debian: apt install chromium fonts-noto-core)." >&2; exit 1; \
	fi
