from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from lr_magic.pure.errors import BatchError, SettingError
from lr_magic.training.batches import BatchSource, EndOfBatches
from lr_magic.training.cycle.one_cycle import fit_one_cycle
from lr_magic.training.setup import BatchOutcome, TrainingSetup
from lr_magic.training.step import StepRunner
from lr_magic.training.sweeping.range_test import range_test

from .fingerprint import bytes_of
from .small_setups import small_data, small_setup

CPU = torch.device("cpu")


def linear_setup(loader, **options):
    torch.manual_seed(0)
    model = nn.Linear(6, 2)
    return TrainingSetup.supervised(
        model, torch.optim.SGD(model.parameters(), lr=0.1), loader, nn.CrossEntropyLoss(), **options
    )


def halves(count=4):
    x, y = small_data(16 * count).tensors
    return [(x[i : i + 16], y[i : i + 16]) for i in range(0, 16 * count, 16)]


def one_step(setup):
    return StepRunner(setup).run(BatchSource(setup.train_loader, CPU).next)


def test_accumulated_batches_make_the_step_of_one_large_batch():
    small = linear_setup(halves(2), accumulate=2)
    large = linear_setup([tuple(torch.cat(parts) for parts in zip(*halves(2), strict=True))])
    outcome, expected = one_step(small), one_step(large)
    assert torch.allclose(small.model.weight, large.model.weight, atol=1e-7)
    assert outcome.loss.item() == pytest.approx(expected.loss.item())
    assert outcome.num_samples == expected.num_samples == 32


def test_a_pass_that_ends_within_a_step_steps_with_the_mean_of_its_batches():
    setup = linear_setup(halves(1), accumulate=3)
    expected = linear_setup(halves(1))
    StepRunner(setup).run(BatchSource(setup.train_loader, CPU).next_in_pass)
    one_step(expected)
    assert torch.allclose(setup.model.weight, expected.model.weight, atol=1e-7)


def test_gradients_are_clipped_together():
    setup = linear_setup(halves(1), clip_norm=1e-3)
    before = [p.detach().clone() for p in setup.model.parameters()]
    one_step(setup)
    moved = torch.cat([(p - b).flatten() for p, b in zip(setup.model.parameters(), before, strict=True)])
    assert moved.norm().item() == pytest.approx(0.1 * 1e-3, rel=1e-2)


@pytest.mark.parametrize("amp", ["bf16", "fp16"])
def test_forward_passes_run_under_autocast(amp):
    types = []
    setup = linear_setup(halves(2), amp=amp)
    setup.model.register_forward_hook(lambda _m, _a, output: types.append(output.dtype))
    fit_one_cycle(replace(setup, valid_loader=halves(1)), epochs=1, max_lr=1e-2)
    assert set(types) == {torch.bfloat16 if amp == "bf16" else torch.float16}


def test_a_scaler_of_ones_own_is_used_and_updated_by_a_training():
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0, growth_interval=1)
    fit_one_cycle(linear_setup(halves(2), scaler=scaler), epochs=1, max_lr=1e-2)
    assert scaler.get_scale() == 16.0


class OwnStep:
    """A person's step that may leave out any part of it."""

    def __init__(self, setup, *parts):
        self.setup, self.parts = setup, parts

    def __call__(self, batch, update):
        outcome = self.setup.compute_loss(batch)
        if "zero_grad" in self.parts:
            update.zero_grad()
        if "backward" in self.parts:
            update.backward(outcome.loss)
        if "step" in self.parts:
            update.step()
        return outcome


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("parts", [(), ("backward",), ("zero_grad", "backward", "step")])
def test_what_an_own_step_leaves_out_is_done_by_the_engine(parts, accumulate):
    expected = linear_setup(halves(), accumulate=accumulate)
    fit_one_cycle(expected, epochs=1, max_lr=0.1)
    setup = linear_setup(halves(), accumulate=accumulate)
    history = fit_one_cycle(replace(setup, train_batch=OwnStep(setup, *parts)), epochs=1, max_lr=0.1)
    assert bytes_of(setup.model.weight) == bytes_of(expected.model.weight)
    assert len(history.steps) == 4 // accumulate


def test_a_step_that_owns_its_step_accumulates_until_it_steps():
    setup = linear_setup(halves(6))
    calls = []

    def train_batch(batch, update):
        calls.append(1)
        outcome = setup.compute_loss(batch)
        update.backward(outcome.loss / 3)
        if len(calls) % 3 == 0:
            update.step()
        return outcome

    history = fit_one_cycle(replace(setup, train_batch=train_batch, owns_step=True), steps=2, max_lr=0.1)
    assert (len(history.steps), len(calls)) == (2, 6)
    expected = linear_setup(halves(6), accumulate=3)
    fit_one_cycle(expected, steps=2, max_lr=0.1)
    assert torch.allclose(setup.model.weight, expected.model.weight, atol=1e-7)


def test_a_batch_that_is_passed_over_counts_nowhere():
    setup = linear_setup(halves(4))
    calls = []

    def train_batch(batch, update):
        calls.append(1)
        outcome = setup.compute_loss(batch)
        if len(calls) % 2:
            update.backward(outcome.loss * 1e6)  # must not reach the next batch's step
            return None
        return outcome

    history = fit_one_cycle(replace(setup, train_batch=train_batch), steps=2, max_lr=0.1)
    assert (len(history.steps), len(calls)) == (2, 4)
    expected = linear_setup(halves(4)[1::2])
    fit_one_cycle(expected, steps=2, max_lr=0.1)
    assert bytes_of(setup.model.weight) == bytes_of(expected.model.weight)


@pytest.mark.parametrize("owns_step", [False, True])
def test_a_step_that_never_steps_ends_in_an_error(owns_step):
    setup = linear_setup(halves(1))
    never = replace(setup, train_batch=lambda *_: None, owns_step=owns_step)
    with pytest.raises(BatchError, match="1,000 batches"):
        range_test(never)


@pytest.mark.parametrize(
    ("make_loss", "words"),
    [
        (lambda loss: loss.item(), "must be a tensor; got a float"),
        (lambda loss: loss.expand(3) * 1, r"shape \(3,\).*loss.mean"),
        (lambda loss: loss.detach(), "depends on no parameter"),
    ],
)
def test_a_loss_that_cannot_be_trained_on_is_named(make_loss, words):
    setup = linear_setup(halves(1))
    bad = replace(setup, compute_loss=lambda batch: BatchOutcome(make_loss(setup.compute_loss(batch).loss)))
    with pytest.raises(BatchError, match=words):
        range_test(bad)


def test_an_error_of_backward_itself_is_the_persons():
    setup = linear_setup(halves(1))

    def compute_loss(batch):
        loss = setup.compute_loss(batch).loss
        loss.backward(retain_graph=False)
        return BatchOutcome(loss)

    with pytest.raises(RuntimeError, match="second time") as caught:
        range_test(replace(setup, compute_loss=compute_loss))
    assert not isinstance(caught.value, BatchError)


def test_stop_iteration_of_a_persons_own_code_is_no_end_of_batches():
    setup = linear_setup(halves(1))

    def compute_loss(batch):
        next(iter([]))
        return setup.compute_loss(batch)

    with pytest.raises(StopIteration):
        range_test(replace(setup, compute_loss=compute_loss))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"accumulate": 0}, "accumulate must be at least 1"),
        ({"clip_norm": 0.0}, "clip_norm must be above 0"),
        ({"amp": "fp8"}, "amp must be one of bf16, fp16"),
        ({"owns_step": True}, "needs train_batch"),
    ],
)
def test_settings_out_of_range_are_refused(options, words):
    with pytest.raises(SettingError, match=words):
        linear_setup(halves(1), **options)


def test_a_model_on_another_device_is_refused_before_anything_is_touched():
    with pytest.raises(SettingError, match=r"model.to\('meta'\)"):
        range_test(linear_setup(halves(1), device="meta"))


def test_a_model_without_parameters_goes_where_torch_says():
    setup = replace(linear_setup(halves(1)), model=nn.Identity())
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else CPU
    assert setup.target_device == accelerator


def test_a_batch_that_is_no_pair_is_named():
    setup = linear_setup([{"x": torch.ones(2)}])
    with pytest.raises(BatchError, match="got a dict"):
        range_test(setup)
    with pytest.raises(BatchError, match="tuple of 3"):
        range_test(linear_setup([(torch.ones(2, 6), torch.ones(2), torch.ones(2))]))


def test_a_pass_that_is_over_is_said_so():
    source = BatchSource(iter(halves(2)), CPU)
    source.next()
    source.next()
    with pytest.raises(EndOfBatches):
        source.next()


def test_the_usual_setup_is_short():
    assert small_setup().accumulate == 1
