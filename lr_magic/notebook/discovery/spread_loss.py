"""A loss of the notebook that takes a tuple of outputs apart: ``loss_function(recon_x, x, mu, logvar)``."""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import TYPE_CHECKING, Any

import torch

from lr_magic.notebook.discovery.loss_candidates import required_parameters
from lr_magic.notebook.discovery.words import sounds_like_target

if TYPE_CHECKING:
    from torch import nn

    from lr_magic.notebook.discovery.candidates import Candidate

_INPUT_NAMES = frozenset({"x", "data", "inputs", "input", "img", "image", "images", "original", "real"})


def spread_call(loss: Candidate, output: Any, model: nn.Module) -> str | None:
    """Write the one call that the names of a loss's parameters allow for a tuple of outputs, or None.

    One parameter must be the target (the last one) or the input, by its name; the others are the outputs, in the
    order of the model's ``return``, unless that names them otherwise.
    """
    parameters = required_parameters(loss.value) or []
    if not isinstance(output, (tuple, list)) or not all(isinstance(part, torch.Tensor) for part in output):
        return None
    inputs = [name for name in parameters if name in _INPUT_NAMES]
    targets = [name for name in parameters[-1:] if sounds_like_target(name)]
    rest = [name for name in parameters if name not in inputs and name not in targets]
    if len(inputs) + len(targets) != 1 or len(rest) != len(output) or len(rest) < 2:
        return None
    given = {**dict.fromkeys(inputs, "x"), **dict.fromkeys(targets, "y"), **_outputs_for(rest, _returned_names(model))}
    return f"{loss.name}({', '.join(given[name] for name in parameters)})"


def _outputs_for(parameters: list[str], returned: list[str]) -> dict[str, str]:
    """Give every parameter the output of its name, and what is left over in order."""
    named = {name: f"out[{returned.index(name)}]" for name in parameters if name in returned}
    free = iter(text for i in range(len(parameters)) if (text := f"out[{i}]") not in named.values())
    return {name: named.get(name) or next(free) for name in parameters}


def _returned_names(model: nn.Module) -> list[str]:
    """Return the names in the last ``return`` of a model's forward; empty text for what is no name."""
    if isinstance(model, torch.jit.ScriptModule):
        return []  # its source is that of its class in Python, which it does not know
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(type(model).forward)))
    except (OSError, TypeError, SyntaxError):
        return []
    returns = [node.value for node in ast.walk(tree) if isinstance(node, ast.Return)]
    last = returns[-1] if returns else None
    return [part.id if isinstance(part, ast.Name) else "" for part in last.elts] if isinstance(last, ast.Tuple) else []
