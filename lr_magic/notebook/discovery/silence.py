"""Trials make no noise: warnings of the person's code are for the run itself, not for attempts at reading it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager

_REGISTRY = "__warningregistry__"


@contextmanager
def silenced(namespace: Mapping[str, object]) -> Iterator[None]:
    """Ignore warnings, and keep Python from leaving its register of them in the notebook."""
    was_there = _REGISTRY in namespace
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        if not was_there and isinstance(namespace, MutableMapping):
            namespace.pop(_REGISTRY, None)
