PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# What is imported is compiled once and kept, on machines that forbid that too: pip compiles nothing here.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install demo test tests coverage test-interop check bench docs lock clean

help:  ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## */  make \1|/' | column -t -s '|'

install: $(READY)  ## the pinned environment, in .venv

$(READY): requirements.lock pyproject.toml
	@echo "groklab: making the environment in $(VENV) (about a minute, once)"
	@command -v $(PYTHON) >/dev/null || { echo "groklab: $(PYTHON) is not installed; set PYTHON to a Python 3.11 or newer"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "groklab: installing the pinned packages of requirements.lock"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements.lock
	@echo "groklab: installing groklab itself"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY)  ## train five networks until they grok, and write the page that shows it
	@$(BIN)/groklab demo

test: $(READY)  ## lint, types, and every test
	@$(MAKE) --no-print-directory --jobs=2 check tests

tests: $(READY)
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

coverage: $(READY)  ## every test, and the lines that none of them runs (a fifth slower)
	@rm -f .coverage*
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --cov --cov-report=term --cov-fail-under=90

test-interop: $(READY) .venv-interop/.ready  ## beside the real TransformerLens and devinterp (downloads PyTorch)
	@.venv-interop/bin/python -m pytest tests/interop

.venv-interop/.ready: tests/interop/requirements.txt pyproject.toml
	@echo "groklab: making .venv-interop with PyTorch, TransformerLens and devinterp (on ordinary Linux: gigabytes, with CUDA)"
	@test -x .venv-interop/bin/python || $(PYTHON) -m venv .venv-interop
	@.venv-interop/bin/python -m pip install --quiet --disable-pip-version-check -r tests/interop/requirements.txt
	@.venv-interop/bin/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

check: $(READY)  ## lint and types only
	@$(BIN)/python -m ruff check . && $(BIN)/python -m ruff format --check .
	@$(BIN)/pyright

bench: $(READY) .venv-interop/.ready  ## steps a second, beside the reference in PyTorch: docs/performance.md
	@$(BIN)/groklab bench --torch .venv-interop/bin/python --out results/performance.json --docs docs

docs: $(READY)  ## the generated pages, and the documentation in site/
	@$(BIN)/python -m groklab.claims.page --check results docs/claims.md
	@$(BIN)/python -m groklab.claims.simulation results/varma/simulation.json
	@$(BIN)/python -m groklab.claims.page results docs/claims.md
	@$(BIN)/python -m groklab.findings.page results docs/studies
	@$(BIN)/python -m groklab.claims.circuit_page results docs/studies/circuit.md
	@$(BIN)/python -m groklab.theory.page results/varma/simulation.json docs/studies
	@$(BIN)/groklab bench --from results/performance.json --docs docs
	@$(BIN)/python -m groklab.handbook.page results docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "the documentation is site/index.html"

lock:  ## write requirements.lock anew from pyproject.toml
	@$(BIN)/uv pip compile --quiet pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header --output-file requirements.lock

clean:  ## remove the environment, caches and build products (runs/ stays)
	@rm -rf $(VENV) dist build site .pytest_cache .ruff_cache .hypothesis .coverage*
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
