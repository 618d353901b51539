from __future__ import annotations

import torch

from lr_magic.pure.stop_reason import StopReason
from lr_magic.training.one_cycle import fit_one_cycle

from .fingerprint import fingerprint
from .small_setups import accuracy, small_data, small_setup


def test_one_cycle_follows_torchs_schedule_and_leaves_the_groups_as_found():
    setup = small_setup()
    before = fingerprint(setup)["groups"]
    history = fit_one_cycle(setup, epochs=3, max_lr=1e-2)
    reference = torch.optim.AdamW(setup.model.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(reference, 1e-2, total_steps=18)
    for record in history.steps:
        assert record.lr == reference.param_groups[0]["lr"]
        assert record.momentum == reference.param_groups[0]["betas"][0]
        reference.step()
        if record.step < 17:
            schedule.step()
    assert fingerprint(setup)["groups"] == before
    assert (len(history.steps), len(history.epochs), history.stop_reason) == (18, 3, StopReason.COMPLETED)


def test_an_epoch_ends_where_the_pass_does_when_batches_are_accumulated():
    setup = small_setup(accumulate=4)
    history = fit_one_cycle(setup, epochs=3, max_lr=1e-2)
    # six batches: a step of four and one of two
    assert (len(history.steps), len(history.epochs)) == (6, 3)


def test_each_epoch_is_validated_without_changing_train_or_eval():
    setup = small_setup(valid_loader=torch.utils.data.DataLoader(small_data(), 20), metrics={"accuracy": accuracy})
    setup.model[1].eval()
    history = fit_one_cycle(setup, epochs=2, max_lr=1e-2)
    assert [m.training for m in setup.model] == [True, False, True, True, True]
    assert history.epochs[1].valid_loss < history.epochs[0].valid_loss
    assert 0 <= history.epochs[1].metrics["accuracy"] <= 1
