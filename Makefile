# Everything a newcomer needs: `make run` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
WORKERS ?= auto

.PHONY: run test soak bench lint types fix graphiql clean

run: $(VENV)/.installed graphiql
	$(BIN)/kg lint
	$(BIN)/kg build -o out/release
	$(BIN)/kg demo --out out
	$(BIN)/kg serve --port $(PORT)

test: $(VENV)/.tested graphiql
	$(BIN)/pytest -n $(WORKERS) --dist worksteal

# Kills the server 200 times while it writes, on SQLite and on a private PostgreSQL; some twenty minutes.
ROUNDS ?= 200
soak: $(VENV)/.tested
	$(BIN)/python tests/soak.py --rounds $(ROUNDS)

# Everything that is measured, beside other tools, and docs/performance.md; some twenty minutes.
bench: $(VENV)/.tested
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	$(BIN)/python -m benchmarks

lint: $(VENV)/.tested
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/kg lint

types: $(VENV)/.tested
	$(BIN)/mypy

fix: $(VENV)/.tested
	$(BIN)/ruff check --fix .
	$(BIN)/kg lint --fix

# GraphiQL and Swagger UI come from npm by lock file; without npm plain pages stand in their place.
graphiql:
	@if command -v npm >/dev/null 2>&1; then sh api/graphiql/build.sh && sh api/swagger/build.sh; \
	else echo "npm is not installed: the query page will be a plain form, that of addresses a list (everything else works)"; fi

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.tested: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) out build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis api/static/vendor
