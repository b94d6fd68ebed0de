PYTHON := .venv/bin/python
WITH_ENGINE := $(PYTHON) -m scripts.with_engine

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test test-unit lint fmt docs bench soak clean picture engine node

help:
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 12

demo: engine ## devbox up on sample/; Ctrl-C ends it
	@trap : INT; $(WITH_ENGINE) .venv/bin/devbox up sample || test $$? -eq 130

test: lint engine node ## every check and every test, on a real engine
	$(WITH_ENGINE) $(PYTHON) -m pytest --maxfail=8 tests/unit tests/engine tests/e2e

test-unit: .venv/installed node ## the tests that need no engine
	$(PYTHON) -m pytest tests/unit

lint: .venv/installed ## ruff and mypy
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	$(PYTHON) -m mypy

fmt: .venv/installed ## format, and fix what can be fixed
	$(PYTHON) -m ruff format
	$(PYTHON) -m ruff check --fix

docs: .venv/installed ## write what the program tells about itself into docs/
	$(PYTHON) -m scripts.manual
	$(PYTHON) -m scripts.api_page

bench: engine ## measure a save against the other ways
	$(WITH_ENGINE) $(PYTHON) -m bench

soak: engine ## what 500 rebuilds take, and leave
	$(WITH_ENGINE) $(PYTHON) -m bench.soak

picture: engine ## draw the README's picture, and those of the screen
	$(WITH_ENGINE) $(PYTHON) -m scripts.picture
	$(WITH_ENGINE) $(PYTHON) -m scripts.screenshots

clean: ## remove what make made in this checkout
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis bench/out
	find devbox tests scripts bench -type d -name __pycache__ -prune -exec rm -rf {} +

engine: .venv/installed
	@$(PYTHON) -m scripts.setup

node: .venv/installed
	@$(PYTHON) -m scripts.node

.venv/installed: pyproject.toml scripts/venv
	@scripts/venv
