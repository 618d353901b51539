from __future__ import annotations

import copy
import sys
from pathlib import Path

import pytest
import torch

from lr_magic.notebook.discovery.request import DiscoveryRequest
from lr_magic.notebook.shadow import names_put_back, whole_cell
from lr_magic.pure.errors import DiscoveryError
from lr_magic.pure.results.stop_reason import StopReason
from lr_magic.training.sweeping.sweep_settings import SweepSettings

from .conftest import run

SETTINGS = SweepSettings(start_lr=1e-4, end_lr=1.0, num_steps=14, stop_when_diverged=False)
FIT = DiscoveryRequest(magic="fit_one_cycle")
LOOP = """
history = {"loss": []}
model.train()
for epoch in range(EPOCHS):
    running = 0.0
    for i, (x, y) in enumerate(train_loader):
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        running += loss.item()
        history["loss"].append(loss.item())
        seen.append(loss.item())
    print(epoch, running)
"""


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def notebook(notebook):
    notebook["seen"] = []
    return notebook


def trained(notebook):
    return {name: value for name, value in notebook.items() if hasattr(value, "state_dict")}


def fingerprint(notebook):
    states = {name: str(copy.deepcopy(value.state_dict())) for name, value in trained(notebook).items()}
    attributes = {name: sorted(vars(value)) for name, value in trained(notebook).items()}
    return (
        dict(notebook),
        states,
        attributes,
        [p.grad for p in notebook["model"].parameters()],
        torch.get_rng_state().tolist(),
    )


def sweep(notebook, cell, settings=SETTINGS, **options):
    request = options.pop("request", None)
    return whole_cell(cell, notebook, request=request).range_test(settings, **options)


def test_a_whole_cell_is_swept_and_leaves_no_trace(notebook, capsys):
    before, seen = fingerprint(notebook), []
    notebook_seen = notebook["seen"]
    result = sweep(
        notebook, LOOP.replace("seen.append", "told(loss.item()); seen.append"), **told(notebook, seen, before)
    )
    assert (len(result.losses), result.stop_reason) == (14, StopReason.COMPLETED)
    assert result.losses.tolist() == seen
    assert notebook_seen == []
    assert_same(fingerprint(notebook), before)
    assert capsys.readouterr().out == ""


def told(notebook, seen, before):
    """Give the notebook a function that keeps values where nothing puts them back."""
    notebook["told"] = before[0]["told"] = seen.append
    return {}


def assert_same(now, before):
    assert now[0] == before[0]
    assert now[1] == before[1]
    assert now[2:] == before[2:]


def test_the_losses_are_those_of_the_own_loop_at_the_same_rates(notebook):
    result = sweep(notebook, LOOP)
    rates = iter(result.lrs)
    notebook["next_rate"] = lambda: optimizer.param_groups[0].update(lr=next(rates))
    optimizer = notebook["optimizer"]
    with pytest.raises(StopIteration):
        run(
            notebook,
            LOOP.replace("        optimizer.zero_grad()", "        next_rate()\n        optimizer.zero_grad()"),
        )
    assert notebook["seen"] == result.losses.tolist()


FUNCTION = """
def train(net, loader, epochs=3):
    global best
    opt = torch.optim.Adam(net.parameters())
    for _ in range(epochs):
        for x, y in loader:
            opt.zero_grad()
            loss = criterion(net(x), y)
            loss.backward()
            opt.step()
            seen.append(loss.item())
            best = loss.item()
"""


def test_a_function_with_an_optimizer_of_its_own(notebook):
    run(notebook, FUNCTION)
    before = fingerprint(notebook)
    result = sweep(notebook, "train(model, train_loader)")
    assert len(result.losses) == 14
    assert_same(fingerprint(notebook), before)
    assert "best" not in notebook


def test_a_function_that_reads_what_the_cell_binds(notebook):
    run(notebook, "def one_step(x, y):\n    opt.zero_grad()\n    criterion(net(x), y).backward()\n    opt.step()\n")
    cell = """
net = nn.Linear(6, 3)
opt = torch.optim.SGD(net.parameters(), lr=0.1)
for x, y in train_loader:
    one_step(x, y)
"""
    before = fingerprint(notebook)
    assert len(sweep(notebook, cell).losses) == 6
    assert_same(fingerprint(notebook), before)


def test_a_trainer_and_a_stopper_of_ones_own(notebook):
    source = """
class Stopper:
    def __init__(self):
        self.best, self.counter, self.values = None, 0, [0.0]
    def __call__(self, loss):
        self.best = loss
        self.counter += 1
        self.values.append(loss)
class Trainer:
    def __init__(self):
        self.model, self.optimizer, self.meters = model, optimizer, {"loss": [], "n": 0}
    def fit(self, loader):
        for _ in range(5):
            for x, y in loader:
                self.optimizer.zero_grad()
                loss = criterion(self.model(x), y)
                loss.backward()
                self.optimizer.step()
                self.meters["loss"].append(loss.item())
                self.meters["n"] += 1
                stopper(loss.item())
stopper, trainer = Stopper(), Trainer()
"""
    run(notebook, source)
    before = fingerprint(notebook)
    assert len(sweep(notebook, "trainer.fit(train_loader)").losses) == 14
    assert_same(fingerprint(notebook), before)
    assert notebook["trainer"].meters == {"loss": [], "n": 0}
    stopper = notebook["stopper"]
    assert (stopper.best, stopper.counter, stopper.values) == (None, 0, [0.0])


def test_schedulers_scalers_averages_and_best_weights(notebook):
    averaged = torch.optim.swa_utils.AveragedModel(notebook["model"])
    notebook.update(
        averaged=averaged,
        scaler=torch.amp.GradScaler("cpu", init_scale=4.0),
        scheduler=torch.optim.lr_scheduler.CosineAnnealingLR(notebook["optimizer"], 10),
        copy=copy,
        best=copy.deepcopy(notebook["model"].state_dict()),
    )
    notebook["scaler"].scale(torch.ones(()))
    cell = """
model.eval()
for x, y in train_loader:
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update(new_scale=2.0)
    scheduler.step()
    averaged.update_parameters(model)
    best = copy.deepcopy(model.state_dict())
model.load_state_dict(best)
for p in model.parameters():
    p.requires_grad_(False)
"""
    before = fingerprint(notebook)
    before_modes = [module.training for module in notebook["model"].modules()]
    result = sweep(notebook, cell)
    assert (len(result.losses), result.stop_reason) == (6, StopReason.OUT_OF_BATCHES)
    assert_same(fingerprint(notebook), before)
    assert [module.training for module in notebook["model"].modules()] == before_modes
    assert all(p.requires_grad for p in notebook["model"].parameters())


def test_a_model_that_the_cell_reinitializes_and_converts(notebook):
    anew = "for m in (model[0], model[1], model[4]):\n    m.reset_parameters()\nmodel.double().float()\n"
    cell = anew + LOOP
    before = fingerprint(notebook)
    pointers = [p.data_ptr() for p in notebook["model"].parameters()]
    sweep(notebook, cell)
    assert_same(fingerprint(notebook), before)
    assert [p.data_ptr() for p in notebook["model"].parameters()] == pointers


def test_files_are_not_written_and_this_is_said(notebook):
    cell = LOOP.replace("        seen.append", "        torch.save(model.state_dict(), 'best.pt')\n        seen.append")
    result = sweep(notebook, cell)
    assert list(Path().iterdir()) == []
    assert result.receipt.endswith("not written: best.pt")


def test_a_view_is_shown_while_the_cell_is_quiet(notebook, capsys):
    sweep(
        notebook,
        LOOP.replace("    print", "        print"),
        on_step=lambda record: sys.stdout.write(f"step {record.step}\n"),
    )
    assert capsys.readouterr().out.splitlines() == [f"step {number}" for number in range(14)]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_keeps_what_was_measured_and_leaves_no_trace(notebook, error):
    notebook["error"] = error
    before = fingerprint(notebook)
    with pytest.raises(error) as caught:
        sweep(notebook, LOOP.replace("        seen.append", "        if i == 3: raise error\n        seen.append"))
    assert len(caught.value.lr_magic_result.losses) == 4
    assert_same(fingerprint(notebook), before)


def test_a_traceback_points_at_the_persons_line(notebook):
    with pytest.raises(NameError) as caught:
        sweep(notebook, "x = 1\nfor x, y in train_loader:\n    broken(x)\n")
    trace = caught.value.__traceback__
    while trace.tb_next:
        trace = trace.tb_next
    assert trace.tb_lineno == 4


def test_several_optimizers_are_asked_about_by_their_names(notebook):
    run(notebook, "critic = nn.Linear(6, 1)\nopt_d = torch.optim.SGD(critic.parameters(), lr=0.1)")
    second = "        opt_d.zero_grad(); critic(x).mean().backward(); opt_d.step()\n        running"
    cell = LOOP.replace("        running", second)
    before = fingerprint(notebook)
    with pytest.raises(DiscoveryError, match=r"`optimizer`, then `opt_d`.*--optimizer optimizer"):
        sweep(notebook, cell)
    assert_same(fingerprint(notebook), before)
    for asked in ("opt_d", "2"):
        assert len(sweep(notebook, cell, request=DiscoveryRequest(optimizer=asked)).losses) == 14
    with pytest.raises(DiscoveryError, match="`criterion` is CrossEntropyLoss, not an optimizer"):
        whole_cell(cell, notebook, request=DiscoveryRequest(optimizer="criterion"))


@pytest.mark.parametrize("cell", ["x = 1", "for x, y in train_loader:\n    model(x)"])
def test_a_cell_that_trains_nothing(notebook, cell):
    before = fingerprint(notebook)
    with pytest.raises(DiscoveryError, match="No torch optimizer stepped"):
        sweep(notebook, cell)
    assert_same(fingerprint(notebook), before)


def test_what_hangs_deep_in_an_object_is_put_back(notebook):
    run(
        notebook, "class Node:\n    def __init__(self, inner):\n        self.inner, self.count = inner, 0\nchain = None"
    )
    run(notebook, "for _ in range(9):\n    chain = Node(chain)\ndel _")
    deepest = notebook["chain"]
    while deepest.inner is not None:
        deepest = deepest.inner
    notebook["last_of"] = lambda node: node if node.inner is None else notebook["last_of"](node.inner)
    sweep(notebook, LOOP.replace("        seen", "        last_of(chain).count += 1\n        seen"))
    assert deepest.count == 0


def test_a_loss_that_never_went_backward_is_said(notebook):
    cell = """
for x, y in train_loader:
    loss = criterion(model(x), y)
    for p, g in zip(model.parameters(), torch.autograd.grad(loss, list(model.parameters()))):
        p.grad = g
    optimizer.step()
"""
    before = fingerprint(notebook)
    with pytest.raises(DiscoveryError, match="no loss went backward"):
        sweep(notebook, cell)
    assert_same(fingerprint(notebook), before)


def test_containers_of_a_class_of_their_own_are_put_back(notebook):
    run(notebook, "from collections import Counter\ncounts = Counter(a=1)\nclass Log(list): pass\nlog = Log([1])")
    sweep(notebook, LOOP.replace("        seen", "        counts['a'] += 1; log.append(2)\n        seen"))
    assert (notebook["counts"], list(notebook["log"])) == ({"a": 1}, [1])


def test_an_empty_cell(notebook):
    with pytest.raises(DiscoveryError, match="cell is empty"):
        whole_cell("\n# nothing\n", notebook)


def test_training_a_whole_cell_is_the_persons_training(notebook, capsys):
    before = copy.deepcopy(notebook["model"].state_dict())
    group = dict(notebook["optimizer"].param_groups[0])
    history = whole_cell(LOOP + "len(seen)", notebook, request=FIT).one_cycle(max_lr=0.2)
    assert (len(history.steps), history.stop_reason) == (30, StopReason.COMPLETED)
    assert [step.loss for step in history.steps] == notebook["seen"] == notebook["history"]["loss"]
    assert max(step.lr for step in history.steps) == pytest.approx(0.2, rel=0.05)
    assert not torch.equal(notebook["model"].state_dict()["0.weight"], before["0.weight"])
    assert dict(notebook["optimizer"].param_groups[0]) == group
    # prints and the value of the last line are shown, as without the magic
    assert len(capsys.readouterr().out.splitlines()) == 6


def test_a_training_cell_that_does_not_tell_its_length_asks_for_it(notebook):
    cell = whole_cell(
        "while len(seen) < 5:" + LOOP.replace("\n", "\n    ").replace("range(EPOCHS)", "range(1)"),
        notebook,
        request=FIT,
    )
    with pytest.raises(DiscoveryError, match=r"%%fit_one_cycle --steps N"):
        cell.one_cycle(max_lr=0.1)
    assert notebook["seen"] == []
    assert len(cell.one_cycle(max_lr=0.1, steps=6).steps) == 6


def test_names_put_back_keeps_what_the_magics_bind():
    namespace = {"a": 1, "b": 2, "lr_found": "old"}
    with names_put_back(namespace):
        namespace.update(a=3, c=4, lr_found="new", fit_history="h")
        del namespace["b"]
    assert namespace == {"a": 1, "b": 2, "lr_found": "new", "fit_history": "h"}
