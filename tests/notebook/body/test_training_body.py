from __future__ import annotations

import copy
import io
import sys
import textwrap
from contextlib import redirect_stdout

import pytest
import torch
from torch import nn

from lr_magic.notebook.body import setup_from_body
from lr_magic.notebook.discovery.request import DiscoveryRequest
from lr_magic.pure.errors import BatchError, DiscoveryError, SettingError
from lr_magic.training.cycle.one_cycle import fit_one_cycle
from lr_magic.training.sweeping import sweep as sweep_module
from lr_magic.training.sweeping.range_test import range_test

from .own_loop import losses_of_own_loop, snapshot

FIT = DiscoveryRequest(magic="fit_one_cycle")
CLAUSE = "for images, labels in train_loader"
STEP = """
loss = criterion(model(images), labels)
"""
FULL = """
images = images.to(device)
labels = labels.to(device)
optimizer.zero_grad()
outputs = model(images)
loss = criterion(outputs, labels)
loss.backward()
optimizer.step()
"""


def sweep(setup, **options):
    return range_test(
        setup, **{"num_steps": 14, "start_lr": 1e-4, "end_lr": 1.0, "stop_when_diverged": False, **options}
    )


def assert_same_losses(notebook, clause, body, *, own_body=None, **options):
    """The sweep over the body tells the losses of the person's own loop at the same rates, bit for bit."""
    found = setup_from_body(clause, body, notebook)
    result = sweep(found.setup)
    expected = losses_of_own_loop(notebook, clause, own_body or body, result.lrs, **options)
    assert result.losses.tolist() == expected
    assert len(set(expected)) > 1


def test_a_generator_elsewhere_in_the_notebook_is_none_of_the_loaders(notebook):
    notebook["numbers"] = numbers = (number for number in range(3))
    receipt = sweep(setup_from_body(CLAUSE, FULL, notebook).setup).receipt
    assert (receipt, next(numbers)) == ("restored: 9 tensors, optimizer state, RNG", 0)


@pytest.mark.parametrize("indent", ["", "    ", "            "])
def test_a_body_pasted_verbatim(notebook, indent):
    assert_same_losses(notebook, CLAUSE, textwrap.indent(FULL, indent))


@pytest.mark.parametrize(
    "body",
    [
        FULL,
        STEP + "optimizer.zero_grad()\nloss.backward()\noptimizer.step()",
        STEP + "loss.backward()\noptimizer.step()\noptimizer.zero_grad(set_to_none=True)",
        "model.zero_grad()\n" + STEP + "torch.autograd.backward(loss)\noptimizer.step()",
        "optimizer.zero_grad()\n"
        + STEP
        + "loss.backward()\nnn.utils.clip_grad_norm_(model.parameters(), 0.1)\noptimizer.step()",
        "optimizer.zero_grad()\n" + STEP + "loss.backward(retain_graph=True)\noptimizer.step()",
        "optimizer.zero_grad()\n" + STEP + "(loss * 1.0).backward()\noptimizer.step()",
        FULL + "scheduler.step()",
    ],
)
def test_whatever_updates_the_body_holds(notebook, body):
    notebook["scheduler"] = torch.optim.lr_scheduler.StepLR(notebook["optimizer"], 1, gamma=1.0)
    assert_same_losses(notebook, CLAUSE, body)


@pytest.mark.parametrize(
    "left", ["", "optimizer.zero_grad()", "loss.backward()", "optimizer.zero_grad()\nloss.backward()\noptimizer.step()"]
)
def test_what_the_body_leaves_out_is_done(notebook, left):
    assert_same_losses(notebook, CLAUSE, STEP + left.replace("optimizer.zero_grad()\n", ""), own_body=FULL)


@pytest.mark.parametrize(
    ("clause", "unpacking"),
    [
        ("for batch in train_loader", "images, labels = batch"),
        ("for batch in train_loader", "images = batch[0]; labels = batch[1]"),
        ("for i, (images, labels) in enumerate(train_loader)", ""),
        ("for i, batch in enumerate(train_loader, start=1)", "images, labels = batch"),
        ("for (images, labels), other in zip(train_loader, train_loader)", ""),
        ("for store['x'], store['y'] in train_loader", "images, labels = store['x'], store['y']"),
        ("for images, labels in loaders['train']", ""),
        ("for images, labels in islice(train_loader, 4)", ""),
        ("for images, labels in iter(train_loader)", ""),
        ("for images, labels in [b for b in train_loader]", ""),
    ],
)
def test_any_target_and_iterable(notebook, clause, unpacking):
    from itertools import islice

    notebook.update(store={}, loaders={"train": notebook["train_loader"]}, islice=islice)
    assert_same_losses(notebook, clause, unpacking + FULL)


def test_a_loop_over_indices_needs_no_loader(notebook):
    dataset = notebook["train_loader"].dataset
    notebook.update(X=dataset.tensors[0], y=dataset.tensors[1])
    body = "images, labels = X[i : i + 16], y[i : i + 16]" + FULL
    found = setup_from_body("for i in range(0, len(X), 16)", body, notebook)
    assert len(found.setup.train_loader) == 3
    assert_same_losses(notebook, "for i in range(0, len(X), 16)", body)


def test_a_progress_bar_is_left_out(notebook, capsys):
    def tqdm(iterable, **_):
        sys.stdout.write("a bar")
        return iterable

    tqdm.__module__ = "tqdm.std"
    notebook["tqdm"] = tqdm
    sweep(setup_from_body("for images, labels in tqdm(train_loader, leave=False)", FULL, notebook).setup)
    assert capsys.readouterr().out == ""


def test_a_one_shot_iterator_is_refused_and_not_touched(notebook):
    notebook["batches"] = iter([1, 2, 3])
    with pytest.raises(DiscoveryError, match="`batches` is a one-shot iterator"):
        setup_from_body("for images, labels in enumerate(batches)", STEP, notebook)
    assert next(notebook["batches"]) == 1


def test_a_sweep_leaves_no_trace(notebook):
    notebook.update(seen=[1], history={"loss": []}, running_loss=5.0, loss="mine", images=None)
    notebook["scheduler"] = torch.optim.lr_scheduler.StepLR(notebook["optimizer"], 1)
    body = FULL + (
        "scheduler.step()\nrunning_loss += loss.item()\nseen.append(loss.item())\nhistory['loss'].append(1)\n"
        "history['new'] = 2\nfresh = [image for image in images]\nimport math as m\ndef helper(): return fresh\n"
    )
    names, states, attributes = snapshot(notebook)
    random = torch.get_rng_state()
    sweep(setup_from_body(CLAUSE, body, notebook).setup)
    assert notebook == names
    assert (notebook["seen"], notebook["history"], notebook["running_loss"]) == ([1], {"loss": []}, 5.0)
    assert torch.equal(torch.get_rng_state(), random)
    after = snapshot(notebook)
    assert_equal_states(after[1], states)
    assert after[2] == attributes


def assert_equal_states(left, right):
    assert left.keys() == right.keys()
    for name, value in left.items():
        if isinstance(value, dict):
            assert_equal_states(value, right[name])
        elif isinstance(value, torch.Tensor):
            assert torch.equal(value, right[name])
        else:
            assert value == right[name]


def test_an_error_of_the_body_points_at_its_own_line_and_leaves_no_trace(notebook):
    names, states, _ = snapshot(notebook)
    found = setup_from_body(
        CLAUSE, "x = 1\n" + FULL + "if steps > 3:\n    broken()\nsteps += 1", {**notebook, "steps": 0}
    )
    with pytest.raises(NameError) as caught:
        sweep(found.setup)
    trace = caught.value.__traceback__
    while trace.tb_next:
        trace = trace.tb_next
    assert (trace.tb_lineno, len(caught.value.lr_magic_result.losses)) == (12, 4)
    assert notebook == names
    assert_equal_states(snapshot(notebook)[1], states)


def test_a_state_carried_from_step_to_step(notebook):
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.head = nn.RNN(6, 8, batch_first=True), nn.Linear(8, 3)

        def forward(self, x, hidden):
            out, hidden = self.rnn(x[:, None], hidden)
            return self.head(out[:, -1]), hidden

    net = Recurrent()
    notebook.update(net=net, optimizer=torch.optim.Adam(net.parameters()), h=torch.zeros(1, 8, 8))
    del notebook["model"]
    body = """
        h = h.data
        net.zero_grad()
        output, h = net(images, h)
        loss = criterion(output, labels)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5)
        optimizer.step()
    """
    assert_same_losses(notebook, CLAUSE, body)
    assert torch.equal(notebook["h"], torch.zeros(1, 8, 8))


def test_a_second_look_begins_without_the_state_that_the_first_one_carried(notebook, monkeypatch):
    monkeypatch.setattr(sweep_module, "second_look_from", lambda *_: 1e-5)
    notebook["carried"] = 0.0
    body = STEP + "loss = loss + carried\noptimizer.zero_grad()\nloss.backward()\noptimizer.step()\ncarried = 0.25"
    records = []
    range_test(setup_from_body(CLAUSE, body, notebook).setup, on_step=records.append)
    first, second = (record.loss for record in records if record.step == 0)
    assert first == second
    assert notebook["carried"] == 0.0


def test_names_in_comprehensions_lambdas_and_functions(notebook):
    body = """
weight = 0.5
parts = [weight * criterion(model(part), target) for part, target in zip(images.chunk(2), labels.chunk(2))]
total = lambda: sum(parts)
def scaled(factor):
    return total() * factor * weight
loss = scaled(4)
optimizer.zero_grad()
loss.backward()
optimizer.step()
"""
    assert_same_losses(notebook, CLAUSE, body)


def test_functions_of_the_notebook_see_what_the_body_binds(notebook):
    exec("def step_loss(): return criterion(model(images), labels)", notebook)
    assert_same_losses(notebook, CLAUSE, "optimizer.zero_grad()\nloss = step_loss()\nloss.backward()\noptimizer.step()")


def test_a_function_of_the_notebook_that_does_everything(notebook):
    source = """
def train_step(x, y):
    global counter
    counter += 1
    optimizer.zero_grad()
    value = criterion(model(x), y)
    value.backward()
    optimizer.step()
    return value.item()
"""
    exec(source, notebook)
    notebook["counter"] = 0
    assert_same_losses(notebook, CLAUSE, "current = train_step(images, labels)", loss="current")
    assert notebook["counter"] == 0


def test_a_batch_that_the_body_passes_over(notebook):
    body = "if labels[0] == 0:\n    continue\n" + FULL
    own = FULL.replace("\n", "\n    ").strip()
    expected_body = "if labels[0] == 0:\n    continue\n" + own.replace("    ", "")
    assert_same_losses(notebook, CLAUSE, body, own_body=expected_body)


def test_break_ends_the_pass(notebook):
    clause = "for i, (images, labels) in enumerate(train_loader)"
    body = FULL + "seen = i\nif i == 2:\n    break\n"
    setup = setup_from_body(clause, body, notebook).setup
    result = sweep(setup, num_steps=7)
    own = {**notebook}
    from itertools import islice

    own["islice"] = islice
    expected = losses_of_own_loop(
        own, "for i, (images, labels) in islice(enumerate(train_loader), 3)", FULL, result.lrs
    )
    assert result.losses.tolist() == expected


def test_a_body_that_always_passes_over_ends_in_a_question(notebook):
    setup = setup_from_body(CLAUSE, "if len(images):\n    continue\n" + FULL, notebook).setup
    with pytest.raises(BatchError, match=r"1,?000"):
        sweep(setup)


ACCUMULATING = """
loss = criterion(model(images), labels) / accumulation
loss.backward()
if (i + 1) % accumulation == 0:
    optimizer.step()
    optimizer.zero_grad()
"""


def test_accumulation_tells_the_sum_of_the_pieces(notebook):
    notebook["accumulation"] = 2
    clause = "for i, (images, labels) in enumerate(train_loader)"
    setup = setup_from_body(clause, ACCUMULATING, notebook).setup
    assert setup.owns_step
    result = sweep(setup, num_steps=6, start_lr=1e-3)
    # at the rates that the two batches of a step share
    lrs = [lr for lr in result.lrs for _ in range(2)]
    pieces = losses_of_own_loop(notebook, clause, ACCUMULATING, lrs)
    sums = [first + second for first, second in zip(pieces[::2], pieces[1::2], strict=True)]
    assert result.losses == pytest.approx(sums, rel=1e-6)


@pytest.mark.parametrize("backoff", [False, True])
def test_a_scaler_of_the_body_scales_and_the_loss_is_told_unscaled(notebook, backoff):
    notebook["scaler"] = torch.amp.GradScaler("cpu", init_scale=2.0**10, enabled=True)
    body = """
optimizer.zero_grad()
with torch.autocast("cpu", dtype=torch.bfloat16):
    loss = criterion(model(images), labels)
scaler.scale(loss).backward()
scaler.unscale_(optimizer)
nn.utils.clip_grad_norm_(model.parameters(), 1.0)
scaler.step(optimizer)
scaler.update()
"""
    if backoff:
        body = body.replace(
            "scaler.unscale_", "if labels[0] == 1: model[0].weight.grad.fill_(float('inf'))\nscaler.unscale_"
        )
    before = notebook["scaler"].state_dict()
    assert_same_losses_with_scaler(notebook, body)
    assert notebook["scaler"].state_dict() == before


def assert_same_losses_with_scaler(notebook, body):
    scaler = notebook["scaler"]
    result = sweep(setup_from_body(CLAUSE, body, notebook).setup)
    with_fresh = {**notebook, "scaler": torch.amp.GradScaler("cpu", init_scale=2.0**10)}
    assert result.losses.tolist() == losses_of_own_loop(with_fresh, CLAUSE, body, result.lrs)
    assert scaler is notebook["scaler"]


def test_a_closure_of_the_body(notebook):
    body = """
def closure():
    optimizer.zero_grad()
    value = criterion(model(images), labels)
    value.backward()
    return value
loss = optimizer.step(closure)
"""
    assert_same_losses(notebook, CLAUSE, body)


def test_several_losses_of_one_step_are_summed(notebook):
    body = """
optimizer.zero_grad()
first = criterion(model(images), labels)
first.backward()
second = model(images).pow(2).mean()
second.backward()
optimizer.step()
loss = first.detach() + second.detach()
"""
    assert_same_losses(notebook, CLAUSE, body)


def test_prints_are_kept_back_in_a_sweep_and_shown_in_a_training(notebook):
    body = FULL + "print('step')"
    shown = {}
    for request in (None, FIT):
        out = io.StringIO()
        with redirect_stdout(out):
            sweep(setup_from_body(CLAUSE, body, notebook, request=request).setup, num_steps=3)
        shown[request] = out.getvalue()
    assert shown == {None: "", FIT: "step\n" * 3}


def test_what_a_failing_batch_had_printed_is_shown(notebook, capsys):
    with pytest.raises(ZeroDivisionError):
        sweep(setup_from_body(CLAUSE, "print('here')\n1 / 0\n" + FULL, notebook).setup)
    assert capsys.readouterr().out == "here\n"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("out = model(images)", "neither assigns `loss` nor calls `backward`"),
        ("loss = criterion(model(images), labels).item()", "`loss` is float, not a tensor"),
        ("loss = nn.functional.cross_entropy(model(images), labels, reduction='none')", r"shape \[8\]"),
    ],
)
def test_a_body_without_a_loss_is_asked_about(notebook, body, message):
    with pytest.raises(DiscoveryError, match=message) as caught:
        sweep(setup_from_body(CLAUSE, body, notebook).setup)
    assert "→" in str(caught.value)


def test_a_loss_of_an_earlier_cell_is_not_taken_for_the_bodys(notebook):
    notebook["loss"] = torch.ones((), requires_grad=True)
    with pytest.raises(DiscoveryError, match="neither assigns"):
        sweep(setup_from_body(CLAUSE, "out = model(images)", notebook).setup)


def test_a_criterion_called_loss(notebook):
    notebook["loss"] = nn.CrossEntropyLoss(reduction="none")
    body = "l = loss(model(images), labels)\noptimizer.zero_grad()\nl.mean().backward()\noptimizer.step()"
    assert_same_losses(notebook, CLAUSE, body, loss="l.mean()")


def test_other_models_scalers_and_sums_of_the_body_are_put_back(notebook):
    torch.manual_seed(3)
    teacher = nn.Sequential(nn.Linear(6, 3), nn.BatchNorm1d(3)).train()
    scaler = torch.amp.GradScaler("cpu", init_scale=16.0)
    scaler.scale(torch.ones(()))
    notebook.update(
        teacher=teacher, scaler=scaler, total=torch.zeros(()), optimizer_b=torch.optim.Adam(teacher.parameters())
    )
    body = """
optimizer.zero_grad()
loss = criterion(model(images), labels) + teacher(images).pow(2).mean()
scaler.scale(loss).backward()
scaler.step(optimizer)
scaler.update(new_scale=scaler.get_scale() * 2)
total += loss.detach()
"""
    _, states, attributes = snapshot(notebook)
    sweep(setup_from_body(CLAUSE, body, notebook).setup)
    after = snapshot(notebook)
    assert_equal_states(after[1], states)
    assert after[2] == attributes
    assert notebook["total"] == 0


class SlowWeights(torch.optim.Optimizer):
    """Steps the optimizer inside it, and averages what it makes."""

    def __init__(self, inner):
        super().__init__(inner.param_groups, {})
        self.optimizer, self.param_groups = inner, inner.param_groups
        for group in self.param_groups:
            for parameter in group["params"]:
                self.state[parameter]["slow"] = parameter.detach().clone()

    def step(self, closure=None):
        self.optimizer.step(closure)
        for parameter, state in self.state.items():
            state["slow"].lerp_(parameter.detach(), 0.5)


def test_an_optimizer_around_the_one_that_steps_is_put_back(notebook):
    notebook["optimizer"] = wrapper = SlowWeights(notebook["optimizer"])
    before = [state["slow"].clone() for state in wrapper.state.values()]
    sweep(setup_from_body(CLAUSE, FULL, notebook).setup)
    assert all(torch.equal(state["slow"], slow) for state, slow in zip(wrapper.state.values(), before, strict=True))


def test_copies_of_the_model_that_a_body_makes_are_ordinary_models(notebook):
    notebook.update(copy=copy, io=io, snapshots=[], history=[])
    body = """
loss = criterion(model(images), labels)
buffer = io.BytesIO()
torch.save({"model": model, "optimizer": optimizer}, buffer)
buffer.seek(0)
history.append(torch.load(buffer, weights_only=False))
snapshots.append(copy.deepcopy((model, optimizer)))
"""
    found = setup_from_body("for images, labels in train_loader", body, notebook)
    fit_one_cycle(found.setup, steps=2, max_lr=0.01)
    model = notebook["model"]
    for copied, stepper in (*notebook["snapshots"], *(tuple(each.values()) for each in notebook["history"])):
        assert vars(copied).keys() == vars(model).keys()
        assert not {"step", "zero_grad", "__deepcopy__", "__reduce_ex__"} & vars(stepper).keys()
        copied(notebook["train_loader"].dataset.tensors[0]).sum().backward()
        copied.zero_grad()
        assert all(parameter.grad is None for parameter in copied.parameters())


def test_containers_of_a_class_of_their_own_are_put_back(notebook):
    source = """
from collections import Counter, OrderedDict, defaultdict, deque
class Log(list):
    def __init__(self, *items):
        super().__init__(items)
        self.num_writes = 0
class Latest(OrderedDict): pass
class Recent(deque): pass
counts, log, latest, recent = Counter(a=1), Log(1), Latest(b=1, a=2), Recent([1], maxlen=2)
per_class = defaultdict(list)
nested = {'counts': Counter(b=2)}
"""
    exec(source, notebook)
    body = """
counts['a'] += 1; counts['new'] += 1; nested['counts'].update('b'); log.append(2); log.num_writes += 1
latest.move_to_end('b'); latest['c'] = 3; recent.append(int(labels[0])); per_class[int(labels[0])].append(1)
loss = criterion(model(images), labels)
"""
    loop_names = ("counts", "log", "latest", "recent", "per_class", "nested")
    objects = [notebook[name] for name in loop_names]
    found = setup_from_body("for images, labels in train_loader", body, notebook)
    sweep(found.setup, num_steps=7)
    assert all(notebook[name] is each for name, each in zip(loop_names, objects, strict=True))
    assert (notebook["counts"], notebook["nested"]) == ({"a": 1}, {"counts": {"b": 2}})
    assert (list(notebook["log"]), notebook["log"].num_writes) == ([1], 0)
    assert list(notebook["latest"].items()) == [("b", 1), ("a", 2)]
    assert (list(notebook["recent"]), notebook["recent"].maxlen, notebook["per_class"]) == ([1], 2, {})


def test_a_teacher_in_eval_mode_stays_in_it(notebook):
    notebook["teacher"] = nn.Sequential(nn.Linear(6, 3), nn.Dropout(0.5)).eval()
    notebook["model"].eval()
    seen = []
    notebook["seen"] = lambda: seen.append((notebook["teacher"].training, notebook["model"].training))
    sweep(setup_from_body(CLAUSE, "seen()\nteacher(images)\n" + FULL, notebook).setup, num_steps=2)
    assert seen == [(False, True)] * 2
    assert not notebook["model"].training


def test_an_encoder_and_a_decoder_under_one_optimizer(notebook):
    encoder, decoder = nn.Linear(6, 4), nn.Linear(4, 3)
    parameters = [*encoder.parameters(), *decoder.parameters()]
    notebook.update(encoder=encoder, decoder=decoder, optimizer=torch.optim.Adam(parameters))
    del notebook["model"]
    assert_same_losses(notebook, CLAUSE, FULL.replace("model(images)", "decoder(encoder(images))"))


def test_a_tensor_that_belongs_to_no_module(notebook):
    notebook["target"] = torch.zeros(6, 3, requires_grad=True)
    notebook["optimizer"] = torch.optim.Adam([notebook["target"]])
    del notebook["model"]
    assert_same_losses(notebook, CLAUSE, FULL.replace("model(images)", "images @ target"))
    assert torch.equal(notebook["target"], torch.zeros(6, 3))


def test_several_optimizers_are_asked_about_and_may_be_told(notebook):
    other = nn.Linear(6, 3)
    notebook.update(other=other, optimizer_b=torch.optim.SGD(other.parameters(), lr=0.1))
    body = FULL + "optimizer_b.zero_grad()\ncriterion(other(images), labels).backward()\noptimizer_b.step()"
    with pytest.raises(DiscoveryError, match="`optimizer` → `model`, `optimizer_b` → `other`"):
        setup_from_body(CLAUSE, body, notebook)
    found = setup_from_body(CLAUSE, body, notebook, request=DiscoveryRequest(optimizer="optimizer_b"))
    assert found.setup.optimizer is notebook["optimizer_b"]


def test_the_optimizer_of_another_model_in_the_notebook_is_not_taken(notebook):
    other = nn.Linear(2, 2)
    notebook.update(other=other, optimizer_b=torch.optim.SGD(other.parameters(), lr=0.1))
    assert setup_from_body(CLAUSE, STEP, notebook).setup.optimizer is notebook["optimizer"]


def test_without_an_optimizer_one_is_assumed_and_said(notebook):
    del notebook["optimizer"]
    found = setup_from_body(CLAUSE, STEP, notebook)
    assert isinstance(found.setup.optimizer, torch.optim.AdamW)
    assert [finding.role for finding in found.findings if finding.is_guess] == ["optimizer"]


def test_accelerates_wrappers(notebook):
    accelerate = pytest.importorskip("accelerate")
    accelerator = accelerate.Accelerator(cpu=True)
    names = ("model", "optimizer", "train_loader")
    prepared = accelerator.prepare(*(notebook[name] for name in names))
    notebook.update(zip(names, prepared, strict=True), accelerator=accelerator)
    body = "optimizer.zero_grad()\n" + STEP + "accelerator.backward(loss)\noptimizer.step()"
    assert_same_losses(notebook, CLAUSE, body)


def test_accumulation_asked_for_beside_a_body_that_steps_every_batch(notebook):
    setup = setup_from_body(CLAUSE, FULL, notebook, request=DiscoveryRequest(accumulate=2)).setup
    result = sweep(setup, num_steps=6, start_lr=1e-3)
    notebook["accumulation"] = 2
    lrs = [lr for lr in result.lrs for _ in range(2)]
    pieces = losses_of_own_loop(notebook, "for i, (images, labels) in enumerate(train_loader)", ACCUMULATING, lrs)
    sums = [first + second for first, second in zip(pieces[::2], pieces[1::2], strict=True)]
    assert result.losses == pytest.approx(sums, rel=1e-5)


def test_two_scalers_for_one_loss_are_refused(notebook):
    notebook["scaler"] = torch.amp.GradScaler("cpu")
    body = STEP + "scaler.scale(loss).backward()\nscaler.step(optimizer)\nscaler.update()"
    with pytest.raises(SettingError, match="GradScaler of its own"):
        setup_from_body(CLAUSE, body, notebook, request=DiscoveryRequest(amp="fp16"))


TWO_STEPS = """
class Sharp(torch.optim.Optimizer):
    def __init__(self, parameters):
        super().__init__(parameters, {"lr": 0.1})
        self.base_optimizer = torch.optim.SGD(self.param_groups, lr=0.1)
        self.param_groups = self.base_optimizer.param_groups
    def first_step(self): self.zero_grad()
    def second_step(self): self.base_optimizer.step()
optimizer = Sharp(model.parameters())
"""


@pytest.mark.parametrize("asked", [None, "optimizer"])
def test_a_step_in_parts_is_refused_with_the_form_that_can(notebook, asked):
    exec(TWO_STEPS, notebook)
    body = "criterion(model(images), labels).backward()\noptimizer.first_step()\n"
    body += "criterion(model(images), labels).backward()\noptimizer.second_step()"
    with pytest.raises(DiscoveryError, match=r"`first_step`, `second_step`.*`%%lr_find` above the whole training cell"):
        setup_from_body(CLAUSE, body, notebook, request=DiscoveryRequest(optimizer=asked))
