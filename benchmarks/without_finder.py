"""What people use instead of a finder: optimizers that are said to need no rate, on tasks that nothing was tuned on.

Run as ``python -m benchmarks.without_finder [NUM_TASKS]`` with the packages of ``benchmarks/peers.txt`` in
``build/peers``; writes the section *without_finder* of RESULTS.md.

- Prodigy (Mishchenko and Defazio 2023) at its rate of 1 with cosine annealing, as its authors advise,
- schedule-free AdamW (Defazio et al. 2024) at its default rate, 2.5e-3, with a tenth of the steps as warm-up,
- against one-cycle with the task's own optimizer at the suggestion, whose trainings are stored.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.stats import wilcoxon
from torch import nn

from benchmarks.fine_tuning import Bench
from benchmarks.regret.__main__ import is_trained_already, is_tuned_on
from benchmarks.regret.evaluate import answers, regrets
from benchmarks.regret.ground_truth import Workbench
from benchmarks.regret.store import own_tasks
from benchmarks.regret.suggesters import by_rule, comparison
from benchmarks.regret.tasks import Task, all_tasks
from benchmarks.results_page import machine, table, write_section

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.regret.store import TaskData
    from lr_magic.training.setup import TrainingSetup

sys.path.append(str(Path(__file__).parents[1] / "build" / "peers"))
_NUM_SEEDS = 2


def prodigy(setup: TrainingSetup, task: Task) -> None:
    """Train with Prodigy and cosine annealing."""
    from prodigyopt import Prodigy  # noqa: PLC0415 - a peer, not one of our dependencies

    optimizer = Prodigy(setup.model.parameters(), lr=1.0, weight_decay=task.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, task.steps)
    _train(setup, optimizer, task.steps, schedule.step)


def schedule_free(setup: TrainingSetup, task: Task) -> None:
    """Train with schedule-free AdamW; the weights are those of its average afterwards."""
    from schedulefree import AdamWScheduleFree  # noqa: PLC0415 - a peer, not one of our dependencies

    optimizer = AdamWScheduleFree(
        setup.model.parameters(), weight_decay=task.weight_decay, warmup_steps=task.steps // 10
    )
    optimizer.train()
    _train(setup, optimizer, task.steps)
    optimizer.eval()
    if any(isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)) for module in setup.model.modules()):
        with torch.no_grad():  # the statistics are those of other weights; its authors advise to make them anew
            for batch in setup.train_loader:
                setup.compute_loss(batch)


def _train(setup: TrainingSetup, optimizer: Any, num_steps: int, after_step: Callable[[], None] = lambda: None) -> None:
    setup.model.train()
    made = 0
    while made < num_steps:
        for batch in setup.train_loader:
            optimizer.zero_grad()
            setup.compute_loss(batch).loss.backward()
            optimizer.step()
            after_step()
            made += 1
            if made == num_steps:
                return


METHODS = {
    "Prodigy, rate 1, cosine annealing": prodigy,
    "schedule-free AdamW, its default rate": schedule_free,
}


def losses_of(task: Task) -> dict[str, list[float]]:
    """Validation losses of a task after each method, one per seed."""
    bench = Bench(task, Workbench(task))
    losses: dict[str, list[float]] = {}
    for seed in range(_NUM_SEEDS):
        for name, method in METHODS.items():
            torch.manual_seed(seed)
            setup = bench.setup(seed)
            method(setup, task)
            losses.setdefault(name, []).append(bench.valid_loss(setup.model))
    return losses


def main(num_tasks: int | None) -> None:
    torch.set_flush_denormal(True)
    torch.set_num_threads(1)
    known = {task.name: task for task in own_tasks() if not is_tuned_on(task) and not is_trained_already(task)}
    chosen = [task for task in all_tasks() if task.name in known][:num_tasks]
    found = []
    for task in chosen:
        found.append(losses_of(task))
        print(task.name, task.optimizer, {name: np.mean(losses) for name, losses in found[-1].items()}, flush=True)
    write_section("without_finder", section([known[task.name] for task in chosen], found))


def section(tasks: list[TaskData], found: list[dict[str, list[float]]]) -> str:
    ours = {"**`bottom`** (default)": by_rule("bottom"), "**comparison** around it": comparison(by_rule("bottom"))}
    by_task = {name: regrets(tasks, answers(tasks, rule, 1.0), 1.0) for name, rule in ours.items()}
    for name in METHODS:
        rows = [[task.truths[1.0].regret_of_loss(loss) for loss in losses[name]]
                for task, losses in zip(tasks, found, strict=True)]  # fmt: skip
        by_task[name] = np.array(rows).mean(1)
    default = next(iter(by_task.values()))
    rows = [[name, f"{np.nanmean(each):.3f}", f"{np.nanmedian(each):.3f}", f"{np.nanmax(each):.2f}",
             _p_value(each - default)] for name, each in by_task.items()]  # fmt: skip
    return (
        "## Instead of a finder\n\n"
        f"Optimizers that are said to need no rate, {_NUM_SEEDS} trainings each from the same starts, on "
        f"{len(tasks)} of the generated tasks that nothing was tuned on; regret as above, so against the best rate of "
        "one-cycle with the task's own optimizer (0 where they end lower). They replace that optimizer, also where it "
        "is SGD. *p* is a Wilcoxon test over the tasks against the default rule.\n\n"
        f"{table(['training', 'mean regret', 'median', 'worst task', 'p'], rows)}\n\n"
        f"{machine()}; prodigyopt 1.1.2, schedulefree 1.4.1; `python -m benchmarks.without_finder`."
    )


def _p_value(differences: np.ndarray) -> str:
    known = differences[np.isfinite(differences)]
    return f"{wilcoxon(known).pvalue:.1g}" if known.any() else ""


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else None)
