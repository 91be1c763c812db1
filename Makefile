# The commands of the project. `make help` lists them.
PYTHON ?= python3
VENV   ?= .venv
# Tests of the operator mostly wait for it: more of them at once than cores.
TESTS_AT_ONCE ?= 8
BIN    := $(VENV)/bin
PY     := $(BIN)/python
export PYTHONPATH := $(CURDIR)/operator:$(CURDIR)/tools
export PYTHONDONTWRITEBYTECODE := 1

.DEFAULT_GOAL := help
.PHONY: help venv lock crds docs manifests lint format drift test demo bench-judge bench-guard bench-faults bench-hostile bench-scale cluster clean

help: ## what can be made here
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

venv: $(VENV)/.installed ## the virtual environment, exactly as locked

$(VENV)/.installed: requirements-dev.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

lock: venv ## renew the lock files (hashes, no addresses)
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header pyproject.toml --group dev -o requirements-dev.lock

crds: venv ## generate crds/ from the models
	$(PY) -m pecr_rollout.api.crd > crds/controllerrollouts.pecr.dev.yaml

docs: venv ## generate the tables of docs/contract.md and docs/reference.md
	$(PY) -m pecr_rollout.cli.docs

manifests: venv ## generate the chart's files and manifests/ (builds helm once)
	$(PY) -m pecr_packaging

format: venv ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: venv ## style, imports and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

drift: crds docs manifests ## fail when something generated is not what its source says
	git diff --exit-code -- crds docs charts manifests

cluster: venv ## build the local cluster's programs (about 15 minutes once, then cached)
	$(PY) -m localcluster build

test: cluster ## every test, on a local cluster with a real API server
	$(PY) -m localcluster run -- $(BIN)/pytest --numprocesses=$(TESTS_AT_ONCE) --dist=loadgroup

bench-judge: venv ## how often the judge is wrong: 4,000 simulated runs a case; renews docs/
	$(PY) -m benchmarks.judge --runs 4000 --write

bench-guard: venv ## the guard's cold start against bare Python
	$(PY) benchmarks/guard/cold_start.py

bench-hostile: cluster ## 2,000 hostile resources against the API server, 200 beside a good rollout
	PECR_HOSTILE=2000 $(PY) -m localcluster run -- $(BIN)/pytest -m cluster tests/hostile tests/integration/test_hostile.py

bench-faults: cluster ## whole runs while everything around the operator fails: an hour; renews docs/
	PYTHONPATH=$(PYTHONPATH):$(CURDIR)/tests $(PY) -m benchmarks.faults --write

bench-scale: cluster ## what 50 to 2,000 rollouts cost (`N="50 200"` for some sizes); renews docs/
	$(PY) -m benchmarks.scale $(foreach n,$(N),-n $(n)) --write

demo: cluster ## the whole story, live, in under four minutes
	$(PY) -m pecr_demo

clean: ## remove what was built here (not the cache of the local cluster)
	rm -rf build dist $(VENV)
