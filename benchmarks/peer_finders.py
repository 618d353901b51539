"""The same sweep, and the same epoch, with the tools people use today, as far as they are installed.

They are kept apart from the environment: ``pip install --no-deps --target build/peers -r benchmarks/peers.txt``.
"""
# ruff: noqa: PLC0415 - each peer is imported by its own function, since any of them may be missing

from __future__ import annotations

import contextlib
import io
import logging
import sys
import tempfile
import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.workloads import Workload

PEERS_FOLDER = Path(__file__).parents[1] / "build" / "peers"


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """No bars, no advice."""
    logging.disable(logging.CRITICAL)
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stderr(io.StringIO()),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)


def torch_lr_finder_sweep(workload: Workload, num_steps: int, start_lr: float, end_lr: float) -> None:
    from torch_lr_finder import LRFinder

    model, optimizer, loader = workload.fresh()
    finder = LRFinder(model, optimizer, workload.loss_fn, device="cpu")
    finder.range_test(loader, start_lr=start_lr, end_lr=end_lr, num_iter=num_steps, diverge_th=1e9)
    finder.reset()


def ignite_sweep(workload: Workload, num_steps: int, start_lr: float, end_lr: float) -> None:
    from ignite.engine import create_supervised_trainer
    from ignite.handlers.lr_finder import FastaiLRFinder

    model, optimizer, loader = workload.fresh()
    trainer = create_supervised_trainer(model, optimizer, workload.loss_fn)
    finder, saved = FastaiLRFinder(), {"model": model, "optimizer": optimizer}
    with finder.attach(
        trainer, saved, start_lr=start_lr, end_lr=end_lr, num_iter=num_steps, diverge_th=1e9
    ) as attached:
        attached.run(loader)


def _lightning_module(workload: Workload, model: torch.nn.Module, optimizer: torch.optim.Optimizer):
    from lightning.pytorch import LightningModule

    class Module(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model, self.lr = model, 1e-3

        def training_step(self, batch, _):
            return workload.loss_fn(self.model(batch[0]), batch[1])

        def configure_optimizers(self):
            return optimizer

    return Module()


def _lightning_trainer(folder: str):
    from lightning.pytorch import Trainer

    return Trainer(
        accelerator="cpu", max_epochs=1, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, default_root_dir=folder,
    )  # fmt: skip


def lightning_sweep(workload: Workload, num_steps: int, start_lr: float, end_lr: float) -> None:
    from lightning.pytorch.tuner import Tuner

    model, optimizer, loader = workload.fresh()
    with tempfile.TemporaryDirectory() as folder:
        trainer = _lightning_trainer(folder)
        trainer.fit_loop.max_epochs = 1000
        Tuner(trainer).lr_find(
            _lightning_module(workload, model, optimizer), loader, min_lr=start_lr, max_lr=end_lr,
            num_training=num_steps, early_stop_threshold=None, update_attr=False,
        )  # fmt: skip


def lightning_one_cycle(workload: Workload, max_lr: float) -> None:
    model, optimizer, loader = workload.fresh()
    module = _lightning_module(workload, model, optimizer)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr, total_steps=len(loader))
    module.configure_optimizers = lambda: ([optimizer], [{"scheduler": schedule, "interval": "step"}])
    with tempfile.TemporaryDirectory() as folder:
        _lightning_trainer(folder).fit(module, loader)


def _learner(workload: Workload, folder: str):
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner
    from fastai.optimizer import OptimWrapper

    model, _, loader = workload.fresh()
    optimizer = partial(OptimWrapper, opt=torch.optim.AdamW)
    return Learner(DataLoaders(loader, loader), model, workload.loss_fn, opt_func=optimizer, path=folder)


def fastai_sweep(workload: Workload, num_steps: int, start_lr: float, end_lr: float) -> None:
    import fastai.callback.schedule  # noqa: F401 - adds the methods

    with tempfile.TemporaryDirectory() as folder:
        learner = _learner(workload, folder)
        with learner.no_bar():
            learner.lr_find(start_lr, end_lr, num_steps, stop_div=False, show_plot=False, suggest_funcs=())


def fastai_one_cycle(workload: Workload, max_lr: float) -> None:
    import fastai.callback.schedule  # noqa: F401

    with tempfile.TemporaryDirectory() as folder:
        learner = _learner(workload, folder)
        learner.dls.valid = []
        with learner.no_bar(), learner.no_logging():
            learner.fit_one_cycle(1, max_lr)


SWEEPS = {
    "torch-lr-finder": torch_lr_finder_sweep,
    "ignite": ignite_sweep,
    "Lightning": lightning_sweep,
    "fastai": fastai_sweep,
}
ONE_CYCLES = {"Lightning": lightning_one_cycle, "fastai": fastai_one_cycle}


def usable(peers: dict[str, Callable], *arguments: object) -> dict[str, Callable]:
    """Those that run, with a word about those that do not."""
    if str(PEERS_FOLDER) not in sys.path and PEERS_FOLDER.is_dir():
        sys.path.append(str(PEERS_FOLDER))
    return {name: run for name, run in peers.items() if _runs(name, run, *arguments)}


def _runs(name: str, run: Callable, *arguments: object) -> bool:
    try:
        with silence():
            run(*arguments)
    except Exception as error:  # noqa: BLE001 - whatever keeps a peer from running, the others are measured
        print(f"{name} left out: {type(error).__name__}: {error}")
        return False
    return True
