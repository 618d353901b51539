"""The cell form: a whole training cell, run as it stands with its optimizer's steps swept or cycled."""

from __future__ import annotations

from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from lr_magic.notebook.body.collected import put_back as collected_put_back
from lr_magic.notebook.body.objects import changeable_names, unwrapped_optimizer
from lr_magic.notebook.body.planned_steps import planned_steps
from lr_magic.notebook.body.quiet import Quiet
from lr_magic.notebook.discovery.candidates import collect
from lr_magic.notebook.shadow.cell_code import run_cell
from lr_magic.notebook.shadow.files import files_kept_back
from lr_magic.notebook.shadow.names import names_put_back
from lr_magic.notebook.shadow.process_settings import process_settings_put_back
from lr_magic.pure.errors import DiscoveryError
from lr_magic.training.intercepting.interception_one_cycle import intercepted_one_cycle
from lr_magic.training.intercepting.interception_range_test import intercepted_range_test
from lr_magic.training.restoring.object_kinds import has_own_state
from lr_magic.training.restoring.restore import restored
from lr_magic.training.restoring.touched import parts_of, touched_objects

if TYPE_CHECKING:
    import ast
    from collections.abc import Callable, Sequence
    from types import CodeType

    from lr_magic.notebook.discovery.request import DiscoveryRequest
    from lr_magic.pure.control import RunControl
    from lr_magic.pure.results.finding import Finding
    from lr_magic.pure.results.fit_event import FitEvent
    from lr_magic.pure.results.fit_history import FitHistory
    from lr_magic.pure.results.range_test_result import RangeTestResult
    from lr_magic.pure.results.records import StepRecord
    from lr_magic.training.restoring.restore import Restored
    from lr_magic.training.sweeping.sweep_settings import SweepSettings


@dataclass(frozen=True)
class WholeCell:
    """A training cell, read and compiled, not run yet.

    Attributes
    ----------
    findings
        What a person reads before it is run.
    """

    tree: ast.Module
    code: list[CodeType]
    namespace: dict[str, Any]
    optimizer: Any
    request: DiscoveryRequest
    findings: tuple[Finding, ...]

    def range_test(
        self,
        settings: SweepSettings,
        *,
        on_step: Callable[[StepRecord], None] | None = None,
        control: RunControl | None = None,
    ) -> RangeTestResult:
        """Run the cell with its optimizer's steps swept, and put everything back that can be.

        Raises as `intercepted_range_test` does.
        """
        quiet = Quiet(also_errors=True)
        touched = self._touched()
        with (
            names_put_back(self.namespace),
            process_settings_put_back(),
            files_kept_back() as files,
            collected_put_back(touched),
            quiet,
        ):
            result = intercepted_range_test(
                # context variables that the cell sets are set in the copy
                partial(copy_context().run, self._run),
                settings,
                optimizer=self.optimizer,
                restoring=self._restoring(touched),
                name_of=self._name_of,
                on_step=_aloud(on_step, quiet),
                control=control,
            )
        result.receipt += files.note
        return result

    def planned_steps(self) -> int:
        """Number of optimizer steps that the cell will make, from its loops.

        Raises
        ------
        DiscoveryError
            If they do not tell.
        """
        steps = planned_steps(self.tree.body, self.namespace)
        if steps is None:
            raise DiscoveryError(
                "How many optimizer steps this cell will make cannot be told from its loops. "
                f"→ `%%{self.request.magic} --steps N`"
            )
        return steps

    def one_cycle(
        self,
        *,
        max_lr: float | Sequence[float],
        steps: int | None = None,
        on_step: Callable[[StepRecord], None] | None = None,
        on_event: Callable[[FitEvent], None] | None = None,
        control: RunControl | None = None,
        **shape: float,
    ) -> FitHistory:
        """Run the cell with its optimizer's rates and momenta from one cycle. It is the person's training: all stays.

        Parameters
        ----------
        max_lr
            Peak learning rate.
        steps
            Length of the cycle in optimizer steps; None for `planned_steps`.
        shape
            ``pct_start``, ``div_factor``, … as for `fit_one_cycle`.
        """
        return intercepted_one_cycle(
            self._run,
            total_steps=self.planned_steps() if steps is None else steps,
            max_lr=max_lr,
            optimizer=self.optimizer,
            known=[each for each in self._touched() if isinstance(each, torch.optim.Optimizer)],
            name_of=self._name_of,
            on_step=on_step,
            on_event=on_event,
            control=control,
            **shape,
        )

    def _run(self) -> None:
        run_cell(self.code, self.namespace)

    def _touched(self) -> list[Any]:
        names = changeable_names(self.code, self.namespace)
        own_module = str(self.namespace.get("__name__", "__main__"))
        return parts_of(touched_objects(names, self.namespace), own_module)

    def _restoring(self, touched: list[Any]) -> Restored:
        names = changeable_names(self.code, self.namespace)
        loaders = [self.namespace[name] for name in names if _gives_data(self.namespace.get(name))]
        own = [value for value in touched if isinstance(value, (nn.Module, torch.optim.Optimizer))]
        others = [value for value in touched if not isinstance(value, (nn.Module, torch.optim.Optimizer))]
        return restored(
            modules=[v for v in own if isinstance(v, nn.Module)],
            optimizers=[v for v in own if isinstance(v, torch.optim.Optimizer)],
            loaders=loaders,
            touched=others,
        )

    def _name_of(self, optimizer: Any) -> str:
        """Name of an optimizer in the notebook, else what it is."""
        for candidate in collect(self.namespace).optimizers:
            if unwrapped_optimizer(candidate.value) is optimizer:
                return f"`{candidate.name}`"
        return f"a {type(optimizer).__name__} without a name"


def _gives_data(value: object) -> bool:
    """Whether a value is a loader, a dataset, or a pipeline of any library: what it reads it may count and remember."""
    if isinstance(value, (DataLoader, Dataset)):
        return True
    return hasattr(type(value), "__iter__") and has_own_state(value) and not isinstance(value, nn.Module)


def _aloud(on_step: Callable[[StepRecord], None] | None, quiet: Quiet) -> Callable[[StepRecord], None] | None:
    """Let a view show what it has to show while the cell itself is quiet."""
    if on_step is None:
        return None

    def tell(record: StepRecord) -> None:
        with quiet.lifted():
            on_step(record)

    return tell
