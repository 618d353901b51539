"""What a sweep and a one-cycle epoch cost beside the loop that someone would write by hand, and beside the peers.

``python -m benchmarks.sweep_cost`` writes the section *engine* of RESULTS.md. Everything runs in one process and in
turns (round after round, each round in another order), so that what else the machine does hits all alike. A figure is
the median over the rounds of the ratio to the bare loops right before and after, since a shared processor needs nearly
twice as long for seconds at a time, each by itself; for the same reason all of it stays on one. The seconds are those
of the processor, on one thread: on an idle machine they are the seconds of the clock. Memory is measured in processes
of its own.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import torch

from benchmarks import workloads
from benchmarks.peer_finders import ONE_CYCLES, SWEEPS, silence, usable
from benchmarks.results_page import machine, table, with_quartiles, write_section
from benchmarks.sweep_parts import parts_table
from benchmarks.workloads import Workload, bare_one_cycle, bare_sweep
from lr_magic import TrainingSetup, fit_one_cycle, range_test

if TYPE_CHECKING:
    from collections.abc import Callable

START_LR, END_LR, NUM_STEPS, MAX_LR = 1e-7, 1e-2, 100, 1e-2
OURS, UNREAD = "**lr_magic**", "the bare loop without `.item()`"
# Rounds of each model, as many as its figures need to stand still; the peers' differences are far larger.
NUM_ROUNDS = {"MLP": 101, "CNN": 25, "transformer": 11}
NUM_PEER_ROUNDS = 9
DISTRIBUTIONS = {
    "torch-lr-finder": "torch-lr-finder",
    "ignite": "pytorch-ignite",
    "Lightning": "lightning",
    "fastai": "fastai",
}


def our_sweep(workload: Workload, num_steps: int, start_lr: float, end_lr: float) -> None:
    model, optimizer, loader = workload.fresh()
    setup = TrainingSetup.supervised(model, optimizer, loader, workload.loss_fn)
    result = range_test(setup, start_lr=start_lr, end_lr=end_lr, num_steps=num_steps, stop_when_diverged=False)
    assert len(result.losses) == num_steps
    assert "NOT" not in result.receipt


def our_one_cycle(workload: Workload, max_lr: float) -> None:
    model, optimizer, loader = workload.fresh()
    fit_one_cycle(TrainingSetup.supervised(model, optimizer, loader, workload.loss_fn), epochs=1, max_lr=max_lr)


def ratios(
    bare: Callable[[], object], runs: dict[str, Callable[[], object]], num_rounds: int
) -> tuple[dict[str, list[float]], float]:
    """Quartiles of the ratio of each run to the bare loops around it, and the median seconds of the bare loop."""
    found: dict[str, list[float]] = {name: [] for name in runs}
    seconds = []
    with silence():
        for run in (*runs.values(), bare):
            run()
        before = _seconds_of(bare)
        for round_number in range(num_rounds):
            names = [name for name in runs if name in (OURS, UNREAD) or round_number < NUM_PEER_ROUNDS]
            shift = round_number % len(names)
            for name in names[shift:] + names[:shift]:
                own, after = _seconds_of(runs[name]), _seconds_of(bare)
                found[name].append(2 * own / (before + after))
                seconds.append(after)
                before = after
    return {name: statistics.quantiles(values, n=4) for name, values in found.items()}, statistics.median(seconds)


def _seconds_of(run: Callable[[], object]) -> float:
    begin = time.process_time()
    run()
    return time.process_time() - begin


def sweep_ratios(workload: Workload, num_rounds: int, *, with_peers: bool) -> tuple[dict[str, list[float]], float]:
    arguments = (workload, NUM_STEPS, START_LR, END_LR)
    runs = {OURS: our_sweep, **(usable(SWEEPS, *arguments) if with_peers else {})}
    calls: dict[str, Callable[[], object]] = {name: lambda run=run: run(*arguments) for name, run in runs.items()}
    calls[UNREAD] = lambda: bare_sweep(*arguments, reads=False)
    return ratios(lambda: bare_sweep(*arguments), calls, num_rounds)


def one_cycle_ratios(workload: Workload, num_rounds: int, *, with_peers: bool) -> tuple[dict[str, list[float]], float]:
    runs = {OURS: our_one_cycle, **(usable(ONE_CYCLES, workload, MAX_LR) if with_peers else {})}
    calls: dict[str, Callable[[], object]] = {name: lambda run=run: run(workload, MAX_LR) for name, run in runs.items()}
    return ratios(lambda: bare_one_cycle(workload, MAX_LR), calls, num_rounds)


def comparison(measured: dict[str, tuple[dict[str, list[float]], float]]) -> str:
    """Table of ratios: one row per tool, one column per model."""
    names = list(dict.fromkeys(name for against, _ in measured.values() for name in against))
    header = ["", *(f"{title}: {bare * 1e3:.0f} ms" for title, (_, bare) in measured.items())]
    rows = [[name, *(_figure(against.get(name)) for against, _ in measured.values())] for name in names]
    return table(header, rows)


def _figure(quartiles: list[float] | None) -> str:
    return "-" if quartiles is None else with_quartiles(quartiles)


def steps_table() -> str:
    """Cost per step of sweeps of very different lengths."""
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 2)
    batches = [(torch.randn(4, 4), torch.randint(2, (4,))) for _ in range(50)]
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    setup = TrainingSetup.supervised(model, optimizer, batches, torch.nn.CrossEntropyLoss())
    range_test(setup, num_steps=100)
    rows = []
    for num_steps in (100, 1_000, 10_000, 100_000):
        costs = []
        for _ in range(max(3, 2_000 // num_steps)):
            begin = time.process_time()
            range_test(setup, end_lr=1e-2, num_steps=num_steps, stop_when_diverged=False)
            costs.append((time.process_time() - begin) / num_steps)
        rows.append([f"{num_steps:,}", f"{statistics.median(costs) * 1e6:.0f} µs"])
    return table(["steps", "per step"], rows)


def memory_table() -> str:
    """Peak and remaining memory of a sweep, each in a process of its own."""
    rows = []
    for tool in ("bare", "lr_magic", "torch-lr-finder"):
        command = [sys.executable, "-m", "benchmarks.sweep_memory", tool]
        environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if done.returncode == 0:
            rows.append([tool, *done.stdout.split()])
    return table(["", "peak above the start, MiB", "left afterwards, MiB"], rows)


def _rounds() -> str:
    return ", ".join(f"{number} ({name})" for name, number in NUM_ROUNDS.items())


def _versions() -> str:
    return ", ".join(f"{name} {known}" for name, each in DISTRIBUTIONS.items() if (known := _version(each)))


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the MLP only, without peers, nothing written")
    parser.add_argument("--peers", choices=["all", "MLP"], default="all", help="beside which models the peers are run")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    made = [workloads.mlp()] if options.quick else [workloads.mlp(), workloads.cnn(), workloads.transformer()]
    sweeps, cycles = {}, {}
    for workload in made:
        title = f"{workload.name}, {workload.num_parameters:,} parameters"
        num_rounds = NUM_ROUNDS[workload.name]
        with_peers = not options.quick and options.peers in ("all", workload.name)
        sweeps[title] = sweep_ratios(workload, num_rounds, with_peers=with_peers)
        cycles[title] = one_cycle_ratios(workload, num_rounds, with_peers=with_peers)
        print(comparison({title: sweeps[title]}), comparison({title: cycles[title]}), sep="\n\n", flush=True)
    if options.quick:
        return
    text = f"""## The engine

{machine()}; {_versions()}. Processor seconds of a run / those of the bare loops right before and after it; medians of
{_rounds()} rounds, of {NUM_PEER_ROUNDS} for the other tools, the middle half of the rounds in brackets. No view,
restore included. `python -m benchmarks.sweep_cost`.

A sweep of {NUM_STEPS} steps / the bare loop, which reads each loss (`.item()`):

{comparison(sweeps)}

One epoch of one-cycle training / the bare loop with torch's `OneCycleLR`:

{comparison(cycles)}

Where it goes, on the smallest model (the remainder is the calls between the engine's own functions):

{parts_table(made[0], next(iter(sweeps.values()))[1])}

Cost per step of a sweep, whatever its length (a linear layer, batches of 4):

{steps_table()}

Memory of a sweep of 20 steps: a model of 32 MiB and Adam's state of 64 MiB (96 MiB together) exist at the start.

{memory_table()}
"""
    write_section("engine", text)


if __name__ == "__main__":
    main()
