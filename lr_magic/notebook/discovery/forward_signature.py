"""What a model's ``forward`` takes, by its signature."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from lr_magic.notebook.discovery.words import sounds_like_target, words_of
from lr_magic.training.layers.layer_units import unwrapped

if TYPE_CHECKING:
    from torch import nn

_STATE_WORDS = frozenset({"hidden", "h", "h0", "hc", "hx", "c0", "cell", "state", "states", "carry", "memory", "prev"})
_DRAWN_WORDS = frozenset({"t", "time", "times", "timestep", "timesteps", "sigma", "sigmas", "noise"})


@dataclass(frozen=True)
class ForwardSignature:
    """Parameters of a ``forward``, without ``self``.

    Attributes
    ----------
    required, optional
        Names that can be given by position or by keyword, in order.
    takes_any
        True for ``*args`` or ``**kwargs`` alone: the signature says nothing.
    """

    required: tuple[str, ...]
    optional: tuple[str, ...]
    takes_any: bool

    @property
    def names(self) -> tuple[str, ...]:
        """Every parameter, in order."""
        return self.required + self.optional


def signature_of(model: nn.Module) -> ForwardSignature:
    """Read the signature of the forward that the person wrote, through ``torch.compile`` and ``DataParallel``."""
    parameters = forward_parameters(unwrapped(model))
    if parameters is None:
        return ForwardSignature((), (), takes_any=True)
    named = [p for p in parameters if p.kind not in {p.VAR_POSITIONAL, p.VAR_KEYWORD}]
    if not named and parameters:
        return ForwardSignature((), (), takes_any=True)
    required = tuple(p.name for p in named if p.default is p.empty)
    return ForwardSignature(required, tuple(p.name for p in named if p.default is not p.empty), takes_any=False)


def forward_parameters(module: nn.Module) -> list[inspect.Parameter] | None:
    """Parameters of a module's own ``forward``, without ``self``; None where they cannot be told."""
    try:
        if isinstance(module, torch.jit.ScriptModule):
            scripted: Any = module.forward
            return [_parameter_of(argument) for argument in scripted.schema.arguments[1:]]
        return list(inspect.signature(type(module).forward).parameters.values())[1:]
    except (TypeError, ValueError):
        return None


def _parameter_of(argument: Any) -> inspect.Parameter:
    """An argument as TorchScript describes it."""
    default = argument.default_value if argument.has_default_value() else inspect.Parameter.empty
    return inspect.Parameter(argument.name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default)


def is_state(parameter: str) -> bool:
    """Tell whether a parameter is what the loop carries from step to step: a batch never fills it."""
    return bool(_STATE_WORDS & set(words_of(parameter))) or parameter.lower() in _STATE_WORDS


def is_drawn(parameter: str) -> bool:
    """Tell whether a parameter is what a diffusion loop draws for each batch: a time, a noise."""
    return bool(_DRAWN_WORDS & set(words_of(parameter)))


def is_length(parameter: str) -> bool:
    """Tell whether a parameter takes lengths of sequences: whole numbers from 1 on."""
    words = words_of(parameter)
    return any(word.startswith("len") for word in words) or words[-1:] in (["lens"], ["seqlen"])


def is_mask(parameter: str) -> bool:
    """Tell whether a parameter takes a mask: zeros and ones."""
    return any("mask" in word for word in words_of(parameter))


def is_target(parameter: str) -> bool:
    """Tell whether a parameter takes what the model is to predict: such a model computes its own loss."""
    return sounds_like_target(parameter)
