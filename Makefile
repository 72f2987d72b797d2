# Two commands for everybody: `make demo` and `make test`. Each step says what it does, and is skipped when it is done.
# A step is done when its stamp file is there; a folder without its stamp was left half-finished and is built anew.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LS_VENV := .label-studio
LABEL_STUDIO := label-studio==1.23.2
# A host that docloop can be a model of; its own pins are of 2021, so it comes without its dependencies (tests only).
ML_HOST := label-studio-ml==1.0.9 label-studio-tools==0.0.4
SOURCES := active_learning benchmarks deploy docloop label_config ml_backend tests training

# A folder or page of further wheels, if there is one; uv does not read pip's variable.
UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
ifneq ($(strip $(UV_FIND_LINKS)),)
export UV_FIND_LINKS
else
unexport UV_FIND_LINKS
endif

.DEFAULT_GOAL := help
.PHONY: help setup demo test check lint promises secrets constraints clean

help:
	@echo "make demo         set up and run the demo: Label Studio with 40 pre-annotated receipts (ARGS=... for docloop demo)"
	@echo "make test         set up and run every check and test, with a real Label Studio and browser"
	@echo "make check        the quick half of it, without servers"
	@echo "make promises     the chaos tests in full (about an hour)"
	@echo "make setup        set up only"
	@echo "make secrets      write .env, the passwords for docker compose"
	@echo "make constraints  write the versions that are installed now to constraints.txt"
	@echo "make clean        remove the environments and caches; the demo's data in .demo stays"

demo: $(VENV)/.has-demo $(LS_VENV)/.has-$(LABEL_STUDIO)
	@exec $(BIN)/docloop demo $(ARGS)

setup: $(VENV)/.has-dev $(LS_VENV)/.has-$(LABEL_STUDIO)

# First what can run side by side; then, one by one, what kills processes or measures time.
test: setup lint
	@echo "==> Tests that need no server"
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile -m "not services" --ignore tests/services --ignore tests/promises $(ARGS)
	@echo "==> Tests with real servers and a browser"
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile tests/services --durations=20 $(ARGS)
	@echo "==> Promises"
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/promises --durations=20 $(ARGS)

check: $(VENV)/.has-dev lint
	@echo "==> Tests that need no server"
	@OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n auto --dist loadfile --hypothesis-profile quick \
		-m "not services and not slow" --ignore tests/services $(ARGS)

# Label Studio away (P15) and one server a data folder (P19) are tested with the loop
MORE_PROMISES := tests/training/test_loop.py tests/services/test_loop_end_to_end.py
promises: setup
	@OMP_NUM_THREADS=1 PROMISES=full $(BIN)/python -m pytest tests/promises $(MORE_PROMISES) --durations=0 --timeout=3600 $(ARGS)

secrets:
	@$(PYTHON) deploy/make_secrets.py

lint: $(VENV)/.has-dev
	@echo "==> Form, types and layers"
	@$(BIN)/ruff format --check --quiet --output-format=concise $(SOURCES) || \
		{ echo "Run: $(BIN)/ruff format $(SOURCES)"; exit 1; }
	@$(BIN)/ruff check --quiet $(SOURCES)
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-cache > $(VENV)/lint-imports.log || { cat $(VENV)/lint-imports.log; exit 1; }

$(VENV)/.has-uv:
	@command -v $(PYTHON) > /dev/null || \
		{ echo "There is no '$(PYTHON)'. Install Python 3.11 or newer, or name one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is too old. docloop needs Python 3.11 or newer; name one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null || \
		{ echo "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: sudo apt install python3-venv"; exit 1; }
	@echo "==> A virtual environment in $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt uv
	@touch $@

# A mark stays behind when an installation is cut short; the next one then takes no package for whole.
install = touch $(VENV)/.installing && \
	$(BIN)/uv pip install --quiet --compile-bytecode $(if $(wildcard $(VENV)/.installing),--reinstall) --python $(VENV) -c constraints.txt -e '.[$(1)]' && \
	rm $(VENV)/.installing

$(VENV)/.has-demo: $(VENV)/.has-uv pyproject.toml constraints.txt
	@echo "==> docloop and what the demo needs, into $(VENV) (about 650 MB; a minute, more on a slow line)"
	@$(call install,demo)
	@touch $@

$(VENV)/.has-dev: $(VENV)/.has-uv pyproject.toml constraints.txt
	@echo "==> docloop and what its tests need, into $(VENV) (about 3 GB, torch among it; two minutes, more on a slow line)"
	@$(call install,dev)
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(VENV) --no-deps $(ML_HOST)
	@touch $@ $(VENV)/.has-demo

$(LS_VENV)/.has-$(LABEL_STUDIO): | $(VENV)/.has-uv
	@echo "==> Label Studio, into an environment of its own, $(LS_VENV) (about 1 GB; a minute or two)"
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(LS_VENV)
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(LS_VENV) '$(LABEL_STUDIO)' setuptools
	@touch $@

constraints: $(VENV)/.has-dev
	@{ echo "# The versions docloop is tested with, used by the Makefile. Refresh: delete $(VENV), empty this file,"; \
	   echo "# then: make setup constraints"; \
	   $(BIN)/uv pip freeze --quiet --python $(VENV) --exclude-editable | grep -E '^[A-Za-z0-9._-]+==' | grep -vE '^(pip|setuptools|label-studio-ml|label-studio-tools)==' | sed 's/+cpu$$//'; } > $(VENV)/constraints.txt
	@mv $(VENV)/constraints.txt constraints.txt
	@touch $(VENV)/.has-demo $(VENV)/.has-dev
	@echo "==> constraints.txt: $$(grep -c == constraints.txt) versions"

clean:
	rm -rf $(VENV) $(LS_VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
