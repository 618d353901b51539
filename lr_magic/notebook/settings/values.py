"""Option values: each may be a number, a name or an expression of the notebook."""

from __future__ import annotations

from numbers import Number
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from lr_magic.notebook.discovery.near_names import near_name
from lr_magic.pure.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Mapping


def evaluate(text: str, namespace: Mapping[str, Any], option: str) -> Any:
    """Value of an expression in the notebook; the namespace is not changed.

    Raises
    ------
    SettingError
        Naming the option, the value and, for an unknown name, the nearest existing one.
    """
    try:
        return eval(text, dict(namespace))  # noqa: S307 - the person's own expression in the person's own notebook
    except NameError as error:
        raise SettingError(f"{option} {text}: {_unknown_name(error.name or '', text, namespace)}") from None
    except Exception as error:  # noqa: BLE001 - whatever the person's expression raises
        raise SettingError(f"{option} {text} does not evaluate: {type(error).__name__}: {error}") from None


def real_number(text: str, namespace: Mapping[str, Any], option: str) -> float:
    """Value of an expression as a float."""
    value = evaluate(text, namespace, option)
    try:
        return float(value)
    except (TypeError, ValueError):
        raise SettingError(f"{option} needs a number; {text} is of type {type(value).__name__}.") from None


def whole_number(text: str, namespace: Mapping[str, Any], option: str) -> int:
    """Value of an expression as an int; 1e3 is one, 2.5 is not."""
    value = real_number(text, namespace, option)
    if not value.is_integer():
        raise SettingError(f"{option} needs a whole number; got {text}.")
    return int(value)


def _unknown_name(name: str, text: str, namespace: Mapping[str, Any]) -> str:
    near = near_name(name, text, namespace, _may_be_value)
    hint = f" Did you mean {near}?" if near else ""
    return f"there is no name {name!r} in this notebook.{hint}"


def _may_be_value(value: object) -> bool:
    """Whether it is a number, or what a peak may be written as."""
    return isinstance(value, (Number, slice, list, tuple, torch.Tensor, np.ndarray)) and not isinstance(value, bool)
