"""The two things a magic can run: what was found in the notebook, and a whole training cell."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import torch

from lr_magic.notebook.settings.session_settings import SessionSettings
from lr_magic.notebook.shadow.files import files_kept_back
from lr_magic.notebook.shadow.names import names_put_back
from lr_magic.notebook.shadow.process_settings import process_settings_put_back
from lr_magic.pure.cycle.peak_lrs import peak_lrs
from lr_magic.pure.errors import DiscoveryError, SettingError
from lr_magic.training.cycle.one_cycle import fit_one_cycle, planned_steps
from lr_magic.training.layers.group_peaks import GroupPeaks
from lr_magic.training.param_groups import get_momentum
from lr_magic.training.probing.sharpness import measure_sharpness
from lr_magic.training.sweeping.range_test import range_test
from lr_magic.training.update import failed_in_step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lr_magic.notebook.discovery import Discovered
    from lr_magic.notebook.settings.cycle_settings import CycleSettings
    from lr_magic.notebook.shadow import WholeCell
    from lr_magic.pure.control import RunControl
    from lr_magic.pure.results.finding import Finding
    from lr_magic.pure.results.fit_event import FitEvent
    from lr_magic.pure.results.fit_history import FitHistory
    from lr_magic.pure.results.range_test_result import RangeTestResult
    from lr_magic.pure.results.records import EpochRecord, StepRecord
    from lr_magic.pure.results.sharpness import Sharpness
    from lr_magic.training.setup import TrainingSetup
    from lr_magic.training.sweeping.sweep_settings import SweepSettings


class Training(Protocol):
    """Something that can be swept and trained."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What a person reads about it before it runs."""

    def peaks(self, max_lr: Any) -> list[float]:
        """Peak of each param group, for anything that can be written as a peak; refuses what fits none."""

    @property
    def setup(self) -> TrainingSetup | None:
        """What is trained, where that is known before it runs."""

    @property
    def has_momentum(self) -> bool:
        """Whether a momentum is cycled."""

    @property
    def can_extend(self) -> bool:
        """Whether a training can be made longer on the way."""

    @property
    def can_look_again(self) -> bool:
        """Whether a sweep can be put back half-way and begun again."""

    def total_steps(self, settings: CycleSettings) -> int:
        """Length of a training in optimizer steps."""

    def steps_of(self, epochs: int) -> int | None:
        """Number of optimizer steps in some epochs; None where it cannot be known."""

    def sharpness(self) -> Sharpness:
        """Measure the curvature; everything is put back."""

    def range_test(
        self, settings: SweepSettings, on_step: Callable[[StepRecord], None], control: RunControl
    ) -> RangeTestResult:
        """Sweep it; everything is put back."""

    def one_cycle(
        self,
        settings: CycleSettings,
        on_step: Callable[[StepRecord], None],
        on_epoch: Callable[[EpochRecord], None],
        control: RunControl,
        *,
        on_start: Callable[[], None] | None = None,
        on_event: Callable[[FitEvent], None] | None = None,
        resume: FitHistory | str | None = None,
    ) -> FitHistory:
        """Train it, or go on with a training of it."""


@dataclass(frozen=True)
class FoundTraining:
    """What discovery, or the body of a ``for`` form, gave.

    Attributes
    ----------
    namespace
        The notebook's names, which functions of the notebook may bind anew (`global`); a sweep puts them back.
    """

    found: Discovered
    namespace: dict[str, Any] = field(default_factory=dict)
    can_extend = True
    can_look_again = True

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What a person reads about it before it runs."""
        return self.found.findings

    @property
    def setup(self) -> TrainingSetup:
        """What is trained."""
        return self.found.setup

    def peaks(self, max_lr: Any) -> list[float]:
        """Peak of each param group; by layers where a range is meant for them."""
        return GroupPeaks(self.found.setup, max_lr).lrs

    @property
    def has_momentum(self) -> bool:
        """Whether a momentum is cycled."""
        return any(get_momentum(group) is not None for group in self.found.setup.optimizer.param_groups)

    def total_steps(self, settings: CycleSettings) -> int:
        """Length of a training in optimizer steps."""
        return planned_steps(self.found.setup, epochs=settings.epochs, steps=settings.steps)

    def steps_of(self, epochs: int) -> int | None:
        """Number of optimizer steps in some epochs; None for a loader without a length."""
        try:
            return planned_steps(self.found.setup, epochs=epochs)
        except SettingError:
            return None

    def sharpness(self) -> Sharpness:
        """Measure the curvature; everything is put back."""
        return measure_sharpness(self.found.setup)

    def range_test(
        self, settings: SweepSettings, on_step: Callable[[StepRecord], None], control: RunControl
    ) -> RangeTestResult:
        """Sweep it; everything is put back, and no file that the person's own step writes is written."""
        sweep = partial(range_test, self.found.setup, **asdict(settings), on_step=on_step, control=control)
        with (
            step_errors_hinted("lr_find"),
            names_put_back(self.namespace),
            process_settings_put_back(),
            files_kept_back() as files,
        ):
            # context variables that the person's own step sets are set in the copy
            result = copy_context().run(sweep)
        result.receipt += files.note
        return result

    def one_cycle(
        self,
        settings: CycleSettings,
        on_step: Callable[[StepRecord], None],
        on_epoch: Callable[[EpochRecord], None],
        control: RunControl,
        *,
        on_start: Callable[[], None] | None = None,
        on_event: Callable[[FitEvent], None] | None = None,
        resume: FitHistory | str | None = None,
    ) -> FitHistory:
        """Train it, or go on with a training of it."""
        cycle = {"epochs": settings.epochs, "steps": settings.steps, "max_lr": settings.max_lr, **settings.shape()}
        with step_errors_hinted("fit_one_cycle"):
            return fit_one_cycle(
                self.found.setup,
                **(cycle if resume is None else {"resume": resume}),
                **settings.session.loop_arguments(),
                on_start=on_start,
                on_event=on_event,
                on_step=on_step,
                on_epoch=on_epoch,
                control=control,
            )


@dataclass(frozen=True)
class CellTraining:
    """A whole training cell: its own loops run, its optimizer's steps are intercepted."""

    cell: WholeCell

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What a person reads about it before it runs."""
        return self.cell.findings

    # What the cell's optimizer looks like is known only once it runs.
    setup = None
    has_momentum = True
    can_extend = False
    # Its own loop goes on from where it is.
    can_look_again = False

    def peaks(self, max_lr: Any) -> list[float]:
        """One peak for all of its param groups."""
        return peak_lrs(max_lr, 1)

    def total_steps(self, settings: CycleSettings) -> int:
        """Length of the training: `--steps`, else what the cell's loops say."""
        return self.cell.planned_steps() if settings.steps is None else settings.steps

    def steps_of(self, epochs: int) -> int | None:
        """Number of optimizer steps of the cell, which has epochs of its own; None where its loops do not tell."""
        del epochs
        try:
            return self.cell.planned_steps()
        except DiscoveryError:
            return None

    def sharpness(self) -> Sharpness:
        """A whole cell has no loss that can be computed by itself."""
        raise SettingError(
            "--sharpness needs the loss of a batch without a step, which a whole training cell does not give. → leave "
            "it out, or use %lr_find alone or %%lr_find … for … in …"
        )

    def range_test(
        self, settings: SweepSettings, on_step: Callable[[StepRecord], None], control: RunControl
    ) -> RangeTestResult:
        """Sweep it; everything is put back that can be."""
        return self.cell.range_test(settings, on_step=on_step, control=control)

    def one_cycle(
        self,
        settings: CycleSettings,
        on_step: Callable[[StepRecord], None],
        on_epoch: Callable[[EpochRecord], None],
        control: RunControl,
        *,
        on_start: Callable[[], None] | None = None,
        on_event: Callable[[FitEvent], None] | None = None,
        resume: FitHistory | str | None = None,
    ) -> FitHistory:
        """Train it; the cell knows its own epochs."""
        del on_start, on_epoch
        if resume is not None or settings.session != SessionSettings():
            raise SettingError(
                "A whole training cell runs its own loop: --resume, --checkpoint, --restore-best, --roll-back and "
                "--weight-decay need the line form or the for form."
            )
        return self.cell.one_cycle(
            max_lr=settings.highest_lr,
            steps=self.total_steps(settings),
            **settings.shape(),
            on_step=on_step,
            on_event=on_event,
            control=control,
        )


@contextmanager
def step_errors_hinted(magic: str) -> Iterator[None]:
    """Say below an error of the optimizer's own step how it is given what only the person's own code gives it."""
    try:
        yield
    except Exception as error:
        if failed_in_step(error) and not isinstance(error, torch.OutOfMemoryError):
            error.add_note(
                f"If the optimizer's step needs a closure or arguments: put `%%{magic}` above the cell that trains."
            )
        raise


def refuse_epochs(options: Any) -> None:
    """A whole cell has epochs of its own: a number of them on the magic's line contradicts it."""
    if getattr(options, "epochs", None) is not None:
        raise SettingError(
            f"EPOCHS={options.epochs}: a whole training cell counts its own epochs. Leave it out, or give --steps N."
        )
