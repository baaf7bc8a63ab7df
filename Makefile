# GNU Make 3.81 (macOS) and a POSIX shell are enough.

VENV ?= .venv
# The first of python3 and python that is 3.10 or newer; `make test PYTHON=python3.13` chooses.
PYTHON ?= $(shell for python in python3 python; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null && \
	echo "$$python" && break; done)
PYTHON_VERSION := $(shell "$(PYTHON)" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
ARGS ?=
# Tests run side by side; `make test WORKERS=0` runs them in one process.
WORKERS ?= auto

BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
# Stamps: each is newer than the files it was made from. The first carries the interpreter's
# version in its name, so that another PYTHON makes the environment anew.
EMPTY := $(VENV)/.empty-$(PYTHON_VERSION)
RUNTIME := $(VENV)/.runtime
DEV := $(VENV)/.dev
# Apart: what looks at the dependencies is none of them.
AUDIT := $(VENV)-audit
AUDIT_BIN := $(AUDIT)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
FUZZ := $(VENV)-fuzz
FUZZ_BIN := $(FUZZ)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)

# --no-deps: the locks are complete, and leave out what nothing imports (see [tool.uv]).
INSTALL := "$(BIN)/python" -m pip install -qq --disable-pip-version-check --no-deps
LOCKED := $(INSTALL) --require-hashes --requirement
PROJECT := $(INSTALL) --no-build-isolation --editable .

LOCK := "$(BIN)/uv" pip compile --quiet --no-python-downloads --universal --python-version 3.10 \
	--generate-hashes --no-emit-index-url --no-emit-find-links \
	--custom-compile-command "make lock" $(LOCK_ARGS)

.PHONY: help bench demo demo-data dashboards golden pictures test test-all lint types validate check format docs reliability lock clean bundle \
	audit sbom fuzz backends
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "%-10s %s\n", $$1, $$2}' Makefile

demo: $(RUNTIME) ## a feature becomes a trace: no account, token or network
	"$(BIN)/flow-telemetry" demo $(ARGS)

test: $(DEV) ## the test suite; ARGS="-k name" goes to pytest
	"$(BIN)/python" -m pytest -n $(WORKERS) $(ARGS)

test-all: ## the suite on each Python 3.10 to 3.14 that is found
	@found=; failed=; \
	pythons=$$(sh tools/pythons.sh | tr ' ' '='); \
	for each in $$pythons; do \
		version=$${each%%=*}; python=$${each#*=}; \
		echo "== Python $$version ($$python)"; found="$$found $$version"; \
		"$(MAKE)" --no-print-directory test PYTHON="$$python" VENV=".venv-$$version" \
			|| failed="$$failed $$version"; \
	done; \
	echo "== ran on:$${found:- none}; failed on:$${failed:- none}"; \
	test -n "$$found" && test -z "$$failed"

golden: $(DEV) ## write the program's output into tests/golden/expected, to be read before it is committed
	"$(BIN)/python" -m pytest tests/golden --update-golden $(ARGS)

bench: $(DEV) ## whole exports beside a peer; ARGS=--smoke: one small run
	"$(BIN)/python" -m benchmarks $(ARGS)

lint: $(DEV) ## ruff: rules and format
	"$(BIN)/ruff" check .
	"$(BIN)/ruff" format --check .

types: $(DEV) ## mypy, strict
	"$(BIN)/mypy"

validate: $(DEV) ## the action, the workflows and the shell scripts
	"$(BIN)/check-jsonschema" --builtin-schema vendor.github-actions action.yml
	"$(BIN)/check-jsonschema" --builtin-schema vendor.github-workflows .github/workflows/*.yml
	"$(BIN)/check-jsonschema" --builtin-schema vendor.dependabot .github/dependabot.yml
	"$(BIN)/check-jsonschema" --builtin-schema vendor.compose-spec examples/compose.yaml
	@if test -x "$(BIN)/zizmor"; then set -x; \
		"$(BIN)/zizmor" --offline --quiet --persona pedantic action.yml .github; \
	else echo "left out, no wheel for this platform: zizmor"; fi
	@if test -x "$(BIN)/shellcheck"; then set -x; \
		"$(BIN)/shellcheck" launcher/*.sh tools/*.sh .ci/*; \
	else echo "left out, no wheel for this platform: shellcheck"; fi
	@if test -x "$(BIN)/actionlint"; then set -x; \
		PATH="$(abspath $(BIN)):$$PATH" "$(BIN)/actionlint" .github/workflows/*.yml; \
	else echo "left out, no wheel for this platform: actionlint"; fi

check: lint types validate ## lint, types and validate

format: $(DEV) ## let ruff format and fix
	"$(BIN)/ruff" check --fix .
	"$(BIN)/ruff" format .

docs: $(DEV) ## rewrite the documents that are made from the code's tables
	"$(BIN)/python" -m tools.update_docs

dashboards: $(DEV) ## rewrite the dashboards and the rules of alerts; needs Python 3.11
	"$(BIN)/python" -m tools.dashboards

pictures: $(DEV) ## take the README's pictures of the demo in Chromium: docs/images/
	"$(BIN)/python" tools/pictures.py

demo-data: $(DEV) ## record the demo's GitHub from the tests' fakes
	"$(BIN)/python" tools/demo_data.py

reliability: $(DEV) ## try every fault and write what it came to into docs/contributing/faults.md
	"$(BIN)/python" tools/update_reliability.py

backends: ## the real backends of the tests: .backends/; ARGS="jaeger" builds one
	@"$(PYTHON)" tools/backends.py $(ARGS)

bundle: $(DEV) ## what a release carries, so that nothing is installed at run time: bundle/
	"$(BIN)/python" tools/build_bundle.py $(ARGS)

fuzz: $(FUZZ)/.made ## mutated answers and reports; ARGS="lines --coverage -runs=100000" guides by coverage
	PYTHONPATH=src "$(FUZZ_BIN)/python" -m fuzz $(ARGS)

audit: $(AUDIT)/.made ## known vulnerabilities of all that is locked; asks the package index
	"$(AUDIT_BIN)/python" -m pip_audit --require-hashes --disable-pip \
		$(foreach lock,runtime build dev audit fuzz clickhouse phoenix,--requirement requirements/$(lock).txt)

sbom: $(AUDIT)/.made ## what a release carries, as CycloneDX: dist/sbom.cdx.json
	"$(AUDIT_BIN)/python" tools/sbom.py --out dist/sbom.cdx.json

# `make lock LOCK_ARGS=--upgrade` takes the newest versions.
lock: $(DEV) ## regenerate requirements/*.txt from pyproject.toml
	$(LOCK) --output-file requirements/runtime.txt pyproject.toml
	$(LOCK) --output-file requirements/build.txt --group build
	$(LOCK) --output-file requirements/audit.txt --group audit
	$(LOCK) --output-file requirements/fuzz.txt --group fuzz
	$(LOCK) --no-deps --output-file requirements/clickhouse.txt --group clickhouse
	$(LOCK) --output-file requirements/phoenix.txt --group phoenix
	$(LOCK) --output-file requirements/dev.txt --group dev pyproject.toml \
		--constraints requirements/runtime.txt --constraints requirements/build.txt

clean: ## remove environments and caches
	rm -rf .venv .venv-3.* .venv-programs .backends "$(VENV)" "$(AUDIT)" "$(FUZZ)" build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find src tests tools launcher -name __pycache__ -type d -prune -exec rm -rf {} +

$(EMPTY):
	@test -n "$(PYTHON_VERSION)" || { \
		echo "flow-telemetry needs Python 3.10 or newer, and found none as python3 or python." >&2; \
		echo "Install one, or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@echo "making $(VENV) with Python $(PYTHON_VERSION)"
	@rm -rf "$(VENV)"
	@"$(PYTHON)" -m venv "$(VENV)" || { rm -rf "$(VENV)"; \
		echo "This Python cannot make a virtual environment." >&2; \
		echo "On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@touch "$@"

$(AUDIT)/.made: requirements/audit.txt
	@rm -rf "$(AUDIT)"
	@"$(PYTHON)" -m venv "$(AUDIT)"
	"$(AUDIT_BIN)/python" -m pip install -qq --disable-pip-version-check --no-deps \
		--require-hashes --requirement requirements/audit.txt
	@touch "$@"

$(FUZZ)/.made: requirements/fuzz.txt requirements/runtime.txt
	@rm -rf "$(FUZZ)"
	@"$(PYTHON)" -m venv "$(FUZZ)"
	"$(FUZZ_BIN)/python" -m pip install -qq --disable-pip-version-check --no-deps --require-hashes \
		--requirement requirements/runtime.txt --requirement requirements/fuzz.txt
	@touch "$@"

$(RUNTIME): $(EMPTY) requirements/runtime.txt requirements/build.txt pyproject.toml
	$(LOCKED) requirements/runtime.txt
	$(LOCKED) requirements/build.txt
	$(PROJECT)
	@touch "$@"

$(DEV): $(EMPTY) requirements/dev.txt pyproject.toml
	$(LOCKED) requirements/dev.txt
	$(PROJECT)
	@touch "$@"
