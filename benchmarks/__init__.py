"""Benchmarks: ratios within one run, never absolute times in tests. `make bench` runs the short version."""
