# Every target installs what it needs first: a fresh clone and python3 >= 3.11 are enough.
PYTHON ?= python3
PY := .venv/bin/python
UV := .uv/bin/uv

.PHONY: install run demo test test-js check format bench chaos keys lock clean

install: .venv/installed

run: install          ## the whole house on 127.0.0.1:8000, embedded Postgres and Valkey included
	@exec $(PY) -m demo.run

demo: install         ## the main job over real HTTP, without hands, on a temporary data directory
	@$(PY) -m demo

test: install
	$(PY) -m pytest

test-js: install      ## the JavaScript SDK and useStream against a house; needs Node.js >= 20 and npm
	@npm ci --silent --prefix tests/js
	@$(PY) -m tests.js

check: install        ## format, lint, types, arrows
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

format: install
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

bench: install        ## a table on the screen, JSON in bench/results/
	@$(PY) -m bench

chaos: install        ## 200 kills under load, and what became of everything acknowledged; five minutes
	@$(PY) -m bench.chaos

keys: install         ## jwt-keys.json and vault-keys with a new key each, for real stores; what exists stays
	@$(PY) -m tenants.signing_keys jwt-keys.json
	@$(PY) -m tenants.vault_keys vault-keys

lock: $(UV)           ## pin again, with hashes, after pyproject.toml changed
	$(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11 --extra dev pyproject.toml -o requirements/dev.txt
	$(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11 -c requirements/dev.txt pyproject.toml -o requirements/runtime.txt

clean:                ## everything but the data in .atrium/
	rm -rf .venv .uv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis *.egg-info

$(UV): requirements/uv.txt
	@echo 'installing uv into .uv'
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --require-hashes --upgrade --target .uv -r requirements/uv.txt
	@touch $(UV)

.venv/installed: $(UV) requirements/dev.txt pyproject.toml
	@echo 'installing Atrium into .venv'
	@$(UV) venv --quiet --allow-existing --python $(PYTHON) .venv
	@$(UV) pip sync --quiet --python $(PY) --require-hashes requirements/dev.txt
	@$(UV) pip install --quiet --python $(PY) --no-deps --no-build-isolation --editable .
	@touch .venv/installed
