"""What the found rate is worth: one-cycle with it against the usual defaults, validation loss at equal steps.

Run as ``python -m benchmarks.fine_tuning [NUM_TASKS]``; writes the section *finetune* of RESULTS.md.

Three trainings of the same model from the same start over the same batches, each of the same number of steps:

- one-cycle at the rate that one range test suggests (`lr_magic`),
- fastai's ``fine_tune`` with its defaults, written out here: one epoch with all but the head frozen (batch norms
  learn) at slice(2e-3) with 99 % warm-up, then all layers at slice(1e-5, 1e-3) with div 5 and 30 % warm-up,
- torch's ``OneCycleLR`` at its usual max_lr 1e-3.
"""

from __future__ import annotations

import copy
import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.regret.ground_truth import Workbench
from benchmarks.regret.tasks import Task, all_tasks
from benchmarks.results_page import machine, table, write_section
from lr_magic.pure.cycle.peak_lrs import spread
from lr_magic.training.cycle.one_cycle import fit_one_cycle
from lr_magic.training.layers.layer_groups import find_layer_groups
from lr_magic.training.setup import TrainingSetup
from lr_magic.training.sweeping.range_test import range_test

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.regret.classic import ClassicWorkbench

_NUM_SEEDS = 2
_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
_OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": lambda p, decay: torch.optim.SGD(p, lr=1e-3, weight_decay=decay),
    "sgdm": lambda p, decay: torch.optim.SGD(p, lr=1e-3, momentum=0.9, weight_decay=decay),
    "adam": lambda p, decay: torch.optim.Adam(p, lr=1e-3, weight_decay=decay),
    "adamw": lambda p, decay: torch.optim.AdamW(p, lr=1e-3, weight_decay=decay),
}


@dataclass
class Bench:
    """A task as objects of a person's notebook, made anew for every training from the same start."""

    task: Task
    bench: Workbench | ClassicWorkbench

    def setup(self, seed: int, model: nn.Module | None = None) -> TrainingSetup:
        """Model at its start, optimizer, shuffled loader."""
        data, task = self.bench.data, self.task
        if model is None:
            model = copy.deepcopy(self.bench.model)
            model.load_state_dict(self.bench.starts[seed], strict=False)
        generator = torch.Generator().manual_seed(seed)
        train = TensorDataset(data.train_x, data.train_y)
        loader = DataLoader(train, task.batch_size, shuffle=True, drop_last=True, generator=generator)
        optimizer = _OPTIMIZERS[task.optimizer](model.parameters(), task.weight_decay)
        return TrainingSetup.supervised(model, optimizer, loader, self.loss)

    @property
    def loss(self) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
        """Cross-entropy for classes (also of each character), else the squared error."""
        if self.bench.data.train_y.dtype != torch.int64:
            return nn.functional.mse_loss
        return lambda out, y: nn.functional.cross_entropy(out.reshape(-1, out.shape[-1]), y.reshape(-1))

    def valid_loss(self, model: nn.Module) -> float:
        """Loss on the validation data; infinite for a model that was lost."""
        model.eval()
        with torch.no_grad():
            loss = self.loss(model(self.bench.data.valid_x), self.bench.data.valid_y).item()
        return loss if np.isfinite(loss) else float("inf")


def found_rate(bench: Bench, seed: int) -> float | None:
    """One-cycle at the suggestion of one range test; None where that gives none."""
    setup = bench.setup(seed)
    lr = suggestion(bench, setup)
    if lr is None:
        return None
    fit_one_cycle(setup, steps=bench.task.steps, max_lr=lr)
    return bench.valid_loss(setup.model)


def suggestion(bench: Bench, setup: TrainingSetup) -> float | None:
    """The rate that one range test gives for a training of the task's length."""
    found = range_test(setup)
    found.training_steps = bench.task.steps
    return found.lr


def torch_default(bench: Bench, seed: int) -> float:
    """Torch's schedule at 1e-3, the loop written by hand."""
    setup = bench.setup(seed)
    schedule = torch.optim.lr_scheduler.OneCycleLR(setup.optimizer, 1e-3, total_steps=bench.task.steps,
                                                   cycle_momentum=_has_momentum(setup))  # fmt: skip
    _train(setup, bench.task.steps, schedule)
    return bench.valid_loss(setup.model)


def fine_tune(bench: Bench, seed: int, base_lr: float = 2e-3) -> float:
    """``Learner.fine_tune`` of fastai 2.8 with its defaults: freeze_epochs=1, lr_mult=100, pct_start=0.3, div=5."""
    setup = bench.setup(seed)
    groups = find_layer_groups(setup.model)
    template = {key: value for key, value in setup.optimizer.param_groups[0].items() if key != "params"}
    setup.optimizer.param_groups[:] = [{**template, "params": list(group.parameters)} for group in groups]
    num_frozen = min(len(setup.train_loader), bench.task.steps // 2)
    norms = {id(p) for module in setup.model.modules() if isinstance(module, _BATCH_NORMS) for p in module.parameters()}
    body = [p for group in groups[:-1] for p in group.parameters if id(p) not in norms]
    for parameter in body:
        parameter.requires_grad_(False)
        parameter.grad = None
    head_peaks = [base_lr / 10] * (len(groups) - 1) + [base_lr]
    _train(setup, num_frozen, FastaiCycle(setup, head_peaks, num_frozen, pct_start=0.99, div=25))
    for parameter in body:
        parameter.requires_grad_(True)
    setup.optimizer.state.clear()  # as fastai's unfreeze does
    peaks, num_left = spread(base_lr / 2 / 100, base_lr / 2, len(groups)), bench.task.steps - num_frozen
    _train(setup, num_left, FastaiCycle(setup, peaks, num_left, pct_start=0.3, div=5))
    return bench.valid_loss(setup.model)


class FastaiCycle:
    """Rates and momenta of fastai's ``fit_one_cycle``: peak / div, peak, peak / 1e5; momenta 0.95, 0.85, 0.95.

    Sets those of the first step when made and those of the next one at each `step`, as torch's schedulers do.
    """

    def __init__(
        self, setup: TrainingSetup, peaks: list[float], num_steps: int, *, pct_start: float, div: float
    ) -> None:
        self.setup, self.peaks, self.num_steps, self.pct_start, self.div = setup, peaks, num_steps, pct_start, div
        self.made = -1
        self.step()

    def step(self) -> None:
        """Set the values of the next step."""
        self.made += 1
        part = self.made / self.num_steps
        for group, peak in zip(self.setup.optimizer.param_groups, self.peaks, strict=True):
            group["lr"] = self._between(part, peak / self.div, peak, peak / 1e5)
            momentum = self._between(part, 0.95, 0.85, 0.95)
            if "betas" in group:
                group["betas"] = (momentum, group["betas"][1])
            elif group.get("momentum"):
                group["momentum"] = momentum

    def _between(self, part: float, start: float, middle: float, end: float) -> float:
        """Cosine pieces, the first one over `pct_start` of the way."""
        if part < self.pct_start:
            return start + (1 - math.cos(math.pi * part / self.pct_start)) * (middle - start) / 2
        rest = (part - self.pct_start) / (1 - self.pct_start)
        return middle + (1 - math.cos(math.pi * rest)) * (end - middle) / 2


def _has_momentum(setup: TrainingSetup) -> bool:
    group = setup.optimizer.param_groups[0]
    return "betas" in group or group.get("momentum", 0) > 0


def _train(setup: TrainingSetup, num_steps: int, schedule: torch.optim.lr_scheduler.OneCycleLR | FastaiCycle) -> None:
    setup.model.train()
    made = 0
    while made < num_steps:
        for batch in setup.train_loader:
            if made == num_steps:
                return
            if made > 0:
                schedule.step()
            setup.optimizer.zero_grad()
            setup.compute_loss(batch).loss.backward()
            setup.optimizer.step()
            made += 1


METHODS = {
    "**one-cycle at the found rate**": found_rate,
    "fastai `fine_tune` defaults": fine_tune,
    "torch `OneCycleLR`, max_lr 1e-3": torch_default,
}


def losses_of(task: Task) -> dict[str, list[float]]:
    """Validation losses of a task: untrained, and after each method, one per seed."""
    bench = Bench(task, Workbench(task))
    losses: dict[str, list[float]] = {"untrained": []}
    for seed in range(_NUM_SEEDS):
        losses["untrained"].append(bench.valid_loss(bench.setup(seed).model))
        for name, method in METHODS.items():
            torch.manual_seed(seed)
            loss = method(bench, seed)
            losses.setdefault(name, []).append(losses["untrained"][-1] if loss is None else loss)
    return losses


def main(num_tasks: int) -> None:
    torch.set_flush_denormal(True)
    torch.set_num_threads(1)
    results = {}
    # The kinds take turns in this list, so that its beginning is a fair sample.
    for task in all_tasks()[:num_tasks]:
        results[task] = losses_of(task)
        means = {name: round(float(np.mean(found)), 4) for name, found in results[task].items()}
        print(task.name, task.start, task.optimizer, means, flush=True)
        if len(results) % 6 == 0 or len(results) == num_tasks:
            write_section("finetune", section(results))


def section(results: dict[Task, dict[str, list[float]]]) -> str:
    groups = {
        "all": list(results),
        "from a fresh model": [task for task in results if task.start == "fresh"],
        "from a pretrained one": [task for task in results if task.start != "fresh"],
        "Adam, AdamW": [task for task in results if task.is_adam],
        "SGD": [task for task in results if not task.is_adam],
    }
    text = (
        "## One-cycle at the found rate against the defaults\n\n"
        f"Validation loss at equal steps: the same model, start, batches and optimizer, {_NUM_SEEDS} seeds per task, "
        f"on the first {len(results)} of the generated tasks, whose kinds take turns. *Shortfall*: (loss - the lowest "
        "of the three) / (untrained loss - the lowest), clipped to 0..1, mean over the tasks. A range test without a "
        "suggestion counts as untrained. `fine_tune` is written out with torch, with fastai's schedule and the layer "
        "groups of lr_magic; every training uses the task's own optimizer, while fastai's default rate is meant for "
        "its Adam. The rule behind the suggestion was chosen on tasks of these kinds.\n\n"
    )
    for name, tasks in groups.items():
        if tasks:
            text += f"### {name} ({len(tasks)} tasks)\n\n{_table({t: results[t] for t in tasks})}\n\n"
    return text + f"{machine()}; `python -m benchmarks.fine_tuning`."


def _table(results: dict[Task, dict[str, list[float]]]) -> str:
    means = {task: {name: float(np.mean(losses)) for name, losses in found.items()} for task, found in results.items()}
    rows = []
    for name in METHODS:
        shortfalls, num_lowest = [], 0
        for found in means.values():
            lowest = min(found[method] for method in METHODS)
            span = found["untrained"] - lowest
            shortfalls.append(min(1.0, (found[name] - lowest) / span) if span > 0 else 0.0)
            num_lowest += found[name] == lowest
        rows.append([name, f"{np.mean(shortfalls):.3f}", f"{np.median(shortfalls):.3f}", f"{max(shortfalls):.2f}",
                     f"{num_lowest} of {len(means)}"])  # fmt: skip
    return table(["training", "mean shortfall", "median", "worst task", "lowest loss"], rows)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
