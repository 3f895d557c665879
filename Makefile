# SPDX-License-Identifier: MIT
# The one door for chores. Each target is complete on a machine that has nothing but make and Python 3.11 or later.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check --no-input
KERNEL := hatch_build.py $(shell find src -name '*.c')
PACKAGE := $(shell find src -name '*.py' -o -name '*.html' -o -name '*.css' -o -name py.typed) $(KERNEL) pyproject.toml $(wildcard README.md LICENSE)

# The wheel is tested, so nothing may point Python at the source tree.
unexport PYTHONPATH
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-all test-slow lint docs mutants bench bench-accuracy bench-speed bench-against bench-nuts evidence clean

help: ## say what the doors are
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile
	@echo "PYTHON=... chooses the interpreter (now: $(PYTHON)); make clean when you change it."

demo: $(VENV)/.stamp-demo ## estimate the claims in examples/taftanaz.csv
	$(BIN)/reconcile estimate examples/taftanaz.csv

test: dist/.stamp-wheel ## test the built wheel on PYTHON, without the slow tests
	@sh scripts/test.sh "$(PYTHON)" fast

test-all: test-slow ## the slow tests on PYTHON, then some fast ones without the compiled kernel, and on each other Python found
	@sh scripts/test.sh "$(PYTHON)" plain
	@set -e; for python in $$(sh scripts/pythons.sh "$(PYTHON)" | tail -n +2); do \
		sh scripts/test.sh "$$python" smoke; done

test-slow: dist/.stamp-wheel ## run the slow tests on PYTHON
	@sh scripts/test.sh "$(PYTHON)" slow

lint: $(VENV)/.stamp-lint ## style, format, types, and the one-way doors between rooms
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.stamp-docs ## build the documentation into docs/_build/html, every warning an error
	rm -rf docs/_build docs/gallery
	$(BIN)/python -m sphinx -n -W -T --keep-going -q -b html -d docs/_build/doctrees docs docs/_build/html
	@echo "docs/_build/html/index.html"

mutants: $(VENV)/.stamp-bench ## hold every law against every wrong reconciler; fail where one gets away
	$(BIN)/python -m reconcile.testing.mutants

bench: $(VENV)/.stamp-bench ## time the building blocks and the whole
	$(BIN)/python -m pytest bench

bench-accuracy: $(VENV)/.stamp-peers ## compare with other methods on simulated reports and on real claims
	$(BIN)/python bench/scenarios.py
	$(BIN)/python bench/real.py

bench-speed: $(VENV)/.stamp-peers ## timings, the cost per claim from 1,000 to 1,000,000 claims, and what there is to read
	$(BIN)/python -m pytest bench
	$(BIN)/python bench/questions.py
	$(BIN)/python bench/scale.py
	$(BIN)/python bench/reading.py

bench-against: dist/.stamp-wheel ## this commit beside an earlier one: make bench-against REF=8eec1a5
	@test -n "$(REF)" || { echo "name a commit: make bench-against REF=8eec1a5" >&2; exit 1; }
	@sh scripts/against.sh "$(PYTHON)" "$(REF)"

bench-nuts: $(VENV)/.stamp-nuts ## `estimate` beside the same model under NUTS (NumPyro): distance and time
	$(BIN)/python bench/nuts.py

evidence: $(VENV)/.stamp-bench ## compute again every number that the documents claim
	$(BIN)/python bench/evidence.py

clean: ## remove everything that the other doors made
	rm -rf $(VENV) .venvs dist build docs/_build docs/generated docs/gallery docs/sg_execution_times.rst .hypothesis .benchmarks
	rm -f src/reconcile/inference/kernel/likelihood_*.so src/reconcile/inference/kernel/likelihood_*.dylib src/reconcile/inference/kernel/likelihood_*.dll
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find src tests bench examples docs -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.stamp-venv: scripts/venv.sh
	sh scripts/venv.sh "$(PYTHON)" $(VENV)
	@touch $@

$(VENV)/.stamp-demo: pyproject.toml $(KERNEL) $(VENV)/.stamp-venv
	$(PIP) install --editable '.[cli]'
	@touch $@

$(VENV)/.stamp-lint $(VENV)/.stamp-docs $(VENV)/.stamp-bench $(VENV)/.stamp-peers $(VENV)/.stamp-nuts: $(VENV)/.stamp-%: pyproject.toml $(KERNEL) $(VENV)/.stamp-venv
	$(PIP) install --editable '.[cli,testing]' --group $*
	@touch $@

dist/.stamp-wheel: $(PACKAGE) $(VENV)/.stamp-venv
	rm -rf dist
	$(PIP) wheel --no-deps --wheel-dir dist .
	@touch $@
