"""Where the time of a sweep goes that the bare loop does not take."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

import torch

from benchmarks.results_page import table
from lr_magic import TrainingSetup
from lr_magic.training.restoring.restore import restored
from lr_magic.training.sweeping.sweep import Sweep
from lr_magic.training.sweeping.sweep_settings import SweepSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.workloads import Workload


def parts_table(workload: Workload, sweep_seconds: float) -> str:
    """Milliseconds of the parts of a 100-step sweep, and their share of the bare loop."""
    model, optimizer, loader = workload.fresh()
    setup = TrainingSetup.supervised(model, optimizer, loader, workload.loss_fn)
    loss = torch.tensor(2.3)

    def restore() -> None:
        with restored(setup):
            pass

    def decide() -> None:
        sweep = Sweep(SweepSettings(num_steps=100), [optimizer], torch.device("cpu"))
        while sweep.begin_step():
            sweep.end_step(loss)
        sweep.result()

    def read() -> None:
        for _ in range(100):
            loss.item()

    parts = {
        "taking the state, putting it back, comparing": _median(restore),
        "rates, divergence rule, records of 100 steps": _median(decide) - _median(read),
    }
    rows = [[name, f"{seconds * 1e3:.2f} ms", f"{seconds / sweep_seconds:.1%}"] for name, seconds in parts.items()]
    return table([f"{workload.name}", "time", "of the bare loop"], rows)


def _median(run: Callable[[], None], num_runs: int = 51) -> float:
    seconds = []
    for _ in range(num_runs):
        begin = time.process_time()
        run()
        seconds.append(time.process_time() - begin)
    return statistics.median(seconds)
