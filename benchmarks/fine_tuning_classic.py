"""One-cycle at the found rate against the usual defaults on the nine classic tasks, and fastai itself on one of them.

Run as ``python -m benchmarks.fine_tuning_classic``; writes the section *finetune-classic* of RESULTS.md. The three
trainings are those of `benchmarks.fine_tuning`.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.fine_tuning import METHODS, Bench, fine_tune, suggestion
from benchmarks.peer_finders import PEERS_FOLDER, silence
from benchmarks.regret.classic import ClassicWorkbench, classic_tasks
from benchmarks.results_page import machine, table, write_section
from lr_magic.training.layers.layer_groups import find_layer_groups

_NUM_SEEDS = 3
_FASTAI_TASK = "digits_cnnbn_adamw"
_FASTAI_EPOCHS = 5


def measured(bench: Bench) -> dict[str, list[float]]:
    """One number per seed: the untrained loss, the found rate, and the loss after each method."""
    found: dict[str, list[float]] = {"untrained": [], "rate": []}
    for seed in range(_NUM_SEEDS):
        found["untrained"].append(bench.valid_loss(bench.setup(seed).model))
        found["rate"].append(suggestion(bench, bench.setup(seed)) or float("nan"))
        for name, method in METHODS.items():
            torch.manual_seed(seed)
            loss = method(bench, seed)
            found.setdefault(name, []).append(found["untrained"][-1] if loss is None else loss)
    return found


def fastai_itself(bench: Bench, seed: int) -> float:
    """``Learner.fine_tune`` of the installed fastai: the same model, batches, layer groups and torch optimizer."""
    from fastai import basics  # noqa: PLC0415 - kept apart from the environment
    from fastai.callback import progress, schedule  # noqa: F401, PLC0415 - give the Learner no_bar and fine_tune

    setup, data = bench.setup(seed), bench.bench.data
    optimizer = partial(basics.OptimWrapper, opt=partial(torch.optim.AdamW, weight_decay=bench.task.weight_decay))
    learner = basics.Learner(
        basics.DataLoaders(setup.train_loader, DataLoader(TensorDataset(data.valid_x, data.valid_y), 64)),
        setup.model,
        loss_func=bench.loss,
        opt_func=optimizer,
        splitter=lambda model: [list(group.parameters) for group in find_layer_groups(model)],
    )
    with learner.no_logging(), learner.no_bar():
        learner.fine_tune(_FASTAI_EPOCHS)
    return bench.valid_loss(setup.model)


def both_fine_tunes(bench: Bench) -> str:
    """What the written-out `fine_tune` and fastai's own end with, in a sentence; empty where fastai is missing."""
    sys.path.append(str(PEERS_FOLDER))
    try:
        import fastai  # noqa: PLC0415
    except ImportError:
        return ""
    in_epoch = len(bench.setup(0).train_loader)
    even = Bench(replace(bench.task, steps=(_FASTAI_EPOCHS + 1) * in_epoch), bench.bench)
    pairs = []
    for seed in range(_NUM_SEEDS):
        with silence():
            pairs.append((fine_tune(even, seed), fastai_itself(even, seed)))
    said = ", ".join(f"{written:.6f} and {own:.6f}" for written, own in pairs)
    return (
        f"`fine_tune` as written out here against fastai {fastai.__version__} itself on {even.task.name} "
        f"({_FASTAI_EPOCHS} epochs, the same batches, layer groups and torch optimizer), loss per seed: {said}."
    )


def section(results: dict[str, dict[str, list[float]]], comparison: str) -> str:
    rows = []
    for name, found in results.items():
        means = {method: float(np.mean(found[method])) for method in METHODS}
        lowest = min(means.values())
        cells = [f"**{mean:.4g}**" if mean == lowest else f"{mean:.4g}" for mean in means.values()]
        rates = ["none" if np.isnan(rate) else f"{rate:.2g}" for rate in found["rate"]]
        rows.append([name, f"{np.mean(found['untrained']):.4g}", ", ".join(rates), *cells])
    return (
        "## The found rate against the defaults: the nine classic tasks\n\n"
        f"Validation loss at equal steps, mean of {_NUM_SEEDS} seeds: the same model, start, batches and optimizer in "
        "all columns. The tasks are rebuilt from their description; all models are fresh, so `fine_tune`, made for "
        "pretrained ones, trains their head alone for its first epoch all the same. A range test without a suggestion "
        "(*none*) counts as untrained.\n\n"
        + table(["task", "untrained", "rates found", *METHODS], rows)
        + f"\n\n{comparison}\n\n{machine()}; `python -m benchmarks.fine_tuning_classic`."
    )


def main() -> None:
    torch.set_flush_denormal(True)
    torch.set_num_threads(1)
    results, comparison = {}, ""
    for classic in classic_tasks():
        bench = Bench(classic.task, ClassicWorkbench(classic))
        if classic.task.name == _FASTAI_TASK:
            comparison = both_fine_tunes(bench)
            print(comparison, flush=True)
        results[classic.task.name] = measured(bench)
        print(classic.task.name, results[classic.task.name], flush=True)
    write_section("finetune-classic", section(results, comparison))


if __name__ == "__main__":
    main()
