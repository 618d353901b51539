"""Measurements; `python -m benchmarks` writes benchmarks/RESULTS.md."""
