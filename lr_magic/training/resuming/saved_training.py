"""A training as plain content for a file, by the names of its parameters, and back into the person's own objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from lr_magic.pure.errors import SettingError
from lr_magic.pure.results.fit_history import FitHistory
from lr_magic.training.optimizer_mode import put_in_training
from lr_magic.training.resuming.resume_point import ResumePoint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

    from lr_magic.training.restoring.saved_random import Content
    from lr_magic.training.setup import TrainingSetup

_PLAIN = (torch.Tensor, int, float, bool, str, type(None))


def training_content(setup: TrainingSetup, history: FitHistory, point: ResumePoint) -> Content:
    """Everything that is needed to go on in another process, but for data and code."""
    states = setup.optimizer.state
    return {
        "model": dict(setup.model.state_dict()),
        "frozen": [name for name, p in setup.model.named_parameters() if not p.requires_grad],
        "optimizer": {name: _plain(states[p]) for name, p in _named(setup) if p in states},
        "history": history.to_json(),
        "point": point.content(),
    }


def history_of(content: Content) -> FitHistory:
    """History of a training that was saved, with the point where it can go on."""
    history = FitHistory.from_json(content["history"])
    history.resume_point = ResumePoint.from_content(content["point"])
    return history


def load_training(setup: TrainingSetup, content: Content) -> None:
    """Write a saved training into the model and the optimizer of a setup."""
    # Saved in its training mode; told later, it would make other weights of the saved ones.
    put_in_training(setup.optimizer)
    setup.model.load_state_dict(content["model"])
    known = dict(_named(setup))
    group_of = {p: group for group in setup.optimizer.param_groups for p in group["params"]}
    for name, state in content["optimizer"].items():
        if name in known:
            parameter, group = known[name], group_of[known[name]]
            setup.optimizer.state[parameter] = {key: _placed(key, v, parameter, group) for key, v in state.items()}


def refuse_other_training(setup: TrainingSetup, content: Content) -> None:
    """Raise SettingError if the model of a saved training has other tensors than the setup's, or other ones frozen."""
    model = setup.model
    saved, own = content["model"], model.state_dict()
    unlike = sorted(
        name
        for name in saved.keys() | own.keys()
        if name not in saved or name not in own or _shape(saved[name]) != _shape(own[name])
    )
    if unlike:
        raise SettingError(
            f"The checkpoint is of another model: {len(unlike)} of its tensors differ, the first is {unlike[0]}."
        )
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    if frozen != set(content["frozen"]):
        raise SettingError(
            f"The checkpoint was written with {len(content['frozen'])} parameters frozen, here {len(frozen)} are. "
            "Run %freeze or %unfreeze as before it, then again."
        )


def _shape(value: Any) -> Any:
    return getattr(value, "shape", None)


def _named(setup: TrainingSetup) -> Iterator[tuple[str, nn.Parameter]]:
    """Parameters of the optimizer by their names in the model, else by their place in the optimizer."""
    names = {id(p): name for name, p in setup.model.named_parameters()}
    parameters = [p for group in setup.optimizer.param_groups for p in group["params"]]
    for number, parameter in enumerate(parameters):
        yield names.get(id(parameter), f" {number}"), parameter


def _plain(state: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in state.items() if isinstance(value, _PLAIN)}


def _placed(key: str, value: Any, parameter: nn.Parameter, group: dict[str, Any]) -> Any:
    """A tensor of a parameter's state where the optimizer wants it: with the parameter, step counts mostly not."""
    stays_on_host = key == "step" and not (group.get("capturable") or group.get("fused"))
    if not isinstance(value, torch.Tensor) or stays_on_host:
        return value
    return value.to(parameter.device)
