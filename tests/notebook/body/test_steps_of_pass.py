"""A body that decides when to step: how long a training of some epochs is, told before it begins."""

from __future__ import annotations

import pytest

from lr_magic.notebook.body import setup_from_body
from lr_magic.pure.errors import SettingError
from lr_magic.training.cycle.cycle_length import planned_steps
from lr_magic.training.cycle.one_cycle import fit_one_cycle

CLAUSE = "for i, (images, labels) in enumerate(train_loader)"
BODY = """
loss = criterion(model(images), labels) / accumulate
loss.backward()
if {test}:
    optimizer.step()
    optimizer.zero_grad()
"""


def setup_of(notebook, test, clause=CLAUSE):
    notebook["accumulate"] = 4
    return setup_from_body(clause, BODY.format(test=test), notebook).setup


@pytest.mark.parametrize(
    ("test", "steps"),
    [
        ("(i + 1) % accumulate == 0", 1),
        ("(i + 1) % accumulate == 0 or i + 1 == len(train_loader)", 2),
        ("(i + 1) % 2 == 0", 3),
        ("accumulate > 0", 6),
    ],
)
def test_the_planned_steps_are_those_that_are_made(notebook, test, steps):
    setup = setup_of(notebook, test)
    assert planned_steps(setup, epochs=3) == 3 * steps
    history = fit_one_cycle(setup, epochs=3, max_lr=0.01)
    assert (len(history.steps), len(history.epochs)) == (3 * steps, 3)
    assert history.steps[-1].lr < 1e-6


def test_a_count_that_does_not_begin_at_zero(notebook):
    setup = setup_of(notebook, "i % 4 == 0", CLAUSE.replace("train_loader)", "train_loader, start=1)"))
    assert planned_steps(setup, epochs=1) == 1


@pytest.mark.parametrize("test", ["loss < 5", "labels[0] == i", "(i + 1) % 40 == 0"])
def test_what_only_the_batches_tell_is_asked_for(notebook, test):
    with pytest.raises(SettingError, match="give steps"):
        planned_steps(setup_of(notebook, test), epochs=1)
