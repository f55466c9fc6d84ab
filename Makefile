# Needs `make` and a `python3` of 3.11 or newer; everything else is fetched, once.
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
DRAWN := $(if $(SEED),--hypothesis-seed=$(SEED))

.PHONY: help setup up down call check lint test chaos bench load soak vendor voices environment

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

setup: environment ## get everything that is missing: uv, dependencies, servers
	@$(PYTHON) -m stack fetch

up: environment ## start the whole system on this machine; Ctrl-C stops it
	@exec $(PYTHON) -m stack up

down: environment ## stop a system that was started from this checkout
	@$(PYTHON) -m stack down

call: environment ## hold a scripted call with the running system and print it
	@$(PYTHON) -m lab.caller

check: lint ## linters, types and the fast tests; SEED=
	@$(PYTHON) -m pytest -m "not slow" $(DRAWN)

lint: environment ## linters, types and the import table alone
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy
	@imports=$$(.venv/bin/lint-imports --no-logo 2>&1) || { echo "$$imports"; exit 1; }

test: setup lint ## everything: linters, types, all tests on real servers; SEED=
	@$(PYTHON) -m pytest $(DRAWN)

chaos: environment ## inject every kind of fault into calls; SEED= ROUNDS= BESIDE= KINDS= REPORT=
	@$(PYTHON) -m lab.chaos $(if $(SEED),--seed $(SEED)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(BESIDE),--beside $(BESIDE)) \
		$(if $(KINDS),--kinds $(KINDS)) $(if $(REPORT),--report $(REPORT))

bench: environment ## measure this system beside bare Temporal; prints a table
	@$(PYTHON) -m lab.benchmarks

load: environment ## offer more calls than the machine carries; PROVIDERS= CAPACITY= REPORT=
	@$(PYTHON) -m lab.load $(if $(PROVIDERS),--providers $(PROVIDERS)) $(if $(CAPACITY),--capacity $(CAPACITY)) \
		$(if $(REPORT),--report $(REPORT))

soak: environment ## run many short sessions while workers and APIs are killed, then count; SEED=
	@$(PYTHON) -m lab.soak $(if $(SEED),--seed $(SEED))

vendor: environment ## fetch the playground's library anew from npm, into the repository
	@$(PYTHON) scripts/vendor.py

voices: environment ## record the playground's samples of the six voices anew
	@$(PYTHON) scripts/record_voices.py

environment:
	@python3 scripts/bootstrap.py
