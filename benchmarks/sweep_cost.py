"""What a sweep and a one-cycle epoch cost beside the loop that someone would write by hand, and beside the peers.

``python -m benchmarks.sweep_cost`` writes the section *engine* of RESULTS.md. Everything runs in one process and in
turns (round after round, each round in another order), so that what else the machine does hits all alike; a figure is
the median over the rounds of the ratio to the bare loop of the same round. The seconds are those of the processor, on
one thread: on an idle machine they are the seconds of the clock, on a shared one they leave out what others took.
Memory is measured in processes of its own.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import torch

from benchmarks import workloads
from benchmarks.peer_finders import ONE_CYCLES, SWEEPS, silence, usable
from benchmarks.results_page import machine, table, write_section
from benchmarks.sweep_parts import parts_table
from benchmarks.workloads import Workload, bare_one_cycle, bare_sweep
from lr_magic import TrainingSetup, fit_one_cycle, range_test

if TYPE_CHECKING:
    from collections.abc import Callable

START_LR, END_LR, NUM_STEPS, MAX_LR = 1e-7, 1e-2, 100, 1e-2
BARE, OURS, UNREAD = "bare loop with `.item()`", "**lr_magic**", "bare loop without"
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


def ratios(runs: dict[str, Callable[[], object]], num_rounds: int) -> tuple[dict[str, float], float]:
    """Median ratio of each run to the bare loop of its round, and the median seconds of the bare loop."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    with silence():
        for run in runs.values():
            run()
        for round_number in range(num_rounds):
            names = list(runs)
            shift = round_number % len(names)
            for name in names[shift:] + names[:shift]:
                begin = time.process_time()
                runs[name]()
                seconds[name].append(time.process_time() - begin)
    against = {
        name: statistics.median(own / bare for own, bare in zip(values, seconds[BARE], strict=True))
        for name, values in seconds.items()
    }
    return against, statistics.median(seconds[BARE])


def sweep_ratios(workload: Workload, num_rounds: int, *, with_peers: bool) -> tuple[dict[str, float], float]:
    arguments = (workload, NUM_STEPS, START_LR, END_LR)
    peers = usable(SWEEPS, *arguments) if with_peers else {}
    runs = {BARE: bare_sweep, OURS: our_sweep, **peers}
    calls: dict[str, Callable[[], object]] = {name: lambda run=run: run(*arguments) for name, run in runs.items()}
    calls[UNREAD] = lambda: bare_sweep(*arguments, reads=False)
    return ratios(calls, num_rounds)


def one_cycle_ratios(workload: Workload, num_rounds: int, *, with_peers: bool) -> tuple[dict[str, float], float]:
    peers = usable(ONE_CYCLES, workload, MAX_LR) if with_peers else {}
    runs = {BARE: bare_one_cycle, OURS: our_one_cycle, **peers}
    return ratios({name: lambda run=run: run(workload, MAX_LR) for name, run in runs.items()}, num_rounds)


def comparison(measured: dict[str, tuple[dict[str, float], float]]) -> str:
    """Table of ratios: one row per tool, one column per model."""
    names = list(dict.fromkeys(name for against, _ in measured.values() for name in against))
    header = ["", *(f"{title}: {bare * 1e3:.0f} ms" for title, (_, bare) in measured.items())]
    rows = [[name, *(_figure(against.get(name)) for against, _ in measured.values())] for name in names]
    return table(header, rows)


def _figure(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.3f}"


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
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            rows.append([tool, *done.stdout.split()])
    return table(["", "peak above the start, MiB", "left afterwards, MiB"], rows)


def _versions() -> str:
    return ", ".join(f"{name} {known}" for name, each in DISTRIBUTIONS.items() if (known := _version(each)))


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--quick", action="store_true", help="the MLP only, without peers, nothing written")
    parser.add_argument("--peers", choices=["all", "MLP"], default="all", help="beside which models the peers are run")
    options = parser.parse_args()
    torch.set_num_threads(1)
    made = [workloads.mlp()] if options.quick else [workloads.mlp(), workloads.cnn(), workloads.transformer()]
    sweeps, cycles = {}, {}
    for workload in made:
        title = f"{workload.name}, {workload.num_parameters:,} parameters"
        num_rounds = options.rounds * (3 if workload.name == "MLP" else 1)
        with_peers = not options.quick and options.peers in ("all", workload.name)
        sweeps[title] = sweep_ratios(workload, num_rounds, with_peers=with_peers)
        cycles[title] = one_cycle_ratios(workload, num_rounds, with_peers=with_peers)
        print(comparison({title: sweeps[title]}), comparison({title: cycles[title]}), sep="\n\n", flush=True)
    if options.quick:
        return
    text = f"""## The engine

{machine()}; {_versions()}. Processor seconds, medians
of {options.rounds} rounds in turns ({3 * options.rounds} for the MLP), no view, restore included.
`python -m benchmarks.sweep_cost`. How far equal work differs on this machine shows in the row *bare loop without*.

A sweep of {NUM_STEPS} steps / the bare loop:

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
