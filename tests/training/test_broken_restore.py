"""Breaks one promise of the restore after the other, on purpose: the tests of the others must see each."""

from __future__ import annotations

import warnings

import pytest
import torch

from lr_magic.training.restoring import attached_schedulers, restore, tensor_state
from lr_magic.training.restoring.copy_place import CopyPlace
from lr_magic.training.restoring.frozen_guard import FrozenGuard
from lr_magic.training.restoring.held_iterator import HeldIterator, HeldPlaces
from lr_magic.training.restoring.kept_states import ArrayState, ClassState, DictState, EmptyStates, ListState
from lr_magic.training.restoring.loader_state import LoaderState
from lr_magic.training.restoring.random_state import GeneratorState, GlobalRandomState, RandomSource
from lr_magic.training.restoring.tensor_state import TensorState
from lr_magic.training.sweeping.range_test import range_test

from . import kinds
from .fingerprint import fingerprint


def yes(*_):
    return True


def nothing(*_):
    return None


def wrong_copy(_, data):
    return data.clone().mul_(1.5) if data.is_floating_point() else data.clone()


# What is broken, how, and a kind of setup that shows it.
BROKEN = [
    (TensorState, "put_back", yes, kinds.plain),
    (TensorState, "_put_back_autograd", nothing, kinds.adamw_warm),
    (TensorState, "copy", nothing, kinds.plain),
    (CopyPlace, "copy_of", wrong_copy, kinds.plain),
    (tensor_state, "_is_same_memory", yes, kinds.momentum_encoder),
    (DictState, "put_back", yes, kinds.adamw_warm),
    (ListState, "put_back", yes, kinds.stateful_warm),
    (EmptyStates, "put_back", yes, kinds.adamw_fresh),
    (ArrayState, "put_back", yes, kinds.stateful),
    (ClassState, "put_back", yes, kinds.lazy),
    (RandomSource, "put_back", yes, kinds.plain),
    (GeneratorState, "put_back", yes, kinds.with_generator),
    (GlobalRandomState, "put_back", yes, kinds.plain),
    (LoaderState, "put_back", yes, kinds.stream),
    (HeldPlaces, "put_back", nothing, kinds.own_sampler_with_an_iterator),
    (HeldIterator, "put_back", nothing, kinds.own_sampler_with_an_iterator),
    (FrozenGuard, "watch", nothing, kinds.teacher),
    (attached_schedulers, "_is_scheduler", lambda *_: False, kinds.own_step_that_schedules),
    (restore.Restored, "_put_back", nothing, kinds.plain),
]


@pytest.mark.parametrize(
    ("owner", "name", "replacement", "kind"), BROKEN, ids=[f"{o.__name__}.{n}" for o, n, *_ in BROKEN]
)
def test_a_broken_restore_is_seen(monkeypatch, owner, name, replacement, kind):
    assert _leaves_no_trace(kind())
    monkeypatch.setattr(owner, name, replacement)
    assert not _leaves_no_trace(kind())


def _leaves_no_trace(setup):
    before = fingerprint(setup)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            range_test(setup, num_steps=6, end_lr=1e-2)
            return fingerprint(setup) == before
        except (RuntimeError, AttributeError, ValueError):  # a broken object refuses to work, or to be looked at
            return False


def test_a_copy_that_was_changed_is_seen_by_the_receipt(monkeypatch):
    setup = kinds.plain()
    monkeypatch.setattr(torch.Tensor, "copy_", lambda self, *_: self)
    with pytest.warns(RuntimeWarning, match="NOT as before: 9 tensors"):
        result = range_test(setup, num_steps=6, end_lr=1e-2)
    assert "NOT as before" in result.receipt
