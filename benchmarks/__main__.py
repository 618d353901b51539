"""Runs every benchmark and writes benchmarks/RESULTS.md: ``python -m benchmarks``."""

from __future__ import annotations

import subprocess
import sys

BENCHMARKS = (
    "sweep_cost",
    "sweep_with_view",
    "view_cost",
    "view_latency",
    "view_watched",
    "view_memory",
    "discovery_speed",
    "regret",
    "without_finder",
    "curvature",
    "regret.adaptive_sweeps",
    "fine_tuning",
    "fine_tuning_classic",
)


def main() -> None:
    """Each in a process of its own, so that none warms up another's caches."""
    for name in BENCHMARKS:
        print(f"== {name}", flush=True)
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=True)


if __name__ == "__main__":
    main()
