# Everything that a person types. State lives in .tulip/ alone.

SHELL := /bin/sh
STARTED := $(shell date +%s)
BIN := .tulip/venv/bin
UV := .tulip/uv/bin/uv
# Three keep two processors busy: some tests wait for the servers that they started.
WORKERS := 3
COMPILE = $(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --quiet $(if $(UPGRADE),--upgrade) --custom-compile-command "make lock"
# Of what the tests run with, the same versions.
IMAGE = $(COMPILE) --constraints requirements.txt pyproject.toml

# Of the images: what the networks compute with, the tag, more options for `docker buildx build`.
NETWORKS := cpu
VERSION := local
BUILD :=

# Compiled modules must be kept: Airflow's services would compile them at every start.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help demo stop status test test-kubernetes check lock images pin clean environment
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

test: environment ## Run all tests, or TESTS; they start what they need
	@$(BIN)/python -m pytest $(or $(TESTS),-n $(WORKERS) --durations=10)

test-kubernetes: environment ## Run networks as pods of the cluster that KUBECONFIG points at
	@$(BIN)/python -m pytest tests/kubernetes -v

check: environment ## Style, types, and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

# One resolution, requirements.txt, for all versions of Python; the images' lists are parts of it, and
# what only an image has. Not uv.lock, which names the registry and the URL of each file.
lock: environment ## Lock what pyproject.toml asks for; UPGRADE=1 takes the newest versions
	@$(COMPILE) pyproject.toml --all-extras -o requirements.txt
	@echo uv | $(COMPILE) - -o scripts/uv.txt
	@$(IMAGE) --extra airflow --extra beam --extra pictures -o docker/airflow.txt
	@sed -n 's/^tensorflow==\([^ ;]*\).*/tensorflow-cpu==\1/p' requirements.txt | \
		$(IMAGE) --constraints - --overrides docker/cpu-without.in --group cpu \
		--extra networks --extra openvino --extra pictures -o docker/networks-cpu.txt
	@$(IMAGE) --extra networks --extra pictures --group cuda -o docker/networks-gpu.txt
	@$(COMPILE) --constraints requirements.txt --group bills -o docker/sbom.txt

images: ## Build what docker-compose.yaml and deploy/ run (NETWORKS=gpu for CUDA)
	@set -a; . ./.env; set -e; \
	for image in airflow airflow:$(NETWORKS) networks:$(NETWORKS); do \
		target=$${image%%:*}; networks=$${image#*:}; suffix=-$$networks; \
		if [ $$networks = airflow ]; then networks=none; suffix=; fi; \
		docker buildx build --file docker/Dockerfile --target $$target \
			--build-arg NETWORKS=$$networks $${PYTHON_IMAGE:+--build-arg PYTHON_IMAGE} \
			--build-arg REVISION=$$(git rev-parse HEAD) \
			--tag tulip/$$target:$(VERSION)$$suffix $(BUILD) .; \
	done

pin: ## Write the digests of all base images into .env; needs a registry
	@scripts/pin.sh

clean: stop ## Remove the environment and caches; what .tulip/ holds of data stays
	@rm -rf .tulip/venv .tulip/uv .tulip/python .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache *.egg-info

environment:
	@scripts/environment.sh
