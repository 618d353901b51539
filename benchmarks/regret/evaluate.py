"""The regret tables, the paired tests, and how far the answers scatter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import wilcoxon

from benchmarks.regret.suggesters import curve_of, suggesters
from lr_magic.pure.curve_reading.resampling import interval_around
from lr_magic.pure.curve_reading.suggestion import DEFAULT_RULE, RULES

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.regret.store import Sweep, TaskData
    from benchmarks.regret.suggesters import Suggester
    from lr_magic.pure.curve_reading.optimizer_kind import OptimizerKind

NUM_SWEEPS = 6
OURS = "**lr_magic `bottom`** (default)"


def answers(tasks: list[TaskData], suggester: Suggester, length: float) -> list[list[float | None]]:
    """Return each task's answers from each of its sweeps alone."""
    return [[suggester(task, i, length) for i in range(min(NUM_SWEEPS, len(task.sweeps)))] for task in tasks]


def regrets(tasks: list[TaskData], given: list[list[float | None]], length: float) -> np.ndarray:
    """Mean regret of each task over the sweeps that gave an answer, (tasks,); NaN where none did."""
    rows = [
        [task.truths[length].regret(lr) for lr in lrs if lr is not None] or [np.nan]
        for task, lrs in zip(tasks, given, strict=True)
    ]
    return np.array([np.mean(row) for row in rows])


def table(tasks: list[TaskData], length: float) -> list[str]:
    """One row per suggester, best first, with a paired test against ours."""
    tasks = [task for task in tasks if length in task.truths]
    found = suggesters(has_peers=bool(tasks[0].peers) and length == 1.0)
    given = {name: answers(tasks, suggester, length) for name, suggester in found.items()}
    by_task = {name: regrets(tasks, lrs, length) for name, lrs in given.items()}
    order = sorted(by_task, key=lambda name: float(np.nanmean(by_task[name])))
    rows = [_row(name, tasks, given[name], by_task, length) for name in order]
    head = (
        "| suggester | mean regret | median | worst task | within 10 % or 2 sd | no answer | p (paired, vs default) |"
    )
    return [head, "|---|---|---|---|---|---|---|", *rows]


def _row(
    name: str, tasks: list[TaskData], lrs: list[list[float | None]], by_task: dict[str, np.ndarray], length: float
) -> str:
    flat = [(task, lr) for task, row in zip(tasks, lrs, strict=True) for lr in row]
    answered = [(task, lr) for task, lr in flat if lr is not None]
    is_close = np.mean([task.truths[length].is_close(lr) for task, lr in answered])
    missing = 1 - len(answered) / len(flat)
    values = by_task[name]
    return (
        f"| {name} | {np.nanmean(values):.3f} | {np.nanmedian(values):.3f} | {np.nanmax(values):.2f} "
        f"| {is_close:.0%} | {missing:.1%} | {_p_value(by_task[OURS], values) if name != OURS else ''} |"
    )


def _p_value(ours: np.ndarray, theirs: np.ndarray) -> str:
    both = np.isfinite(ours) & np.isfinite(theirs)
    differences = theirs[both] - ours[both]
    if not differences.any():
        return "1"
    p = float(wilcoxon(differences).pvalue)
    return f"{p:.1g}" if p < 0.1 else f"{p:.2f}"


SEEDS = "six sweeps that differ in the seed"
STEPS = "50, 100, 200 and 500 steps, two seeds each"
RANGES = "ranges a decade wider or narrower at either end, two seeds each"


def spreads(tasks: list[TaskData]) -> list[str]:
    """One row per way in which sweeps of the same task differ."""
    rows = ["| sweeps | median ratio | 90 % of tasks below | tasks within a factor of 2 |", "|---|---|---|---|"]
    for name, ratios in spread_ratios(tasks).items():
        rows.append(
            f"| {name} | {np.median(ratios):.1f} | {np.quantile(ratios, 0.9):.1f} | {(ratios <= 2).mean():.0%} |"
        )
    return rows


def spread_ratios(tasks: list[TaskData]) -> dict[str, np.ndarray]:
    """How many times the largest answer is the smallest, by task: over seeds alone, over settings alone, over both."""
    kinds: dict[str, Callable[[TaskData], list[list[Sweep]]]] = {
        SEEDS: lambda task: [[sweep] for sweep in task.sweeps],
        STEPS: lambda task: _singly(_settings(task, *_NUM_STEPS)),
        "those of one seed": lambda task: [sweeps[:1] for sweeps in _settings(task, *_NUM_STEPS)],
        "those, averaged over the seeds (geometric mean)": lambda task: _settings(task, *_NUM_STEPS),
        RANGES: lambda task: _singly(_settings(task, *_RANGES)),
        "those ranges, averaged over the seeds": lambda task: _settings(task, *_RANGES),
    }
    by_kind = {
        name: np.array([_ratio(choose(task), task.kind) for task in tasks if task.other_sweeps])
        for name, choose in kinds.items()
    }
    return {name: ratios[np.isfinite(ratios)] for name, ratios in by_kind.items()}


# Numbers of `OTHER_SWEEPS`; two seeds of each, and two of the usual sweep beside them.
_RANGES, _NUM_STEPS = (0, 1, 2, 3), (4, 5, 6)


def _settings(task: TaskData, *numbers: int) -> list[list[Sweep]]:
    """Sweeps by setting."""
    return [task.sweeps[:2], *(task.other_sweeps[number] for number in numbers)]


def _singly(settings: list[list[Sweep]]) -> list[list[Sweep]]:
    return [[sweep] for sweeps in settings for sweep in sweeps]


def _ratio(groups: list[list[Sweep]], kind: OptimizerKind) -> float:
    """Largest over smallest answer, each the geometric mean over a group of sweeps; NaN with fewer than two."""
    found = []
    for sweeps in groups:
        curves = [curve for curve in map(curve_of, sweeps) if curve is not None]
        if curves:
            found.append(np.mean([np.log10(RULES[DEFAULT_RULE](curve, None, kind)) for curve in curves]))
    return float(10 ** np.ptp(found)) if len(found) > 1 else np.nan


def interval_quality(tasks: list[TaskData]) -> str:
    """How often the interval holds a rate that is as good as the best, and how wide it is."""
    covered, widths = [], []
    for task in tasks:
        for sweep in task.sweeps[:NUM_SWEEPS]:
            curve = curve_of(sweep)
            if curve is None:
                continue
            low, high = interval_around(RULES[DEFAULT_RULE](curve, task.steps, task.kind), curve)
            inside = np.geomspace(low, high, 15)
            covered.append(any(task.truths[1.0].is_close(lr) for lr in inside))
            widths.append(high / low)
    return (
        f"The interval holds a rate within 10 % or 2 sd of the best in {np.mean(covered):.0%} of the sweeps; its ends "
        f"are {np.median(widths):.1f} times apart (median)."
    )
