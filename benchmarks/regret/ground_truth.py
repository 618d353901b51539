"""Make the data: for each task the trainings over a grid of rates at several lengths, and its range tests.

Run as ``python -m benchmarks.regret.ground_truth FOLDER [NAME …]``: one ``.npz`` per task, those that exist are left.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from benchmarks.regret.datasets import Data, load
from benchmarks.regret.many_trainings import Optimizer, Parameters, Runs
from benchmarks.regret.models import build
from benchmarks.regret.tasks import Task, all_tasks
from lr_magic.pure.schedules import OneCycle, sweep_lrs

if TYPE_CHECKING:
    from torch import nn

ADAM_GRID = 10.0 ** (np.arange(-15, 1) / 3)  # 1e-5 .. 1
SGD_GRID = 10.0 ** (np.arange(-14, 4) / 3)  # 2e-5 .. 10
LENGTHS = (0.1, 0.25, 1.0, 4.0)
NUM_SWEEP_SEEDS = 6
# num_steps, start_lr, end_lr of the further sweeps that show how far the settings matter
OTHER_SWEEPS = ((100, 1e-8, 10.0), (100, 1e-6, 10.0), (100, 1e-7, 100.0), (100, 1e-7, 1.0),
                (50, 1e-7, 10.0), (200, 1e-7, 10.0), (500, 1e-7, 10.0))  # fmt: skip


class Workbench:
    """A task with its data and the states that its runs start from."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.data: Data = load(task.source, task.seed)
        num_in = self.data.train_x.shape[1]
        self.model: nn.Module = build(task.model, num_in, self.data.num_out, num_in)
        self.starts = [self._start(seed) for seed in range(NUM_SWEEP_SEEDS)]

    def _start(self, seed: int) -> Parameters:
        task = self.task
        torch.manual_seed(1000 * task.seed + seed)
        fresh = build(task.model, self.data.train_x.shape[1], self.data.num_out, self.data.train_x.shape[1])
        parameters = {name: value.detach().clone() for name, value in fresh.named_parameters()}
        if task.start == "fresh":
            return parameters
        return self._pretrained(parameters, seed)

    def _pretrained(self, fresh: Parameters, seed: int) -> Parameters:
        data = self.data
        has_new_head = self.task.start == "new_head"
        labels = (data.train_y * 3 + 1) % data.num_out if has_new_head else data.train_y
        before = Data(data.train_x, labels, data.valid_x, data.valid_y, data.num_out)
        size, optimizer = self.task.batch_size, Optimizer("adam")
        runs = Runs(self.model, [fresh], [seed + 77], data=before, batch_size=size, optimizer=optimizer)
        num_steps = 200 if has_new_head else 60
        for _ in range(num_steps):
            runs.step(torch.tensor([3e-3]))
        trained = {name: value[0].detach() for name, value in runs.parameters.items()}
        if has_new_head:
            trained.update({name: fresh[name] for name in list(fresh)[-2:]})
        return trained

    def runs(self, seeds: list[int]) -> Runs:
        """Begin runs side by side, one per seed."""
        optimizer = Optimizer(self.task.optimizer, self.task.weight_decay)
        starts = [self.starts[seed] for seed in seeds]
        return Runs(self.model, starts, seeds, data=self.data, batch_size=self.task.batch_size, optimizer=optimizer)

    def one_cycles(self, grid: np.ndarray, num_steps: int, num_seeds: int) -> dict[str, np.ndarray]:
        """Losses of a one-cycle training at each rate of the grid: (rates, seeds) arrays, NaN where it diverged."""
        seeds = [seed for seed in range(num_seeds) for _ in grid]
        runs = self.runs(seeds)
        untrained = runs.valid_losses()
        peaks = torch.tensor(np.tile(grid, num_seeds), dtype=torch.float32)
        cycle, last = OneCycle(max_lr=1.0, total_steps=num_steps), []
        for step in range(num_steps):
            losses, _ = runs.step(peaks * cycle.lr_at(step), cycle.momentum_at(step))
            if step >= 0.9 * num_steps:
                last.append(losses)
        found = {"untrained": untrained, "valid": runs.valid_losses(), "train": torch.stack(last).mean(0)}
        return {name: _finite(values).reshape(num_seeds, -1).T for name, values in found.items()}

    def sweeps(
        self, settings: list[tuple[int, float, float]], seeds: list[int], *, with_after: bool = False
    ) -> dict[str, np.ndarray]:
        """Raw losses of sweeps of one length, side by side: (runs, steps) arrays, without an early stop."""
        runs = self.runs(seeds)
        lrs = np.stack([sweep_lrs(start, end, steps) for steps, start, end in settings])
        rows = [runs.step(torch.tensor(column, dtype=torch.float32), with_after=with_after) for column in lrs.T]
        found = {"lrs": lrs, "losses": torch.stack([before for before, _ in rows], 1).numpy()}
        if with_after:
            found["after"] = torch.stack([after for _, after in rows if after is not None], 1).numpy()
        return found


def _finite(values: torch.Tensor) -> np.ndarray:
    return torch.where(torch.isfinite(values), values, torch.nan).numpy()


def make(task: Task) -> dict[str, np.ndarray]:
    bench = Workbench(task)
    grid = ADAM_GRID if task.is_adam else SGD_GRID
    found: dict[str, np.ndarray] = {"grid": grid}
    for length in LENGTHS if task.has_long_training else LENGTHS[:3]:
        num_steps = max(8, round(length * task.steps))
        results = bench.one_cycles(grid, num_steps, task.num_seeds)
        found.update({f"{name}@{length:g}": values for name, values in results.items()})
    standard = [(100, 1e-7, 10.0)] * NUM_SWEEP_SEEDS
    seeds = list(range(NUM_SWEEP_SEEDS))
    found.update(_named("sweep", bench.sweeps(standard, seeds, with_after=True)))
    # Those of a hundred steps run side by side, the others one after the other.
    alike = [setting for setting in OTHER_SWEEPS if setting[0] == 100]
    side_by_side = bench.sweeps([s for s in alike for _ in range(2)], [0, 1] * len(alike))
    for i, setting in enumerate(OTHER_SWEEPS):
        if setting in alike:
            at = 2 * alike.index(setting)
            results = {name: values[at : at + 2] for name, values in side_by_side.items()}
        else:
            results = bench.sweeps([setting] * 2, [0, 1])
        found.update(_named(f"other{i}", results))
    return {name: values.astype(np.float64 if "lrs" in name else np.float32) for name, values in found.items()}


def _named(prefix: str, results: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{prefix}_{name}": values for name, values in results.items()}


def main(folder: Path, names: list[str]) -> None:
    torch.set_flush_denormal(True)
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    for task in all_tasks():
        path = folder / f"{task.name}.npz"
        if path.exists() or (names and task.name not in names):
            continue
        start = time.perf_counter()
        np.savez_compressed(path, **make(task))
        print(f"{task} {time.perf_counter() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
