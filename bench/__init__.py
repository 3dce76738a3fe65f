"""Benchmarks: what orchestrating costs. `python -m bench.run` runs them; bench/README.md holds the last results."""
