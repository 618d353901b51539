"""Where the curvature says that steps overshoot, against where the sweep really rises and which rate is best.

Run as ``python -m benchmarks.curvature [NUM_TASKS]``; writes the section *curvature* of RESULTS.md.
"""

from __future__ import annotations

import sys

import numpy as np
import torch

from benchmarks.fine_tuning import Bench
from benchmarks.regret.__main__ import is_trained_already
from benchmarks.regret.ground_truth import Workbench
from benchmarks.regret.store import TaskData, own_tasks
from benchmarks.regret.suggesters import curve_of
from benchmarks.regret.tasks import Task, all_tasks
from benchmarks.results_page import machine, table, write_section
from lr_magic.training.probing.sharpness import measure_sharpness

_LOST_AGAIN = 0.1  # a sweep has risen where this share of its fall is lost again


def ratios_of(task: Task, known: TaskData) -> tuple[float, float] | None:
    """Rate at which the sweep rises, and best rate of a training, over the limit; None where there is no such rate."""
    limit = measure_sharpness(Bench(task, Workbench(task)).setup(seed=0)).limit_lr
    curve = curve_of(known.sweeps[0])
    rise = None if curve is None else curve.risen_at(_LOST_AGAIN)
    if limit is None or rise is None:
        return None
    truth = known.truths[1.0]
    return 10**rise / limit, float(truth.grid[truth.best]) / limit


def main(num_tasks: int | None) -> None:
    torch.set_flush_denormal(True)
    torch.set_num_threads(1)
    known = {task.name: task for task in own_tasks() if not is_trained_already(task)}
    found: dict[str, list[tuple[float, float]]] = {"SGD": [], "SGD with momentum": [], "Adam, AdamW": []}
    names = {"sgd": "SGD", "momentum": "SGD with momentum", "adam": "Adam, AdamW"}
    # The kinds take turns in this list, so that its beginning is a fair sample.
    for task in [task for task in all_tasks() if task.name in known][:num_tasks]:
        ratios = ratios_of(task, known[task.name])
        print(task.name, task.optimizer, ratios, flush=True)
        if ratios is not None:
            found[names[known[task.name].kind.value]].append(ratios)
    write_section("curvature", section(found))


def section(found: dict[str, list[tuple[float, float]]]) -> str:
    rows = [[name, str(len(ratios)), *(_spread(column) for column in np.array(ratios).T)]
            for name, ratios in found.items() if ratios]  # fmt: skip
    head = ["optimizer", "tasks", "rate at which the sweep rises / limit", "best rate of a training / limit"]
    return (
        "## Curvature\n\n"
        "The stability limit at the start (four batches, twelve products each) against one sweep and against the best "
        f"rate of the stored trainings, on generated tasks. A sweep rises where {_LOST_AGAIN:.0%} of its fall is lost "
        "again. Median (10 % to 90 % of the tasks).\n\n"
        f"{table(head, rows)}\n\n{machine()}; `python -m benchmarks.curvature`."
    )


def _spread(ratios: np.ndarray) -> str:
    low, middle, high = np.quantile(ratios, [0.1, 0.5, 0.9])
    return f"{middle:.2g} ({low:.2g} to {high:.2g})"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else None)
