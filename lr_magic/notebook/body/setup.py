"""From a `for` clause and a body to a setup: the person's own step, ready for a loop to call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from lr_magic.notebook.body.body_run import BodyCode, BodyRun
from lr_magic.notebook.body.carried_names import CarriedNames
from lr_magic.notebook.body.cell_source import local_source
from lr_magic.notebook.body.clause import parse_clause
from lr_magic.notebook.body.findings import findings_of_body
from lr_magic.notebook.body.forward_body import ForwardBody
from lr_magic.notebook.body.left_out import is_scheduler, updating_methods
from lr_magic.notebook.body.loop import clause_loop, validation_loop
from lr_magic.notebook.body.names import bound_names
from lr_magic.notebook.body.objects import find_objects, unwrapped_optimizer
from lr_magic.notebook.body.parsing import compile_step, parse_body
from lr_magic.notebook.body.planned_steps import steps_of_pass
from lr_magic.notebook.body.scalars import metric_names
from lr_magic.notebook.body.stepping import goes_backward, steps_conditionally
from lr_magic.notebook.body.training_body import TrainingBody
from lr_magic.notebook.discovery.candidates import collect
from lr_magic.notebook.discovery.cell_history import CellHistory
from lr_magic.notebook.discovery.device import training_device
from lr_magic.notebook.discovery.loaders import valid_loader
from lr_magic.notebook.discovery.request import Discovered, DiscoveryRequest
from lr_magic.pure.errors import SettingError
from lr_magic.training.intercepting.interception_update import UpdateCalls
from lr_magic.training.setup import TrainingSetup

if TYPE_CHECKING:
    import ast
    from collections.abc import Callable, Sequence

    from lr_magic.notebook.body.cell_source import CellSource
    from lr_magic.notebook.body.clause import ForClause
    from lr_magic.notebook.body.loop import ClauseLoop
    from lr_magic.notebook.body.objects import BodyObjects
    from lr_magic.notebook.discovery.candidates import Candidate


@dataclass(frozen=True)
class ReadBody:
    """A clause and a body, read and compiled, and what they speak of in the notebook."""

    clause: ForClause
    statements: list[ast.stmt]
    code: BodyCode
    loop: ClauseLoop
    objects: BodyObjects
    valid: Candidate | None
    valid_loop: ClauseLoop | None


def setup_from_body(
    clause: str,
    body: str,
    namespace: dict[str, Any],
    *,
    request: DiscoveryRequest | None = None,
    history: Sequence[str] = (),
    source: CellSource | None = None,
    transform: Callable[[str], str] | None = None,
    is_quiet: bool | None = None,
) -> Discovered:
    """Make a setup of the inside of a person's loop; nothing is run, and nothing is drawn from a loader.

    Parameters
    ----------
    clause
        ``for images, labels in train_loader``.
    body
        The inside of that loop, pasted as it stands.
    namespace
        The notebook's names: read, and lent to the body batch by batch; the body's own names never stay in it.
    request
        What else the person typed; it wins over what the body says.
    history
        Sources of the executed cells, the current one last.
    source
        Where the body stands in its cell (`cell_source`), for tracebacks.
    transform
        IPython's ``shell.transform_cell``, for bodies with ``!command`` or ``%magic``.
    is_quiet
        What the body prints and displays stays off the screen; None: while it is only measured (``lr_find``), not in a
        training. In a validation pass it always does.

    Raises
    ------
    DiscoveryError
        Where the body does not say what is trained; the message ends in the way out.
    SyntaxError
        The person's own.
    """
    request = request or DiscoveryRequest()
    source = source or local_source(clause, body)
    statements = parse_body(body, source, transform)
    cells = CellHistory(list(history))
    read = _read(parse_clause(clause), statements, namespace, source, request=request, cells=cells)
    optimizer = _optimizer(read.objects)
    is_quiet = request.magic != "fit_one_cycle" if is_quiet is None else is_quiet
    setup = _setup(read, optimizer, namespace, request, is_quiet=is_quiet)
    return Discovered(setup, findings_of_body(read, setup))


def _read(
    clause: ForClause,
    statements: list[ast.stmt],
    namespace: dict[str, Any],
    source: CellSource,
    *,
    request: DiscoveryRequest,
    cells: CellHistory,
) -> ReadBody:
    code = compile_step(clause, statements, source)
    loop = clause_loop(clause, source, namespace, request.magic)
    known = BodyCode(code, metric_names(clause, statements), goes_backward(code, namespace), request.magic)
    objects = find_objects(code, namespace, request, cells, drawn_from=loop.code)
    valid = valid_loader(collect(namespace), request, namespace, cells)
    valid_loop = validation_loop(clause, valid.name, source, namespace) if valid else None
    return ReadBody(clause, statements, known, loop, objects, valid, valid_loop)


def _optimizer(objects: BodyObjects) -> torch.optim.Optimizer:
    if objects.optimizer is not None:
        return unwrapped_optimizer(objects.optimizer.value)
    return torch.optim.AdamW([p for p in objects.model.value.parameters() if p.requires_grad])


def _setup(
    read: ReadBody,
    optimizer: torch.optim.Optimizer,
    namespace: dict[str, Any],
    request: DiscoveryRequest,
    *,
    is_quiet: bool,
) -> TrainingSetup:
    model = read.objects.model.value
    if request.amp == "fp16" and any(isinstance(value, torch.amp.GradScaler) for value in read.objects.touched):
        raise SettingError("--amp fp16 scales the loss, and the body has a GradScaler of its own. Leave --amp out.")
    training, forward = _bodies(read, optimizer, namespace, request, is_quiet=is_quiet)
    owns_step = steps_conditionally(read.statements, namespace)
    return TrainingSetup(
        model=model,
        optimizer=optimizer,
        train_loader=read.loop,
        compute_loss=forward,
        valid_loader=read.valid_loop,
        device=training_device(model, request, namespace),
        accumulate=request.accumulate,
        clip_norm=request.clip_norm,
        amp=request.amp,
        train_batch=training,
        owns_step=owns_step,
        steps_per_pass=steps_of_pass(read.clause, read.statements, namespace) if owns_step else None,
        touched=read.objects.touched,
    )


def _bodies(
    read: ReadBody,
    optimizer: torch.optim.Optimizer,
    namespace: dict[str, Any],
    request: DiscoveryRequest,
    *,
    is_quiet: bool,
) -> tuple[TrainingBody, ForwardBody]:
    """Make the two ways through the body; each carries names of its own."""
    model = read.objects.model.value
    names = bound_names(read.code.code, namespace)
    run, dry_run = (BodyRun(read.code, CarriedNames(namespace, names)) for _ in range(2))
    values = [*(v for v in namespace.values() if not isinstance(v, type)), *read.objects.touched, optimizer]
    updating = updating_methods({id(value): value for value in values}.values())
    schedulers = [(value, name) for value, name in updating if is_scheduler(value)]
    scalers = [value for value in namespace.values() if isinstance(value, torch.amp.GradScaler)]
    calls = UpdateCalls(optimizer, model, scalers, keeps_gradients=request.accumulate > 1)
    training = TrainingBody(run, calls, schedulers, is_quiet=is_quiet)
    read.loop.has_ended_early = lambda: run.has_broken_off
    read.loop.touched = read.objects.touched
    if read.valid_loop is not None:
        read.valid_loop.touched = read.objects.touched
        read.valid_loop.is_put_back = True
    return training, ForwardBody(dry_run, model, updating, training)
