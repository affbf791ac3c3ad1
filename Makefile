# One vocabulary of tasks; CI calls only `make test`. Each target does its own set-up on a fresh machine.

PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
LOCKS  := requirements/torch.txt requirements/bootstrap.txt requirements/lock-dev.txt pyproject.toml
PRESET ?=

export PATH := $(CURDIR)/$(BIN):$(PATH)
export HF_HUB_OFFLINE := 1
export DO_NOT_TRACK := 1

.DEFAULT_GOAL := help
.PHONY: help setup run stop test lint format unit bench lock azure docs clean

help: ## list the tasks
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

setup: $(STAMP) ## build .venv from the hash-checked lock

# torch first and alone (two builds, two hashes), then everything else by hash, then this project without dependencies.
$(STAMP): $(LOCKS)
	@echo "building $(VENV) (about two minutes the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -c 'import torch' 2>/dev/null || $(BIN)/python -m pip install --quiet --requirement requirements/torch.txt
	@$(BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement requirements/bootstrap.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes --requirement requirements/lock-dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

run: setup ## from rows, through the gate, to a served answer; a second run reuses what has not changed
	@homologate up --demo --server-only >/dev/null
	@homologate as demo-author -- mlflow run . --entry-point main --env-manager local \
	    --experiment-name components $(if $(PRESET),-P preset=$(PRESET))
	@homologate demo
	@homologate up

stop: setup ## stop the servers `make run` started
	@homologate down

test: setup lint unit ## everything CI runs

lint: setup ## style, types, spelling, secrets
	@ruff check .
	@ruff format --check .
	@mypy
	@codespell
	@hadolint --failure-threshold warning --ignore DL3059 docker/*.Dockerfile serve/edge/templates/Dockerfile
	@git ls-files -z | xargs -0 detect-secrets-hook --exclude-files '^requirements/.*\.txt$$'
	@git log -p --no-color --no-ext-diff --format= --unified=0 -- . ':!requirements/*.txt' ':!.secrets-known' \
	    | sed -n 's/^+\([^+]\)/\1/p' >$(VENV)/added-lines.txt
	@detect-secrets-hook --exclude-lines "$$(paste -sd'|' .secrets-known)" $(VENV)/added-lines.txt || { \
	    echo "the history holds what looks like a credential: revoke it; an invented one goes into .secrets-known"; exit 1; }

format: setup ## rewrite the style faults that can be
	@ruff check --fix .
	@ruff format .

unit: setup ## the tests alone
	@requirements/parts
	@python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

bench: setup ## every benchmark; the table stands in docs/performance.md
	@python benchmarks/run.py

azure: setup ## build .venv-azure, the environment with Azure ML's SDK
	@$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python .venv-azure
	@$(BIN)/uv pip install --quiet --python .venv-azure/bin/python --no-deps --require-hashes --requirement requirements/azure-ml.txt
	@echo "built .venv-azure; next: homologate deploy azure --help"

docs: setup ## write docs/reference.md from the code
	@python docs/generate.py

lock: setup ## resolve requirements/*.in again
	@requirements/compile

clean: ## remove what was built and what was run
	@rm -rf $(VENV) .homologate .pytest_cache .mypy_cache .ruff_cache
