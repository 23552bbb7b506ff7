# `make` shows the targets. Everything installs into .venv and node_modules; nothing else of the machine is touched,
# but for `make system`, which installs what the tests need beyond Python where it may (apt as root).

PYTHON ?= python3
# Processes that run tests: one more than two cores, for those that wait (for a browser, a worker, a term) leave theirs idle.
WORKERS ?= 3
BIN := .venv/bin
LOCALE := src/almoner/casework/locale/zh_Hans/LC_MESSAGES/django
TEMPLATES := src/almoner/casework/templates
CSS := src/almoner/casework/static/casework/console.css

# Set to anything, it would have each of the hundreds of commands that the tests start compile Almoner anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help install styles messages system demo dev format lint types imports quick unit test check-packs unit-postgres release-check bench lock notice sbom clean

help: ## Show the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

install: .venv/installed styles $(LOCALE).mo ## Install Almoner with all it needs, hash-checked, into .venv

.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Almoner needs Python 3.11 or newer; run: make PYTHON=python3.11") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

styles: $(CSS) ## Compile the console's styles

$(CSS): package-lock.json package.json $(wildcard src/almoner/casework/styles/*.scss)
	npm ci --no-audit --no-fund --loglevel=error
	npm run --silent styles

messages: .venv/installed ## Bring the Chinese catalogue up to date and compile it; PENDING=1 lists what has no Chinese yet
	$(BIN)/python tools/messages.py $(if $(PENDING),--pending)

$(LOCALE).mo: $(LOCALE).po .venv/installed
	$(BIN)/python -c 'import polib; polib.pofile("$<").save_as_mofile("$@")'

system: ## Install what the tests need beyond Python: Chromium, PostgreSQL, Chinese fonts
	@sh tools/system.sh

demo: install ## A fictional county of 100,000, one full cycle, then the console on http://127.0.0.1:8000
	$(BIN)/almoner demo $(DEMO)

dev: install ## The console on a small county, read anew when code, templates or styles change (PORT=8000)
	$(BIN)/python tools/dev.py $(PORT)

format: install ## Write code, templates and the packs' SQL as the formatters do, imports in order
	$(BIN)/ruff check --quiet --select I --fix src tests tools benchmarks
	$(BIN)/ruff format src tests tools benchmarks
	$(BIN)/djlint --quiet --reformat --warn $(TEMPLATES)
	$(BIN)/sqlfluff fix --quiet --disable-progress-bar packs

lint: install ## Ruff, djLint and SQLFluff: rules and format
	$(BIN)/ruff check src tests tools benchmarks
	$(BIN)/ruff format --check src tests tools benchmarks
	$(BIN)/djlint --quiet --check $(TEMPLATES)
	$(BIN)/djlint --quiet --lint $(TEMPLATES)
	$(BIN)/sqlfluff lint --processes 2 --disable-progress-bar packs

types: install ## mypy, strict
	$(BIN)/mypy

imports: install ## The rules of who may import whom
	$(BIN)/lint-imports

check-packs: install ## Compile the packs and run their scenarios
	for pack in base guizhou gansu chongqing gsoep cps; do $(BIN)/almoner pack check $$pack && $(BIN)/almoner pack test $$pack || exit 1; done

quick: lint types imports ## Lint, types, imports, and the tests of what changed since main
	$(BIN)/python tools/quick.py -n 2 --dist loadfile

unit: install system ## The tests alone
	$(BIN)/pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder

unit-postgres: install system ## What asks casework's database once more, on a real PostgreSQL
	sh tools/with_postgres.sh $(BIN)/pytest -q tests/casework -n $(WORKERS) --dist loadfile --ignore tests/casework/browser

test: lint types imports unit unit-postgres ## Everything that a commit must pass (the packs' scenarios are among the tests)

release-check: install ## What the tests allow and a release does not (sentences without Chinese)
	$(BIN)/python tools/release_check.py

bench: install ## Speed and memory at 1,000,000 residents (some minutes)
	$(BIN)/python -m benchmarks sweep --residents 1000000 --json

lock: ## Make requirements.lock anew from pyproject.toml
	$(PYTHON) -m pip install --quiet uv
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --all-extras --group dev pyproject.toml -o requirements.lock

notice: install ## Write build/NOTICE: the licences of all that is shipped with Almoner
	$(BIN)/python tools/supply_chain.py notice

sbom: install ## Write build/almoner.cdx.json: all packages, as CycloneDX
	$(BIN)/python tools/supply_chain.py sbom

clean: ## Remove what was built here
	rm -rf .venv node_modules build dist demo .mypy_cache .ruff_cache .pytest_cache .hypothesis $(CSS) $(LOCALE).mo
