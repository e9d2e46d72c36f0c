# Shorthands only: every recipe is a command that README or CONTRIBUTING gives as well.
.PHONY: check demo run samples bench

check: ## all tests, types, style and floors
	python3 tests/check.py

demo: ## the sample traces, from a temporary database
	python3 -m venv .venv && .venv/bin/pip install --quiet . && .venv/bin/tracefall demo

run: ## serve on ./tracefall.duckdb
	python3 -m venv .venv && .venv/bin/pip install --quiet . && .venv/bin/tracefall serve

samples: ## record sample_traces/ anew
	.venv-test/bin/python -m venv .venv-samples
	.venv-samples/bin/pip install --upgrade 'pip>=25.1'
	.venv-samples/bin/pip install --group samples
	.venv-samples/bin/python sample_traces/programs/record.py

bench: ## ingest of a million spans
	.venv-test/bin/python -m bench.ingest
