# `make` alone lists what there is.
.DEFAULT_GOAL := help
SHELL := /bin/bash

DATASET  ?= orders
RUN_DATE ?= 2026-01-01
ENV      ?= local
PORT     ?= 4200
AGAINST  ?= origin/main
PYTHON   ?= $(shell command -v python3.11 || command -v python3)

VENV := .venv
BIN  := $(VENV)/bin
SCAN_VENV := .venv-scan
BENCH_VENV := .venv-bench
CODE := src flows _glue-job _lambda tools bench .tests
TERRAFORM = TF_DATA_DIR=$(CURDIR)/build/terraform/$(ENV) terraform -chdir=terraform
DEPLOYMENT = $(CURDIR)/build/terraform/$(ENV)
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-strip-extras \
	--no-annotate --no-header

.PHONY: help init run dataset contract-diff demo-events test faults bench check lint lint-terraform scan format install up down status server deploy worker doctor env package infrastructure plan plan-code apply outputs images share-warehouse destroy lock clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/; s/\$$\$$/$$/' | expand -t 12
	@echo; echo "run takes DATASET=$(DATASET) RUN_DATE=$(RUN_DATE); what names ENV= takes a file of config/, here $(ENV)"

init: $(VENV)/run.stamp ## Make the template yours (NAME=acme-sales REGION=eu-west-1)
	@$(BIN)/python tools/init.py --name "$(NAME)" $(if $(REGION),--region "$(REGION)")

run: $(VENV)/run.stamp ## Install, then run a day of a dataset (DATASET= RUN_DATE= ENV=)
	@$(BIN)/python flows/full_pipeline.py --run-date $(RUN_DATE) --dataset $(DATASET) --env $(ENV)

dataset: $(VENV)/run.stamp ## Propose a contract from a sample (NAME=invoices FROM=sample.csv KEY=)
	@$(BIN)/python -m etl propose --name "$(NAME)" --from "$(FROM)" --env $(ENV) \
		$(if $(KEY),--key "$(KEY)") $(if $(DOMAIN),--domain "$(DOMAIN)") \
		$(if $(DELIMITER),--delimiter "$(DELIMITER)") $(if $(ENCODING),--encoding "$(ENCODING)") \
		$(if $(HEADER),--header "$(HEADER)") $(if $(filter 0 no,$(RULES)),--no-rules) \
		$(if $(FORCE),--force)

contract-diff: $(VENV)/run.stamp ## Label what a branch changes in contracts (AGAINST=origin/main)
	@$(BIN)/python -m etl contract-diff --against "$(AGAINST)"

demo-events: $(VENV)/run.stamp ## Show what comes by itself: requests, files, dead letters, alerts, archive
	@$(BIN)/python -m local_cloud.tour

# Without ARGS, what all tests' roles did is held against terraform/policies at the end.
test: $(VENV)/dev.stamp ## Install, then pass every test; then prove that roles have least privilege
	@export LOCAL_CLOUD_ACCESS_LOG=$$(mktemp -d) && \
		$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder --quiet $(ARGS) && \
		$(if $(ARGS),true,$(BIN)/python tools/least_privilege.py $$LOCAL_CLOUD_ACCESS_LOG); \
		code=$$?; rm -rf $$LOCAL_CLOUD_ACCESS_LOG; exit $$code

faults: $(VENV)/dev.stamp ## Harm runs in every way, and show that no row is lost or twice (SAMPLE=1)
	@$(BIN)/python -m pytest .tests/faults --faults $(if $(SAMPLE),sample,all) \
		--numprocesses 2 $(ARGS)

bench: $(VENV)/dev.stamp $(BENCH_VENV)/stamp ## Measure ours beside dlt, awswrangler and a script (QUICK=1; KEEP=1)
	@$(BIN)/python -m bench.run $(if $(QUICK),--rows 50000 --repeat 1) $(if $(KEEP),--keep) $(ARGS)

check: lint lint-terraform scan test ## What CI runs: all of lint, the policy scan, the tests

lint: $(VENV)/dev.stamp ## Format, style, types, import rules and state machines
	@$(BIN)/black --check --quiet $(CODE) || { echo "not formatted: run 'make format'"; exit 1; }
	@$(BIN)/isort --check-only --quiet $(CODE)
	@$(BIN)/flake8 $(CODE)
	@$(BIN)/mypy src flows tools bench
	@$(BIN)/lint-imports
	@$(BIN)/python tools/lint_state_machines.py

lint-terraform: $(VENV)/dev.stamp ## Terraform's format, validity and modules' tests, where it is installed
	@$(BIN)/python tools/lint_terraform.py

scan: $(SCAN_VENV)/stamp ## Look for what Terraform should not deploy (checkov; .checkov.yml)
	@$(SCAN_VENV)/bin/checkov --config-file .checkov.yml

format: $(VENV)/dev.stamp ## Format the code
	@$(BIN)/isort --quiet $(CODE)
	@$(BIN)/black --quiet $(CODE)

install: $(VENV)/dev.stamp ## Install everything, tests included, into .venv

up: $(VENV)/run.stamp ## Start the embedded cloud and keep it up
	@$(BIN)/python -m local_cloud up

down: $(VENV)/run.stamp ## Stop the embedded cloud; its data stays
	@$(BIN)/python -m local_cloud down

status: $(VENV)/run.stamp ## Say whether the embedded cloud is up, and where
	@$(BIN)/python -m local_cloud status

server: $(VENV)/run.stamp ## Prefect's UI, with the deployments and a worker, until Ctrl-C (PORT=)
	@$(BIN)/python -m tools.deploy.server --port $(PORT)

deploy: $(VENV)/run.stamp ## Put the flows on the server that PREFECT_API_URL names (ENV=)
	@$(BIN)/python -m tools.deploy --env $(ENV)

worker: $(VENV)/run.stamp ## Run what that server gives this machine to do (ENV=)
	@$(BIN)/prefect worker start --type process --pool \
		"$$($(BIN)/python -c 'from etl.settings import load_settings as s; print(s("$(ENV)").name)')"

doctor: $(VENV)/run.stamp ## Examine an environment before its first run (ENV=)
	@$(BIN)/python -m etl doctor --env $(ENV)

env: $(VENV)/run.stamp ## Print the variables for other tools: eval "$$(make env)"
	@$(BIN)/python -m local_cloud env

package: $(VENV)/run.stamp ## Build the Glue and Lambda archives for AWS into build/
	@$(BIN)/python tools/package.py --target lambda

# Images, and what Terraform has ECS run, are those of the commit.
infrastructure images: export ETL_INFRASTRUCTURE__IMAGE_TAG ?= $(shell git rev-parse HEAD 2>/dev/null || echo latest)

infrastructure: package
	@$(BIN)/python -m etl infrastructure --env $(ENV)
	@$(TERRAFORM) init -input=false -reconfigure -backend-config=$(DEPLOYMENT).backend.hcl >/dev/null

plan: infrastructure ## Show what apply would change (ENV=dev); terraform/README.md
	@$(TERRAFORM) plan -input=false -var deployment_file=$(DEPLOYMENT).json -out=$(DEPLOYMENT).tfplan $(ARGS)

plan-code: $(VENV)/run.stamp ## Show what the code makes of an empty account, without one (ENV=dev)
	@$(BIN)/python -m tools.plan_code --env $(ENV)

apply: $(if $(PLAN),,infrastructure) ## Make the environment so, asking first; or as a PLAN= of this checkout says (ENV=dev)
	@$(TERRAFORM) apply $(ARGS) $(if $(PLAN),$(abspath $(PLAN)),-var deployment_file=$(DEPLOYMENT).json)
	@$(TERRAFORM) output -json worker > $(DEPLOYMENT).worker.json
	@$(BIN)/python -m etl publish-contracts --env $(ENV)

outputs: ## Print what apply has made: URLs, ARNs, empty secrets (ENV=dev; ARGS="-raw ingest_url")
	@test -f $(DEPLOYMENT)/terraform.tfstate || { echo "this checkout has not seen $(ENV)'s state: make plan ENV=$(ENV)"; exit 1; }
	@$(TERRAFORM) output $(ARGS)

# A tag is never given twice; and Fargate's processors are amd64 unless it is told otherwise.
images: infrastructure ## Build and push what ECS runs, if anything does (ENV=dev); docs/deployments.md
	@repository=$$($(TERRAFORM) output -raw image_repository 2>/dev/null); \
	test -n "$$repository" || { echo "$(ENV) has no repository of images: it runs no flows on ECS, or make apply makes it"; exit 0; }; \
	for target in flows worker; do \
		tag=$(ETL_INFRASTRUCTURE__IMAGE_TAG)$$(test $$target = flows || echo -$$target); \
		if docker manifest inspect "$$repository:$$tag" >/dev/null 2>&1; then echo "$$tag is there"; continue; fi; \
		docker build --platform linux/amd64 --target $$target --tag "$$repository:$$tag" . && \
		docker push "$$repository:$$tag" || exit 1; \
	done

share-warehouse: $(VENV)/run.stamp ## Let the parts use each other's tables: once, after the first apply (ENV=dev)
	@$(BIN)/python -m etl share-warehouse --env $(ENV)

destroy: infrastructure ## Take the environment away, asking first (ENV=dev)
	@$(TERRAFORM) destroy $(ARGS) -var deployment_file=$(DEPLOYMENT).json

lock: $(VENV)/dev.stamp ## Write the locked requirements from pyproject.toml
	@$(LOCK) pyproject.toml --extra local --output-file requirements.txt
	@$(LOCK) pyproject.toml --constraints requirements.txt --output-file requirements-deploy.txt
	@$(LOCK) pyproject.toml --constraints requirements.txt --extra local --extra dev --output-file requirements-dev.txt
	@$(LOCK) --group scan --output-file requirements-scan.txt
	@$(LOCK) --group bench --output-file requirements-bench.txt
	@$(LOCK) --group worker --constraints <(grep -o '^prefect==[^ ]*' requirements-deploy.txt) \
		--output-file requirements-worker.txt

clean: ## Remove what was built and installed; the embedded cloud's data too
	rm -rf $(VENV) $(SCAN_VENV) $(BENCH_VENV) build .local-cloud .mypy_cache .pytest_cache

# --no-deps: the files are complete, and pip takes extras of a newer release for unpinned ones.
$(VENV)/run.stamp: requirements.txt | $(VENV)/bin/python
	@echo "installing into $(VENV) (about a minute, once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@

$(VENV)/dev.stamp: requirements-dev.txt | $(VENV)/bin/python
	@echo "installing into $(VENV), with what tests need (about a minute, once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@ $(VENV)/run.stamp

# Of its own: checkov's pins and ours exclude each other.
$(SCAN_VENV)/stamp: requirements-scan.txt | $(VENV)/bin/python
	@echo "installing the policy scanner into $(SCAN_VENV) (about a minute, once)"
	@$(BIN)/python -m venv --clear $(SCAN_VENV)
	@$(SCAN_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@

# Of its own: what dlt's S3 needs excludes our boto3.
$(BENCH_VENV)/stamp: requirements-bench.txt | $(VENV)/bin/python
	@echo "installing what ours is measured beside into $(BENCH_VENV) (about a minute, once)"
	@$(BIN)/python -m venv --clear $(BENCH_VENV)
	@$(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || \
		{ echo "Python 3.11 is needed; name it: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@echo "$(CURDIR)/src" > $(VENV)/lib/python3.11/site-packages/prefect-aws-etl.pth
