"""Write the section *adaptive* of ``benchmarks/RESULTS.md``: ``python -m benchmarks.regret.adaptive_sweeps``.

Sweeps that choose their own rates against plain ones, both made by `range_test` from the same states with the same
batches, judged by the stored trainings. Takes some eight minutes of processor time.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.stats import wilcoxon

from benchmarks.regret.classic import ClassicWorkbench, classic_tasks
from benchmarks.regret.ground_truth import Workbench
from benchmarks.regret.many_trainings import loss_of
from benchmarks.regret.store import TaskData, nine_tasks, own_tasks
from benchmarks.regret.tasks import all_tasks
from benchmarks.results_page import table as markdown
from benchmarks.results_page import write_section
from lr_magic import TrainingSetup, range_test

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lr_magic.pure.results.range_test_result import RangeTestResult

    AnyWorkbench = Workbench | ClassicWorkbench

NUM_SEEDS = 3
PLAIN = "100 steps, 1e-7 to 10"
SWEEPS: dict[str, dict[str, int]] = {PLAIN: {"num_steps": 100}, "50 steps": {"num_steps": 50}, "**adaptive**": {}}
LENGTHS = (0.25, 1.0)


class Batches:
    """Goes through a task's training data in the order of a generator, whole batches only."""

    def __init__(self, bench: AnyWorkbench, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self._data, self._size = bench.data, bench.task.batch_size

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        order = torch.randperm(len(self._data.train_x), generator=self.generator)
        for index in order.split(self._size):
            if len(index) == self._size:
                yield self._data.train_x[index], self._data.train_y[index]


@dataclass(frozen=True)
class Swept:
    """One sweep of a task: what it says at each length, and what it cost."""

    lrs: dict[float, float | None]
    num_batches: int


Sweeps = dict[str, dict[str, list[Swept]]]
"""By kind of sweep, by name of the task."""


def setup_of(bench: AnyWorkbench, seed: int) -> TrainingSetup:
    """A task from the state and with the batches of a seed."""
    task = bench.task
    model = bench.model
    model.load_state_dict(bench.starts[seed], strict=False)  # a start holds no buffers
    momentum = 0.9 if task.optimizer == "sgdm" else 0.0
    optimizer: torch.optim.Optimizer = (
        torch.optim.AdamW(model.parameters(), weight_decay=task.weight_decay)
        if task.is_adam
        else torch.optim.SGD(model.parameters(), lr=1e-3, momentum=momentum, weight_decay=task.weight_decay)
    )
    return TrainingSetup.supervised(model, optimizer, Batches(bench, seed), loss_of)


def swept(bench: AnyWorkbench, seed: int, options: dict[str, int], num_steps: int) -> Swept:
    """Sweep a task once."""
    records: list[object] = []
    result: RangeTestResult = range_test(setup_of(bench, seed), on_step=records.append, **options)
    lrs = {length: result.suggestion_for(round(length * num_steps)) for length in LENGTHS}
    return Swept(lrs, len(records))


def measure(workbenches: dict[str, Callable[[], AnyWorkbench]], known: list[TaskData]) -> Sweeps:
    """All sweeps of all tasks; a workbench is made when its task's turn has come."""
    found: Sweeps = {name: {} for name in SWEEPS}
    for data in known:
        bench = workbenches[data.name]()
        for name, options in SWEEPS.items():
            found[name][data.name] = [swept(bench, seed, options, data.steps) for seed in range(NUM_SEEDS)]
    return found


def regrets(sweeps: dict[str, list[Swept]], known: list[TaskData], length: float) -> np.ndarray:
    """Mean regret of each task over the sweeps that gave an answer, (tasks,); NaN where none did."""
    rows = [[lr for each in sweeps[task.name] if (lr := each.lrs[length]) is not None] for task in known]
    return np.array(
        [np.mean([task.truths[length].regret(lr) for lr in row]) if row else np.nan
         for task, row in zip(known, rows, strict=True)]
    )  # fmt: skip


def rows_of(found: Sweeps, known: list[TaskData]) -> list[list[str]]:
    """One row per kind of sweep."""
    plain = regrets(found[PLAIN], known, 1.0)
    rows = []
    for name, sweeps in found.items():
        values, short = regrets(sweeps, known, 1.0), regrets(sweeps, known, 0.25)
        flat = [each for task in known for each in sweeps[task.name]]
        both = np.isfinite(values) & np.isfinite(plain)
        p = "" if name == PLAIN else f"{wilcoxon(values[both] - plain[both]).pvalue:.1g}"
        unanswered = sum(each.lrs[1.0] is None for each in flat)
        mean, most = np.mean([each.num_batches for each in flat]), max(each.num_batches for each in flat)
        rows.append(
            [name, f"{mean:.0f} ({most})", f"{np.nanmean(values):.3f}", f"{np.nanmedian(values):.3f}",
             f"{np.nanmax(values):.2f}", f"{np.nanmean(short):.3f}", f"{unanswered} of {len(flat)}", p]
        )  # fmt: skip
    return rows


def workbenches_by_name() -> dict[str, Callable[[], AnyWorkbench]]:
    """Makers of the workbenches of all tasks, the generated and the classic ones."""
    generated = {task.name: partial(Workbench, task) for task in all_tasks()}
    classic = {classic.task.name: partial(ClassicWorkbench, classic) for classic in classic_tasks()}
    return generated | classic


def main() -> None:
    torch.set_flush_denormal(True)
    torch.set_num_threads(1)
    starts = {task.name: task.start for task in all_tasks()}
    generated = [task for task in own_tasks() if starts[task.name] != "part_trained"]
    held_out, tuned = ([t for t in generated if int(t.name.split("-")[1]) % 2 == odd] for odd in (1, 0))
    groups = {
        "classic tasks, none tuned on": nine_tasks(),
        "generated tasks, none tuned on": held_out,
        "generated tasks that the constants of the rule were tuned on": tuned,
    }
    found = measure(workbenches_by_name(), [task for group in groups.values() for task in group])
    header = ["sweep", "batches (most)", "mean regret", "median", "worst task", "at a quarter of the length",
              "no answer", "p (paired, vs 100 steps)"]  # fmt: skip
    introduction = (
        "Sweeps by `range_test`, three seeds per task, each ended where it blows up; the same states and batches. "
        "`python -m benchmarks.regret.adaptive_sweeps`."
    )
    parts = ["## Fewer batches", "", introduction, ""]
    for words, group in groups.items():
        parts += [f"### {len(group)} {words}", "", markdown(header, rows_of(found, group)), ""]
    text = "\n".join(parts)
    write_section("adaptive", text)
    print(text)


if __name__ == "__main__":
    main()
