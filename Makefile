PYTHON ?= python3
PEOPLE ?= 2000
DAYS ?= 120
SEED ?= 7
N ?= 16
HISTORIES ?= 5
export PYTHON

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint bench bench-increment bench-ingest bench-identity bench-matching chaos kafka dictionary clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup:  ## create .venv from uv.lock and fetch the JARs (demo and test run it themselves)
	@bin/setup

demo: setup  ## generate a small world, run the whole pipeline on it, print a summary, write a report
	@./spark-submit.sh jobs/demo.py --env local --people $(PEOPLE) --days $(DAYS) --seed $(SEED)

test: setup lint  ## lint, types, layers, then all tests
	@.venv/bin/python -m pytest

lint: setup  ## style, types and the layer contract
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

bench: setup  ## the pipeline at 1x, 4x and 16x the people: time and peak memory per stage
	@.venv/bin/python tests/benchmarks/bench_pipeline.py

bench-increment: setup  ## the pipeline on 50,000 people x 90 days, then on 1 % more events: time and memory
	@.venv/bin/python tests/benchmarks/bench_increment.py

bench-ingest: setup  ## ingestion compared with a plain copy of the same topic: throughput, validation
	@.venv/bin/python tests/benchmarks/bench_ingest.py

bench-matching: setup  ## fuzzy matching: compared pairs per second and core
	@.venv/bin/python tests/benchmarks/bench_matching.py

bench-identity: setup  ## identity resolution compared with distinct() on the same edges; new events; an unlink
	@.venv/bin/python tests/benchmarks/bench_identity.py --whole

chaos: setup  ## kill the jobs N times (N=16); HISTORIES=5 random histories must equal a lake built at once
	@.venv/bin/python tests/chaos/chaos.py --kills $(N) --seed $(SEED)
	@.venv/bin/python tests/chaos/histories.py --histories $(HISTORIES) --seed $(SEED)

kafka:  ## run a Kafka broker at 127.0.0.1:9092 for trying streams, until Ctrl-C
	@bin/kafka

dictionary: setup  ## write docs/data-dictionary.md from the table declarations
	@.venv/bin/python -m kinfold.tables.dictionary docs/data-dictionary.md

clean:  ## remove the world and the lake of `make demo`; all other lakes stay
	@bin/clean
