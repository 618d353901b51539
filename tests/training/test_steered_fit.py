from __future__ import annotations

import signal
from itertools import accumulate

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lr_magic.pure.control import RunControl
from lr_magic.pure.cycle.steered_cycle import SteeredCycle
from lr_magic.pure.errors import SettingError
from lr_magic.pure.results.fit_event import EventKind
from lr_magic.pure.results.stop_reason import StopReason
from lr_magic.pure.schedules import OneCycle
from lr_magic.training.cycle.blow_up_guard import LastGood
from lr_magic.training.cycle.one_cycle import fit_one_cycle
from lr_magic.training.layers.freezing import freeze, unfreeze
from lr_magic.training.loss_fetching import LateFetcher
from lr_magic.training.resuming.training_state import TrainingState

from .fingerprint import bytes_of, fingerprint, plain
from .small_setups import small_data, small_model, small_setup


def at_step(step, control, *verbs):
    def on_step(record):
        if record.step == step:
            for verb in verbs:
                verb(control)

    return on_step


def steered(setup, step, *verbs, **settings):
    control = RunControl()
    on_step = at_step(step, control, *verbs)
    return fit_one_cycle(setup, **{"epochs": 5, "max_lr": 1e-2, **settings}, control=control, on_step=on_step)


def weights_of(setup):
    return [bytes_of(tensor) for tensor in setup.model.state_dict().values()]


@pytest.mark.parametrize("num_steps", [1, 4, 8])
def test_anneal_now_ends_at_the_final_rate(num_steps):
    history = steered(small_setup(), 11, lambda control: control.anneal(num_steps))
    cycle = OneCycle(1e-2, 30)
    assert (len(history.steps), history.stop_reason) == (12 + num_steps, StopReason.COMPLETED)
    assert history.steps[-1].lr == cycle.final_lr
    assert history.steps[-1].momentum == cycle.max_momentum
    assert [record.lr for record in history.steps[:12]] == [cycle.lr_at(step) for step in range(12)]
    (event,) = history.events
    assert (event.kind, event.step, event.amount) == (EventKind.ANNEALED, 12, num_steps)
    assert event.sentence == f"annealed from step 12 on: 9.5e-3 → 4e-8 over {num_steps} steps"
    assert history.planned_steps == 12 + num_steps


def test_the_length_of_the_annealing_need_not_be_given():
    history = steered(small_setup(), 15, RunControl.anneal)
    assert len(history.steps) == 16 + 4


def test_extending_by_an_epoch():
    history = steered(small_setup(), 11, RunControl.extend)
    assert (len(history.steps), len(history.epochs)) == (36, 6)
    assert history.steps[-1].lr == OneCycle(1e-2, 30).final_lr
    assert [event.kind for event in history.events] == [EventKind.EXTENDED]


def test_extending_by_an_epoch_where_the_loader_has_no_length():
    loader = small_setup().train_loader
    setup = small_setup(loader=WithoutLength(loader))
    control = RunControl()
    history = fit_one_cycle(
        setup, steps=20, max_lr=1e-2, control=control, on_step=lambda record: record.step == 8 and control.extend()
    )
    assert len(history.steps) == 20 + len(loader)


class WithoutLength:
    def __init__(self, loader):
        self.loader = loader

    def __iter__(self):
        return iter(self.loader)


def test_every_step_is_at_the_rate_that_the_events_say():
    def steer(control):
        control.lower_peak(2.0)
        control.extend(steps=5)
        control.pause()
        control.anneal(9)
        control.resume()

    history = steered(small_setup(), 7, steer)
    schedule = SteeredCycle.of(OneCycle(1e-2, 30), history.events)
    assert [record.lr for record in history.steps] == [schedule.lr_at(step) for step in range(schedule.total_steps)]
    assert [event.kind.value for event in history.events] == ["peak_lowered", "extended", "annealed"]


def test_a_pause_is_recorded_and_changes_no_step():
    polls_since_pause = []

    def poll():
        if polls_since_pause:
            polls_since_pause.append(1)
        if len(polls_since_pause) == 5:
            control.resume()

    def on_step(record):
        if record.step == 4:
            control.pause()
            polls_since_pause.append(1)

    control = RunControl(poll)
    history = fit_one_cycle(small_setup(), epochs=2, max_lr=1e-2, control=control, on_step=on_step)
    (event,) = history.events
    assert (event.kind, event.step) == (EventKind.PAUSED, 5)
    assert event.amount > 0
    assert event.sentence == f"paused for {event.amount:.3g} s before step 5"
    assert [record.lr for record in history.steps] == [OneCycle(1e-2, 12).lr_at(step) for step in range(12)]


def test_a_script_steers_from_its_callbacks():
    control = RunControl()

    def on_epoch(epoch):
        if epoch.epoch == 2:
            control.anneal(steps=3)

    history = fit_one_cycle(small_setup(), epochs=5, max_lr=1e-2, control=control, on_epoch=on_epoch)
    assert len(history.steps) == 2 * 6 + 3
    assert [(event.kind, event.step, event.amount) for event in history.events] == [(EventKind.ANNEALED, 12, 3)]


@pytest.mark.parametrize(
    "ask",
    [
        lambda control: control.anneal(0),
        lambda control: control.extend(0),
        lambda control: control.extend(steps=0),
        lambda control: control.lower_peak(1.0),
        lambda control: control.roll_back(0.5),
    ],
)
def test_what_no_cycle_can_do_is_refused_where_it_is_asked(ask):
    control = RunControl()
    with pytest.raises(SettingError):
        ask(control)
    assert control.receive() is None


# Going back


class Trap(nn.Module):
    """Ruins the loss of some calls, or from one call on until its weight is put back."""

    def __init__(self, first: int, kind: str) -> None:
        super().__init__()
        self.net, self.first, self.kind, self.num_calls = small_model(), first, kind, 0

    def forward(self, x):
        self.num_calls += 1
        if self.num_calls == self.first and self.kind != "none":
            with torch.no_grad():
                self.net[4].weight.mul_(1e4 if self.kind == "spike" else float("nan"))
        return self.net(x)


@pytest.fixture
def eager_copies(monkeypatch):
    """Keep the state as often as steps allow, whatever the clock says."""
    monkeypatch.setattr("lr_magic.training.cycle.blow_up_guard._LEAST_SECONDS", 0.0)
    monkeypatch.setattr("lr_magic.training.cycle.blow_up_guard._COPY_SHARE", float("inf"))


@pytest.mark.parametrize("kind", ["spike", "nan"])
@pytest.mark.usefixtures("eager_copies")
def test_a_training_that_blows_up_goes_back_and_on_at_lower_rates(kind):
    setup = small_setup(model=Trap(12, kind))
    history = fit_one_cycle(setup, epochs=5, max_lr=1e-2, roll_back=True)
    kinds = [event.kind for event in history.events]
    assert kinds == [EventKind.ROLLED_BACK, EventKind.PEAK_LOWERED]
    back, lowered = history.events
    assert back.amount <= 11 < back.step
    assert history.stop_reason is StopReason.COMPLETED
    assert len(history.steps) == 30
    assert history.steps[-1].loss < history.steps[0].loss
    assert history.steps[lowered.step].lr == pytest.approx(OneCycle(1e-2, 30).lr_at(lowered.step) / 3)


@pytest.mark.parametrize("kind", ["spike", "nan"])
@pytest.mark.usefixtures("eager_copies")
def test_losses_that_are_read_late_cause_no_second_return_and_no_copy_of_bad_weights(monkeypatch, kind):
    monkeypatch.setattr("lr_magic.training.loss_fetching._GROUP_SIZE", 6)
    monkeypatch.setattr("lr_magic.training.cycle.cycle_run.fetcher_for", lambda _: LateFetcher(clock=lambda: 0.0))
    setup = small_setup(model=Trap(22, kind), loader=DataLoader(small_data(), 2, shuffle=True))
    history = fit_one_cycle(setup, epochs=3, max_lr=1e-2, roll_back=True)
    assert [event.kind for event in history.events] == [EventKind.ROLLED_BACK, EventKind.PEAK_LOWERED]
    assert history.events[0].amount <= 21
    assert history.stop_reason is StopReason.COMPLETED


@pytest.mark.usefixtures("eager_copies")
def test_a_spike_is_an_offer_that_a_command_takes_up():
    setup, control, seen = small_setup(model=Trap(12, "spike")), RunControl(), []

    def on_event(event):
        seen.append(event)
        if event.kind is EventKind.BLEW_UP:
            control.roll_back()

    history = fit_one_cycle(setup, epochs=5, max_lr=1e-2, control=control, on_event=on_event)
    assert [event.kind for event in seen] == [EventKind.BLEW_UP, EventKind.ROLLED_BACK, EventKind.PEAK_LOWERED]
    assert history.events == seen
    assert history.steps[-1].loss < history.steps[0].loss


@pytest.mark.usefixtures("eager_copies")
def test_a_dead_training_ends_with_the_last_good_weights_and_can_be_resumed_lower():
    setup = small_setup(model=Trap(12, "nan"))
    history = fit_one_cycle(setup, epochs=5, max_lr=1e-2, control=RunControl())
    assert history.stop_reason is StopReason.NON_FINITE
    assert all(torch.isfinite(tensor).all() for tensor in setup.model.parameters())
    assert [e.kind for e in history.events] == [EventKind.BLEW_UP, EventKind.ROLLED_BACK, EventKind.PEAK_LOWERED]
    resumed = fit_one_cycle(setup, resume=history)
    assert resumed.stop_reason is StopReason.COMPLETED
    assert resumed.steps[-1].loss < resumed.steps[0].loss


def test_without_anyone_to_go_back_nothing_is_kept_and_a_dead_training_ends():
    setup = small_setup(model=Trap(12, "nan"))
    history = fit_one_cycle(setup, epochs=5, max_lr=1e-2)
    assert (history.stop_reason, len(history.steps)) == (StopReason.NON_FINITE, 14)
    assert [event.kind for event in history.events] == [EventKind.BLEW_UP]


@pytest.mark.usefixtures("eager_copies")
def test_going_back_at_will_gives_the_weights_of_that_step_bit_for_bit():
    setup, control, weights = small_setup(), RunControl(), {}

    def on_step(record):
        weights[record.step + 1] = weights_of(setup)
        if record.step == 9:
            control.roll_back(factor=1.0)

    def on_event(_event):
        weights["then"] = weights_of(setup)

    history = fit_one_cycle(setup, epochs=5, max_lr=1e-2, control=control, on_step=on_step, on_event=on_event)
    (event,) = history.events
    assert weights["then"] == weights[event.amount]
    assert event.amount == 5


def test_the_last_good_point_is_one_that_an_interval_has_followed():
    now, setup = [0.0], small_setup()
    kept = LastGood(setup, clock=lambda: now[0])
    kept.keep(0)
    for number in range(1, 40):
        now[0] += 0.125
        with torch.no_grad():
            setup.model[0].bias.fill_(float(number))
        if number < 33 and kept.is_due(number):
            kept.keep(number)
    assert kept.put_back() == 25
    assert setup.model[0].bias.tolist() == [25.0] * 8


def test_a_state_is_put_back_bit_for_bit():
    setup = small_setup()
    fit_one_cycle(setup, epochs=1, max_lr=1e-2)
    before, memory = fingerprint(setup), [p.data_ptr() for p in setup.model.parameters()]
    state = TrainingState(setup)
    fit_one_cycle(setup, epochs=1, max_lr=1e-2)
    state.put_back()
    after = fingerprint(setup)
    for part in ("state", "groups", "identities"):
        assert after[part] == before[part]
    assert dict(after["optimizer_state"]) == dict(before["optimizer_state"])
    assert [p.data_ptr() for p in setup.model.parameters()] == memory


class Rebinding(nn.Module):
    """Holds other tensors after each step: a buffer that grows, a weight with new data, a new list of layers."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(6, 6), nn.Linear(6, 2)])
        self.register_buffer("memory", torch.zeros(0, 6))

    def forward(self, inputs):
        if self.training:
            self.memory = torch.cat([self.memory, inputs.detach()[:1]])
            self.layers = nn.ModuleList([nn.Linear(6, 6).requires_grad_(False), *self.layers])
            self.layers[-1].weight.data = self.layers[-1].weight.data * 0.99
        for layer in self.layers:
            inputs = layer(inputs)
        return inputs


def test_a_state_is_put_back_into_a_model_that_holds_other_tensors_by_now():
    setup = small_setup(model=Rebinding())
    fit_one_cycle(setup, steps=2, max_lr=1e-2)
    before = {name: bytes_of(tensor) for name, tensor in setup.model.state_dict().items()}
    state = TrainingState(setup)
    fit_one_cycle(setup, steps=2, max_lr=1e-2)
    state.put_back()
    assert {name: bytes_of(tensor) for name, tensor in setup.model.state_dict().items()} == before


def test_a_state_from_before_the_first_step_takes_the_optimizers_memory_away():
    setup = small_setup()
    state = TrainingState(setup)
    fit_one_cycle(setup, epochs=1, max_lr=1e-2)
    state.put_back()
    assert not setup.optimizer.state


def test_what_an_optimizer_counts_in_its_groups_goes_back_with_the_state():
    setup = small_setup()
    group = setup.optimizer.param_groups[0]
    group.update(count=3, sum=torch.tensor(2.0), is_on=True)
    total, state = group["sum"], TrainingState(setup)
    group.update(count=8, is_on=False, lr=0.5)
    total.add_(1)
    state.put_back()
    assert (group["count"], group["is_on"], group["lr"]) == (3, False, 0.5)
    assert group["sum"] is total
    assert total.item() == 2.0


# Rates by layer


def test_one_cycle_per_group_is_torchs_with_a_list_of_peaks():
    setup = small_setup()
    peaks, seen = [1e-4, 1e-3], []
    setup.optimizer.param_groups[:] = []
    for layer in (setup.model[0:2], setup.model[4:]):
        setup.optimizer.add_param_group({"params": list(layer.parameters()), "lr": 1.0})
    setup.optimizer.register_step_post_hook(
        lambda optimizer, *_: seen.append([(g["lr"], g["betas"][0]) for g in optimizer.param_groups])
    )
    fit_one_cycle(setup, epochs=4, max_lr=peaks)
    model = small_model()
    groups = [{"params": list(model[0:2].parameters())}, {"params": list(model[4:].parameters())}]
    reference = torch.optim.AdamW(groups, lr=1.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(reference, peaks, total_steps=24)
    for step in range(24):
        assert seen[step] == [(g["lr"], g["betas"][0]) for g in reference.param_groups]
        reference.step()
        if step < 23:
            schedule.step()


@pytest.mark.parametrize("given", [slice(1e-6, 1e-4), slice(1e-4), [1e-6, 1e-5, 1e-4]])
def test_a_plain_optimizer_is_split_by_layers_for_the_time_of_a_training(given):
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))
    setup, seen = small_setup(model=model), []
    before = fingerprint(setup)["groups"]
    setup.optimizer.register_step_post_hook(
        lambda optimizer, *_: seen.append([(len(g["params"]), g["lr"]) for g in optimizer.param_groups])
    )
    history = fit_one_cycle(setup, epochs=4, max_lr=given)
    # fastai: start * (stop / start) ** (i / (n - 1)); slice(stop): a tenth for all but the last
    expected = [1e-5, 1e-5, 1e-4] if given == slice(1e-4) else [1e-6, 1e-5, 1e-4]
    shape = OneCycle(1.0, 24)
    for step, groups in enumerate(seen):
        assert [size for size, _ in groups] == [4, 2, 2]
        assert [lr for _, lr in groups] == pytest.approx([peak * shape.lr_at(step) for peak in expected])
    assert fingerprint(setup)["groups"] == before
    assert history.settings["max_lr"] == pytest.approx(expected)


@pytest.mark.parametrize("max_lr", [1e-2, slice(1e-6, 1e-4)], ids=["one rate", "by layers"])
def test_a_group_that_a_training_adds_stays(max_lr):
    setup, extra = small_setup(), nn.Parameter(torch.ones(1))
    before = fingerprint(setup)["groups"]
    forward = setup.model.register_forward_pre_hook(
        lambda *_: (setup.optimizer.add_param_group({"params": [extra], "lr": 0.5}), forward.remove())[1]
    )
    fit_one_cycle(setup, steps=3, max_lr=max_lr)
    assert fingerprint(setup)["groups"][:-1] == before
    added = setup.optimizer.param_groups[-1]
    assert added["lr"] == 0.5
    assert added["params"][0] is extra


def test_ones_own_groups_from_stem_to_head_get_the_range_themselves():
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))
    setup = small_setup(model=model)
    setup.optimizer.param_groups[:] = []
    for layers in (model[:3], model[3:]):
        setup.optimizer.add_param_group({"params": list(layers.parameters())})
    assert fit_one_cycle(setup, epochs=1, max_lr=slice(1e-4, 1e-2)).settings["max_lr"] == [1e-4, 1e-2]


def test_with_and_without_decay_both_follow_the_layers():
    model = small_model()
    matrices, vectors = ([p for p in model.parameters() if (p.ndim > 1) is is_matrix] for is_matrix in (True, False))
    setup = small_setup(
        model=model,
        optimizer=lambda _, lr: torch.optim.AdamW(
            [{"params": matrices}, {"params": vectors, "weight_decay": 0}], lr=lr
        ),
    )
    before, decays = fingerprint(setup)["groups"], []
    setup.optimizer.register_step_post_hook(
        lambda optimizer, *_: decays.append([(g["weight_decay"], len(g["params"])) for g in optimizer.param_groups])
    )
    history = fit_one_cycle(setup, epochs=1, max_lr=slice(1e-4, 1e-2), weight_decay=0.5)
    assert history.settings["max_lr"] == [1e-4, 1e-4, 1e-2, 1e-2]
    assert decays[0] == [(0.5, 1), (0, 3), (0.5, 1), (0, 1)]
    assert fingerprint(setup)["groups"] == before


def test_the_whole_session_of_freezing_and_unfreezing():
    setup = small_setup()
    freeze(setup.model, setup.optimizer)
    body = weights_of(setup)[:-2]
    history = fit_one_cycle(setup, epochs=2, max_lr=1e-2)
    assert weights_of(setup)[:-2] == body
    assert history.settings["num_frozen"] == 4
    state = {id(p): plain(s) for p, s in setup.optimizer.state.items()}
    unfreeze(setup.model, setup.optimizer)
    assert {id(p): plain(s) for p, s in setup.optimizer.state.items()} == state
    history = fit_one_cycle(setup, epochs=2, max_lr=slice(1e-5, 1e-3))
    assert history.settings["max_lr"] == [1e-5, 1e-3]
    assert weights_of(setup)[0] != body[0]


@pytest.mark.parametrize("wrong", [None, 0.0, [1e-3, 1e-2, 1e-1], slice(None), slice(1e-2, 1e-4), slice(0.0, None)])
def test_peaks_that_fit_nothing_are_refused_and_nothing_is_touched(wrong):
    setup = small_setup()
    before = fingerprint(setup)
    with pytest.raises(SettingError):
        fit_one_cycle(setup, epochs=1, max_lr=wrong)
    assert fingerprint(setup) == before


# The best epoch, checkpoints


def test_the_best_epoch_can_be_what_is_left():
    def train(**options):
        torch.manual_seed(0)
        # labels that contradict the training data: the better it is learned, the worse
        inputs, labels = small_data().tensors
        valid = DataLoader(TensorDataset(inputs, 1 - labels), 48)
        setup = small_setup(valid_loader=valid)
        weights = {}
        history = fit_one_cycle(
            setup, epochs=4, max_lr=1e-2, on_epoch=lambda e: weights.update({e.epoch: weights_of(setup)}), **options
        )
        return setup, history, weights, history.best_epoch.epoch

    setup, history, weights, best = train(restore_best=True)
    assert best != 4, "the training must get worse for this test"
    assert weights_of(setup) == weights[best]
    assert history.events[-1].kind is EventKind.RESTORED_BEST
    setup, history, weights, _ = train()
    assert weights_of(setup) == weights[4]
    assert history.events == [e for e in history.events if e.kind is not EventKind.RESTORED_BEST]


def test_groups_are_put_back_also_after_an_interrupt():
    setup = small_setup()
    before = fingerprint(setup)["groups"]
    setup.model[0].register_forward_pre_hook(lambda *_: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        fit_one_cycle(setup, epochs=1, max_lr=slice(1e-4, 1e-2), weight_decay=0.3)
    assert fingerprint(setup)["groups"] == before


def test_the_picture_of_a_steered_training_plans_the_rates_that_were_used():
    setup, control = small_setup(valid_loader=DataLoader(small_data(), batch_size=32)), RunControl()

    def steer(record):
        if record.step == 7:
            control.lower_peak(3)
        if record.step == 9:
            control.anneal(steps=4)

    history = fit_one_cycle(setup, epochs=5, max_lr=1e-2, on_step=steer, control=control)
    loss_axes, lr_axes, *_ = history.plot().axes
    planned = next(line for line in lr_axes.lines if line.get_label() == "planned")
    used = [step.lr for step in history.steps]
    assert list(planned.get_xdata()) == list(range(len(used)))
    assert planned.get_ydata() == pytest.approx(used)
    validation = next(line for line in loss_axes.lines if line.get_label() == "validation loss")
    ends = list(accumulate(epoch.num_steps for epoch in history.epochs))
    assert ends[-1] == len(used)
    assert [x + 1 for x in validation.get_xdata()] == ends
