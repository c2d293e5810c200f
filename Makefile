# Everything that a person types. State lives in .tulip/ alone.

SHELL := /bin/sh
STARTED := $(shell date +%s)
BIN := .tulip/venv/bin
UV := .tulip/uv/bin/uv
COMPILE := pip compile --universal --python-version 3.11 --no-emit-index-url \
	--no-emit-find-links --generate-hashes

# Compiled modules must be kept: Airflow's services would compile them at every start.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help demo stop status test test-kubernetes check lock clean environment
.DEFAULT_GOAL := help

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: environment ## From an archive to the season table, through Airflow (ARCHIVE=folder AREAS=file)
	@$(BIN)/tulip local demo --started $(STARTED) \
		$(if $(ARCHIVE),--archive '$(ARCHIVE)') $(if $(AREAS),--areas '$(AREAS)')

stop: ## End everything that was started here
	@if [ -x $(BIN)/tulip ]; then $(BIN)/tulip local stop; else echo "nothing was started here"; fi

status: environment ## Say what runs, and where
	@$(BIN)/tulip local status

test: environment ## Run all tests; they start what they need
	@$(BIN)/python -m pytest $(TESTS)

test-kubernetes: environment ## Run networks as pods of the cluster that KUBECONFIG points at
	@$(BIN)/python -m pytest tests/kubernetes -v

check: environment ## Style, types, and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

lock: environment ## Choose the newest versions that pyproject.toml allows
	@$(UV) $(COMPILE) --all-extras --upgrade --quiet pyproject.toml -o requirements.txt \
		--custom-compile-command "make lock"
	@echo uv | $(UV) $(COMPILE) --upgrade --quiet - -o scripts/uv.txt \
		--custom-compile-command "make lock"

clean: stop ## Remove the environment and caches; what .tulip/ holds of data stays
	@rm -rf .tulip/venv .tulip/uv .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache *.egg-info

environment:
	@scripts/environment.sh
