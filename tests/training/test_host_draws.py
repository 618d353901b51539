"""Whether steps draw Python's or NumPy's random numbers is found out, whatever they draw."""
# ruff: noqa: NPY002 - the generator that people's code uses

from __future__ import annotations

import random

import numpy as np
import pytest

from lr_magic.training.cycle.one_cycle import fit_one_cycle
from lr_magic.training.restoring.saved_random import host_content, random_content, set_random
from lr_magic.training.resuming.host_draws import HostDraws

from .small_setups import small_setup

DRAWS = {
    "random": random.random,
    "gauss": lambda: random.gauss(0, 1),
    "shuffle": lambda: random.shuffle([1, 2, 3]),
    "rand": np.random.rand,
    "randn": np.random.randn,
    "beta": lambda: np.random.beta(0.2, 0.2),
    "a whole round": lambda: [random.getrandbits(32) for _ in range(624)],
    "a whole round of NumPy's": lambda: np.random.bytes(4 * 624),
}


def nothing():
    pass


def after_a_step(draws, in_loader, in_work):
    draws.begin_first_step(host_content())
    for _ in range(2):  # batches of one step
        if draws.is_watching:
            draws.end_work()
        in_loader()
        if draws.is_watching:
            draws.begin_work()
        in_work()
    if not draws.is_settled:
        draws.end_step()
    return draws.is_settled, draws.may_be_made


@pytest.mark.parametrize("is_known_already", [False, True], ids=["", "the next normal number is known"])
@pytest.mark.parametrize("name", DRAWS)
def test_what_steps_draw_is_noticed(name, is_known_already):
    random.seed(0)
    np.random.seed(0)
    if is_known_already:
        random.gauss(0, 1)
        np.random.randn()
    draws = HostDraws()
    assert after_a_step(draws, nothing, DRAWS[name]) == (False, True)
    assert after_a_step(draws, nothing, DRAWS[name]) == (True, True)


@pytest.mark.parametrize("name", DRAWS)
def test_what_only_a_loader_draws_is_told_apart_in_the_second_step(name):
    draws = HostDraws()
    assert after_a_step(draws, DRAWS[name], nothing) == (False, True)
    assert after_a_step(draws, DRAWS[name], nothing) == (True, False)


def test_where_nobody_draws_one_step_tells():
    np.random.seed(0)
    assert after_a_step(HostDraws(), nothing, nothing) == (True, False)


def test_another_generator_of_numpys_is_looked_at_by_its_state():
    before = np.random.get_bit_generator()
    np.random.set_bit_generator(np.random.PCG64(0))
    try:
        draws, content = HostDraws(), host_content()
        assert after_a_step(draws, nothing, np.random.rand) == (False, True)
        assert after_a_step(draws, nothing, np.random.rand) == (True, True)
        numbers = np.random.rand(3)
        set_random({**random_content(), **content})
        assert np.random.rand(7)[-3:].tolist() == numbers.tolist()
    finally:
        np.random.set_bit_generator(before)


def test_a_training_runs_with_another_generator_of_numpys():
    before = np.random.get_bit_generator()
    np.random.set_bit_generator(np.random.PCG64(0))
    try:
        assert len(fit_one_cycle(small_setup(), steps=3, max_lr=1e-2).steps) == 3
    finally:
        np.random.set_bit_generator(before)
