"""Trials make no noise: what the person's code prints or warns of is for the run, not for attempts at reading it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO

_REGISTRY = "__warningregistry__"


@contextmanager
def silenced(namespace: Mapping[str, object]) -> Iterator[None]:
    """Ignore warnings and prints, and keep Python from leaving its register of warnings in the notebook."""
    was_there = _REGISTRY in namespace
    try:
        unread = StringIO()
        with warnings.catch_warnings(), redirect_stdout(unread), redirect_stderr(unread):
            warnings.simplefilter("ignore")
            yield
    finally:
        if not was_there and isinstance(namespace, MutableMapping):
            namespace.pop(_REGISTRY, None)
