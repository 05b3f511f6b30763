# Every target works on a fresh machine with Python 3.11+ and git: .venv is made on demand.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
SUITE  ?= leaderboard-v2
OUT    ?= results/leaderboard
JOBS   ?= auto
READY  := $(VENV)/.ready

.PHONY: help leaderboard docs site test test-slow lint format clean

leaderboard: $(READY)  ## train toys, run methods, print the leaderboard, write report.html
	$(BIN)/unfold run -s $(SUITE) -o $(OUT) --report

docs: $(READY)  ## the documentation as pages, site/docs/index.html; a broken link is an error
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[docs]"
	$(BIN)/python -m sphinx -q -W --keep-going docs site/docs

site: docs  ## the published boards and the documentation as pages, site/index.html
	$(BIN)/unfold site -o site

help:  ## these lines
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

test: $(READY)  ## the fast tests
	$(BIN)/python -m pytest -n $(JOBS)

test-slow: $(READY)  ## everything that needs no GPU
	$(BIN)/python -m pytest -n $(JOBS) -m "not gpu"

lint: $(READY)  ## style, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)  ## mend style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'unfold needs Python 3.11 or newer; set PYTHON=python3.11')"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

clean:  ## remove what was made
	rm -rf $(VENV) results reproduction site docs/reference .mypy_cache .ruff_cache .pytest_cache dist build
