# Needs git, make and Python 3.11 or newer; everything else is fetched, locked by hash, into .venv.
.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
MLFLOW := .mlrelease/mlflow/.installed
# The first Python that is new enough; `make PYTHON=/path/to/python3.12 install` chooses another.
PYTHON ?= $(firstword $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python; done))
# More than cores: much of a test is waiting.
WORKERS ?= 3
# A line for every twenty packages of what pip says: a minute without a word looks like an end.
INSTALL_PROGRESS := { found=0; while read -r line; do case "$$line" in \
	Collecting*|Processing*) found=$$((found + 1)); test $$((found % 20)) -ne 0 || echo "  $$found packages found";; \
	Installing*) echo "  $$found packages fetched; installing them";; \
	esac; done; }

# Bytecode is kept in any case: where containers and CI set this, each process would compile its thousands of modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install demo up test test-all check format chaos bench dist lock clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

install: $(INSTALLED) ## set up .venv with the locked dependencies

$(INSTALLED): requirements-dev.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "mlrelease needs Python 3.11 or newer, and found none. Install one, or name it: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "mlrelease needs Python 3.11 or newer; $(PYTHON) is `$(PYTHON) -V 2>&1`." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv." >&2; exit 1; }
	@echo "Setting up $(VENV) (once, for a minute or two)"
	@$(PYTHON) -m venv $(VENV)
	@# Python compiles what it imports by itself, below: compiling all of the Azure SDK would double the time.
	@rm -f $(VENV)/.failed; \
	{ $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off --no-compile --require-hashes \
		-r requirements-dev.lock 2>&1 || touch $(VENV)/.failed; } | tee $(VENV)/install.log | $(INSTALL_PROGRESS); \
	test ! -e $(VENV)/.failed || { tail -n 30 $(VENV)/install.log >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable . --editable client
	@echo "  compiling what the programs import"
	@$(BIN)/python -c "import app.main, app.worker, app.cli.main, emulator.server, training.dataset, sklearn.pipeline"
	@touch $@

demo: $(INSTALLED) ## train a model and release it to dev and prod, all on this machine; ARGS=--canary: the next one too; ARGS=--bad: a bad one
	@$(BIN)/mlrelease demo $(ARGS)

up: $(INSTALLED) ## start everything on this machine and leave it up
	@$(BIN)/mlrelease up

# A file's tests stay together: what they share, such as a running stack, is then started once.
test: $(INSTALLED) ## the tests
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not slow" $(ARGS)

test-all: $(INSTALLED) ## the tests, the slow ones too, and 3,000 made-up requests
	@MLRELEASE_FUZZ=3000 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(INSTALLED) ## formatter, linter, types, import order
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(INSTALLED) ## format, and mend what the linter can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

chaos: $(INSTALLED) ## kill every process at every point, and count what was lost or done twice
	@$(BIN)/python -m tests.crash.chaos $(ARGS)

# MLflow in an environment of its own. Where it cannot be had, the rest is measured: the benchmarks say so.
$(MLFLOW): requirements-bench.lock
	@echo "Setting up MLflow in $(@D), to be measured beside (once, for a minute or two)"
	@rm -rf $(@D); $(PYTHON) -m venv $(@D) && $(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-compile \
		--require-hashes -r requirements-bench.lock && touch $@ || { rm -rf $(@D); echo "MLflow could not be installed."; }

bench: $(INSTALLED) $(MLFLOW) ## what the service costs over its engine and over Azure's own time, how fast it goes back, what polls, waiting and writes cost, what programs cost at their start and at rest, and how fast the model scores
	@$(BIN)/python -m benchmarks.score
	@$(BIN)/python -m benchmarks.overhead
	@$(BIN)/python -m benchmarks.critical_path
	@$(BIN)/python -m benchmarks.rollback
	@$(BIN)/python -m benchmarks.polls
	@$(BIN)/python -m benchmarks.growth
	@$(BIN)/python -m benchmarks.waiting
	@$(BIN)/python -m benchmarks.writes
	@$(BIN)/python -m benchmarks.startup

dist: $(INSTALLED) ## build the wheels into dist/: the service, and the client, which needs nothing of it
	@$(BIN)/uv build --quiet --offline --no-build-isolation --python $(BIN)/python --wheel --out-dir dist .
	@$(BIN)/uv build --quiet --offline --no-build-isolation --python $(BIN)/python --wheel --out-dir dist client
	@ls -1 dist/*.whl

lock: $(INSTALLED) ## write the lock files anew from pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
		--extra worker --extra postgresql pyproject.toml --output-file requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
		--all-extras pyproject.toml --output-file requirements-local.lock
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
		--all-extras --group dev pyproject.toml --output-file requirements-dev.lock
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
		--constraint requirements-dev.lock client/pyproject.toml --output-file client/requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
		--group bench --output-file requirements-bench.lock

sbom: $(INSTALLED) ## what the image is made of, as CycloneDX, and the licences: dist/sbom.cdx.json, dist/licences.txt
	@$(BIN)/python -m supply_chain $(ARGS)

clean: ## remove what was set up and everything local: .venv, .mlrelease, caches
	@rm -rf $(VENV) dist .mlrelease .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
