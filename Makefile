# Everything that is done with a checkout. `make` alone lists it.

MAKEFLAGS += --no-print-directory
PY := .venv/bin/python
UV ?= uv
ARGS ?=

export HF_HUB_OFFLINE := 1
export TOKENIZERS_PARALLELISM := false
ifdef PYTHON
export PYTHON
endif

# The demo is for everyone: it has servers and a state folder of its own, whatever this shell is set up for.
DEMO := env -u DATABASE_URL -u DATABASE_URL_FILE -u REDIS_URL -u REDIS_URL_FILE SLUICEGATE_STATE_DIR=var/demo

.DEFAULT_GOAL := help
.PHONY: help demo demo-up up test check bench gate-report train-orders screenshots mutants chaos docs requirements clean run-packages dev-packages peers

help: ## list what can be done
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

demo: run-packages ## ingest the example corpus and tell its story
	@$(DEMO) $(PY) -m config.demo_store
	@$(DEMO) $(PY) manage.py demo

demo-up: run-packages ## run the console over what the demo taught, until Ctrl-C
	@$(DEMO) $(PY) manage.py up $(ARGS)

up: run-packages ## run the console, Flower, the workers and the dispatcher, until Ctrl-C
	@$(PY) manage.py up $(ARGS)

test: dev-packages peers ## run the tests; ARGS="-k word" picks some, ARGS="-n 0 --pdb" stops where one fails
	@$(PY) -m pytest -q -n 2 --dist loadfile $(ARGS)

check: dev-packages ## lint, format, types, and the direction of imports
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy .
	@.venv/bin/lint-imports

bench: dev-packages ## measure, side by side with the peers
	@$(PY) -m benchmarks $(ARGS)

gate-report: dev-packages ## measure what the gate catches of what is wrong, and blocks of what is not
	@$(PY) -m tests.gate

train-orders: dev-packages ## teach the gate anew what reads like an order to a model
	@$(PY) -m tests.gate.orders

screenshots: dev-packages peers ## take the pictures of docs/pictures again
	@$(PY) -m pytest -q tests/browser/pictures.py

mutants: dev-packages peers ## take each guard away and see a test die
	@$(PY) -m tests.mutants $(ARGS)

chaos: dev-packages ## every crash point, then minutes of random harm (ARGS="--minutes 10 --seed 7")
	@$(PY) -m pytest tests/chaos --long -q
	@$(PY) -m tests.chaos $(ARGS)

docs: dev-packages ## write the generated tables of docs/reference again
	@$(PY) docs/generate.py

requirements: ## compile requirements/*.in with uv
	@command -v $(UV) >/dev/null || { echo "make requirements needs uv: pip install uv" >&2; exit 1; }
	@cd requirements && for name in dev base embedded production traces; do \
		$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
			--custom-compile-command "make requirements" $$([ $$name = dev ] || echo -c dev.txt) \
			--output-file $$name.txt $$name.in || exit 1; \
	done

clean: ## delete the virtual environment, caches and the demo's state; what you ingested stays
	@if [ -d var/demo ]; then $(DEMO) $(PY) -m config.demo_store; fi
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

run-packages:
	@sh requirements/install.sh run

dev-packages:
	@sh requirements/install.sh dev

peers:
	@sh tests/peers/install.sh
