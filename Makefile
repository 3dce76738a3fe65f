# Penstock's commands; `make help` lists them. Needs Python 3.11+, make and git.
# PYTHON=/path/to/python3.12 chooses the interpreter that .venv is made from.

VENV ?= .venv
PYTHON ?=
WORKERS ?= 3
PYTEST_ARGS ?=
VERSION ?=
CHECK_TESTS ?= yes

RUN := $(VENV)/bin/
# -qq: errors only; a machine whose pip has several sources warns of each package that one of them lacks.
PIP_INSTALL := PENSTOCK_SKIP_UI=1 $(RUN)python -m pip install -qq --disable-pip-version-check --retries 5 -c constraints.txt
PYTEST := $(RUN)python -m pytest

# What the tests need besides Python, as command:debian-package. `make test` installs what is missing as root on
# Debian; elsewhere it says what to install.
SYSTEM_NEEDS := chromium:chromium dockerd:docker.io debootstrap:debootstrap git:git

# Node comes from the development packages; the console's build is made where the server looks for it.
NPM := PATH="$(abspath $(VENV))/bin:$$PATH" npm --prefix ui --silent
UI_BUILT := src/penstock/server/static/index.html
UI_INSTALLED := ui/node_modules/.installed
UI_SOURCES := $(shell find ui/src ui/public -type f 2>/dev/null) ui/index.html ui/vite.config.ts

.DEFAULT_GOAL := help
.PHONY: help demo test check check-static check-tests ui ui-dev ui-check ui-generated pictures fmt fmt-check lint types floors bench changelog constraints \
	venv system-needs clean

help: ## List the commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'

demo: $(VENV)/.demo-ready ## See it work: real taxi data from the web to a lake to a warehouse
	@$(RUN)penstock demo

test: system-needs $(VENV)/.dev-ready $(UI_BUILT) ## Set up whatever the tests need, run them all
	$(PYTEST) -n $(WORKERS) --dist loadfile --max-worker-restart 0 $(PYTEST_ARGS)

check: check-static ## The fast gate: format, lint, types, floors, fast tests, the docs' code
	@if [ "$(CHECK_TESTS)" = yes ]; then $(MAKE) --no-print-directory check-tests; fi

check-static: fmt-check lint types floors ui-check

check-tests: $(VENV)/.dev-ready
	$(PYTEST) -n $(WORKERS) --dist loadfile --max-worker-restart 0 -m "not slow" $(PYTEST_ARGS)

fmt-check: $(VENV)/.dev-ready
	$(RUN)ruff format --check .

lint: $(VENV)/.dev-ready
	$(RUN)ruff check .

types: $(VENV)/.dev-ready
	$(RUN)mypy

floors: $(VENV)/.dev-ready
	$(RUN)lint-imports --no-logo

fmt: $(VENV)/.dev-ready ## Format the code and mend what the linter can
	$(RUN)ruff format .
	$(RUN)ruff check --fix --exit-zero .

ui: $(UI_BUILT) ## Build the console into the package, for `penstock server start` in this checkout

ui-dev: $(UI_INSTALLED) ## Serve the console at :4201, renewed as you type, over a server that runs at :4200
	$(NPM) run dev

ui-check: $(UI_INSTALLED) ## Types, lint and component tests of the console; whether its generated files are current
	$(RUN)python tools/ui_states.py --check
	$(NPM) run api:check
	$(NPM) run check

ui-generated: $(UI_INSTALLED) ## Write the console's files that follow from the states and the API
	$(RUN)python tools/ui_states.py
	$(NPM) run api

pictures: $(VENV)/.dev-ready $(UI_BUILT) ## Take the docs' pictures of the console anew, in both themes; then look at them
	$(RUN)python -m tests.browser.pictures

bench: $(VENV)/.dev-ready ## Run the benchmarks: make bench BENCH="imports task_cost"
	$(RUN)python -m bench.run $(BENCH)

changelog: $(VENV)/.dev-ready ## Show the next release's entry; with VERSION=0.2.0, write it to CHANGELOG.md
	@if [ -n "$(VERSION)" ]; then $(RUN)towncrier build --yes --version "$(VERSION)"; \
	else $(RUN)towncrier build --draft --version unreleased; fi

constraints: ## Pin the newest development versions that fit together (needs the network)
	sh tools/pin-versions.sh "$(PYTHON)"

venv: $(VENV)/.dev-ready ## Make .venv with all that development needs

clean: ## Remove everything that these commands made
	rm -rf $(VENV) ui/node_modules src/penstock/server/static build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis bench/results
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

system-needs:
	@sh tools/system-needs.sh $(SYSTEM_NEEDS)

$(UI_INSTALLED): ui/package.json ui/package-lock.json | $(VENV)/.dev-ready
	@echo "Installing what builds the console ..." >&2
	@$(NPM) ci
	@touch $@

$(UI_BUILT): $(UI_SOURCES) $(UI_INSTALLED)
	@$(NPM) run build -- --logLevel warn
	@touch $@

# The stamps: each says that .venv is up to date for what it names, so that a second run needs no network.
$(VENV)/.created:
	@sh tools/make-venv.sh "$(VENV)" "$(PYTHON)"
	@touch $@

$(VENV)/.demo-ready: pyproject.toml constraints.txt | $(VENV)/.created
	@if [ $(VENV)/.dev-ready -nt pyproject.toml ] && [ $(VENV)/.dev-ready -nt constraints.txt ]; then :; else \
		echo "Installing Penstock and what its lake needs into $(VENV) ..." >&2; \
		$(PIP_INSTALL) -e '.[lake]'; \
	fi
	@touch $@

$(VENV)/.dev-ready: pyproject.toml constraints.txt | $(VENV)/.created
	@echo "Installing Penstock and what its tests need into $(VENV) ..." >&2
	@$(PIP_INSTALL) -e '.[dev]'
	@touch $@
