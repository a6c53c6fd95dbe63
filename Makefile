# Everything starts here: `make help`. Nothing is needed but Python 3.11, its venv, and make.

# Not taken from the environment: some shells export HOST, and listening elsewhere should be somebody's wish.
HOST = 127.0.0.1
PORT = 9002
WORKERS = 1
SERVE = 1
# Half of the tests' time is spent waiting for programs that they started.
TESTERS = 4
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN = .venv/bin
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check

# MUSIC=, NAVIDROME_DB=, MODELS= and the like reach the program as they are; relative paths start at the caller.
export CALLER_DIR ?= $(PWD)

.PHONY: help run test test-postgres faults check doctor bench browser clean
.DEFAULT_GOAL := help

help: ## Show this
	@echo 'make run [MUSIC=/path/to/music | NAVIDROME_DB=/path/navidrome.db [NAVIDROME_PATH_MAP=/music=/mnt/music]]'
	@echo '         [MODELS=acoustic] [HOST=127.0.0.1] [PORT=9002] [WORKERS=1] [SERVE=0]'
	@echo 'make bench NAME=... [LIBRARY=/path/to/music] [ARGS="--option value"]'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: .venv/.runtime ## Start everything, embed what is missing, show it, serve until Ctrl-C
	@exec $(BIN)/python manage.py up --die-with-parent --host '$(HOST)' --port '$(PORT)' --workers '$(WORKERS)' \
		$(if $(filter 0,$(SERVE)),--once)

test: .venv/.dev ## Run the tests
	$(BIN)/python -m pytest -n $(TESTERS)

test-postgres: .venv/.dev ## Run the tests on a PostgreSQL of their own, where its programs are installed
	$(BIN)/python -m tests.postgres $(BIN)/python -m pytest -n $(TESTERS) $(ARGS)

faults: .venv/.dev ## Kill, stop, empty and fill up what jobs stand on, and count what is lost [ARGS="--rounds 3 --seed 7"]
	$(BIN)/python -m tests.faults $(ARGS)

check: .venv/.dev ## Run what CI runs: linters, types, layers, Django's checks, tests
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy .
	$(BIN)/lint-imports
	$(BIN)/python manage.py check --fail-level WARNING
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python -m pytest -n $(TESTERS)

doctor: .venv/.runtime ## Say what is used, whether it answers, and what is missing
	@$(BIN)/python manage.py doctor

bench: .venv/.bench ## Run one benchmark
	$(BIN)/python -m bench.$(NAME) $(if $(LIBRARY),--library "$$LIBRARY") $(ARGS)

browser: ## Install Chromium, so that the browser tests are not skipped
	@command -v chromium || command -v google-chrome || \
		{ [ "$$(id -u)" = 0 ] && command -v apt-get && apt-get update -qq && \
		apt-get install -qq -y --no-install-recommends chromium fonts-dejavu-core; } || \
		{ echo 'No Chromium here, and it cannot be installed: browser tests will be skipped.'; exit 1; }

clean: ## Remove the virtual environment and caches; var/ with all that was made stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find . -name __pycache__ -not -path './var/*' -exec rm -rf {} +

.venv/.made:
	@'$(PYTHON)' -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo 'Python 3.11 or newer with its venv module is needed (Debian, Ubuntu: apt install python3.11-venv).'; \
		echo 'If it has another name here, say so: make run PYTHON=/path/to/python3.11'; exit 1; }
	@'$(PYTHON)' -m venv --clear .venv
	@touch $@

.venv/.runtime: requirements.txt requirements-no-deps.txt .venv/.made
	@echo 'Installing requirements.txt into .venv (some minutes, once: it brings torch)'
	@$(INSTALL) -r requirements.txt
	@$(INSTALL) --no-deps --use-pep517 -r requirements-no-deps.txt
	@touch $@

.venv/.dev: requirements-dev.txt .venv/.runtime
	@$(INSTALL) -r requirements-dev.txt
	@touch $@

.venv/.bench: requirements-bench.txt .venv/.runtime
	@$(INSTALL) -r requirements-bench.txt
	@touch $@
