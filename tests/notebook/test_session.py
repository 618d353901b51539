"""A fine-tuning session in a real IPython shell: freeze, find, fit, unfreeze, find, fit, undo, interrupt, resume."""

from __future__ import annotations

import signal
import textwrap
from dataclasses import replace

import pytest
import torch
from IPython.core.error import UsageError
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lr_magic.pure.results.stop_reason import StopReason


@pytest.fixture
def notebook(empty_shell):
    """A shell with a network of three layer groups, one optimizer, loaders and a criterion."""
    x = torch.randn(96, 4)
    data = TensorDataset(x, (x[:, 0] > 0).long())
    layers = [nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2)]
    names = {"model": nn.Sequential(*layers)}
    names["optimizer"] = torch.optim.AdamW(names["model"].parameters(), lr=1e-3)
    names["train_loader"] = DataLoader(data, batch_size=16, shuffle=True)
    names["valid_loader"] = DataLoader(data, batch_size=32)
    names["criterion"] = nn.CrossEntropyLoss()
    empty_shell.push({**names, "nn": nn, "torch": torch})
    return empty_shell


def run(shell, source):
    result = shell.run_cell(source, store_history=True)
    result.raise_error()
    return result.result


def refusal(shell, source):
    with pytest.raises(UsageError) as caught:
        run(shell, source)
    assert "\n" not in str(caught.value).strip()
    return str(caught.value)


def weights(shell):
    return [tensor.clone() for tensor in shell.user_ns["model"].state_dict().values()]


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def trained(shell):
    return [p.requires_grad for p in shell.user_ns["model"].parameters()]


def test_the_whole_session(notebook, capsys):
    run(notebook, "%freeze")
    text = capsys.readouterr().out
    assert "2      5       18      trained" in text
    assert "batch norms in frozen layers: 1, frozen whole" in text
    assert trained(notebook) == [False] * 6 + [True] * 2
    body = weights(notebook)[:-2]
    run(notebook, "%lr_find --num-steps 40 --no-live")
    assert notebook.user_ns["lr_found"].proposed_range is None
    run(notebook, "%fit_one_cycle 2 --max-lr 1e-2 --no-live --metric accuracy")
    assert same(weights(notebook)[:-2], body)
    run(notebook, "%unfreeze")
    assert all(trained(notebook))
    found = run(notebook, "%lr_find --num-steps 40 --no-live")
    assert found.first_stage_lr == 1e-2
    low, high = found.proposed_range
    assert high <= 1e-3
    assert low == pytest.approx(high / 100)
    assert "is proposed" in found.reading
    history = run(notebook, "%fit_one_cycle 2 --no-live --metric accuracy")
    peak = next(finding for finding in history.setup if finding.role == "peak lr")
    assert " to " in peak.name
    assert history.settings["max_lr"] == pytest.approx([low, high / 10, high], rel=1e-2)
    assert not same(weights(notebook)[:-2], body)
    assert history.epochs[-1].metrics["accuracy"] > 0.5
    # nothing was unfrozen since
    assert run(notebook, "%lr_find --num-steps 40 --no-live").proposed_range is None


def test_a_chosen_range_wins_over_the_proposed_one(notebook):
    run(notebook, "%freeze")
    run(notebook, "%fit_one_cycle 1 --max-lr 1e-2 --no-live")
    run(notebook, "%unfreeze")
    run(notebook, "%lr_find --num-steps 40 --no-live")
    notebook.user_ns["lr_found"].lr_range = (1e-5, 1e-3)
    assert run(notebook, "%fit_one_cycle 1 --no-live").settings["max_lr"] == pytest.approx([1e-5, 1e-4, 1e-3])


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("%freeze 2", [False] * 4 + [True] * 4),
        ("%freeze 0 3.bias", [False] * 2 + [True] * 3 + [False] + [True] * 2),
        ("%freeze --groups [['0','1'],['3','5']]", [False] * 4 + [True] * 4),
        ("%freeze --model model --optimizer optimizer", [False] * 6 + [True] * 2),
    ],
)
def test_every_way_to_freeze(notebook, line, expected):
    run(notebook, line)
    assert trained(notebook) == expected
    run(notebook, "%unfreeze")
    assert all(trained(notebook))


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("%freeze 9", "3 layer groups"),
        ("%freeze nope", "no layer 'nope'"),
        ("%unfreeze nope", "no layer 'nope'"),
        ("%freeze --model nope", "nope"),
        ("%freeze --groups nope", "nope"),
        ("%freeze --nope", "nope"),
        ("%fit_undo", "nothing to undo"),
        ("%fit_one_cycle --resume", "no training to resume"),
        ("%fit_one_cycle 3 --resume", "leave epochs out"),
        ("%fit_one_cycle --resume --checkpoint nowhere.pt", "no training to resume"),
        ("%fit_one_cycle 1 --max-lr 1e-2 --checkpoint nowhere/fit.pt", "does not exist"),
        ("%fit_one_cycle 1 --max-lr 1e-2 --weight-decay -1", "weight_decay"),
        ("%fit_one_cycle 1 --max-lr slice(None)", "high end"),
        ("%fit_one_cycle 1 --max-lr 1e-6:1e-4:1e-2", "LOW:HIGH"),
        ("%fit_one_cycle 1 --max-lr 1e-6:", "LOW:HIGH"),
    ],
)
def test_refusals_are_one_line_and_touch_nothing(notebook, line, hint):
    before = weights(notebook)
    assert hint in refusal(notebook, line)
    assert same(weights(notebook), before)
    assert all(trained(notebook))


def test_undo_gives_the_weights_and_the_optimizers_state_back(notebook, capsys):
    run(notebook, "%fit_one_cycle 1 --max-lr 1e-2 --no-live")
    before = weights(notebook)
    steps = notebook.user_ns["optimizer"].state[notebook.user_ns["model"][0].weight]["step"].item()
    run(notebook, "%fit_one_cycle 2 --max-lr 1e-2 --no-live")
    assert not same(weights(notebook), before)
    run(notebook, "%fit_undo")
    assert "undone" in capsys.readouterr().out
    assert same(weights(notebook), before)
    assert notebook.user_ns["optimizer"].state[notebook.user_ns["model"][0].weight]["step"].item() == steps
    assert "undone already" in refusal(notebook, "%fit_undo")


def interrupted(shell, line, number):
    model, calls = shell.user_ns["model"], []

    def count(_module, _inputs):
        calls.append(1)
        if len(calls) == number:
            signal.raise_signal(signal.SIGINT)

    handle = model[5].register_forward_pre_hook(count)
    shell.run_cell(line, store_history=True)
    handle.remove()
    history = shell.user_ns["fit_history"]
    assert history.stop_reason is StopReason.INTERRUPTED
    return history


def test_an_interrupted_training_goes_on_in_the_same_kernel(notebook):
    # discovery tries the step before: the interrupt comes after its trials
    partial = interrupted(notebook, "%fit_one_cycle 4 --max-lr 1e-2 --no-live", 30)
    assert 0 < len(partial.steps) < 24
    history = run(notebook, "%fit_one_cycle --resume --no-live")
    assert (len(history.steps), len(history.epochs)) == (24, 4)
    assert history.stop_reason is StopReason.COMPLETED
    assert "ran to its end" in refusal(notebook, "%fit_one_cycle --resume")


def test_why_a_training_cannot_go_on_is_the_true_reason(notebook):
    history = interrupted(notebook, "%fit_one_cycle 4 --max-lr 1e-2 --no-live", 30)
    point, history.resume_point = history.resume_point, None
    assert "ended before its first step" in refusal(notebook, "%fit_one_cycle --resume")
    history.resume_point = replace(point, model=lambda: None)
    assert "the model of the last training is gone" in refusal(notebook, "%fit_one_cycle --resume")


def test_a_training_that_went_on_is_undone_as_one(notebook):
    run(notebook, "%fit_one_cycle 1 --max-lr 1e-2 --no-live")
    before = weights(notebook)
    interrupted(notebook, "%fit_one_cycle 4 --max-lr 1e-2 --no-live", 30)
    interrupted(notebook, "%fit_one_cycle --resume --no-live", 15)
    run(notebook, "%fit_one_cycle --resume --no-live")
    assert not same(weights(notebook), before)
    run(notebook, "%fit_undo")
    assert same(weights(notebook), before)


def test_a_refused_training_leaves_the_undo_alone(notebook):
    before = weights(notebook)
    run(notebook, "%fit_one_cycle 1 --max-lr 1e-2 --no-live")
    refusal(notebook, "%fit_one_cycle 1 --max-lr 1e-2 --checkpoint nowhere/fit.pt")
    refusal(notebook, "%fit_one_cycle 1 --max-lr 1e-2 --weight-decay -1")
    run(notebook, "%fit_undo")
    assert same(weights(notebook), before)


def test_a_whole_cell_is_not_undone_and_nothing_older_is_taken_for_it(notebook):
    run(notebook, "%fit_one_cycle 1 --max-lr 1e-2 --no-live")
    cell = (
        "for x, y in train_loader:\n    optimizer.zero_grad()\n    loss = criterion(model(x), y)\n    loss.backward()\n"
    )
    run(notebook, f"%%fit_one_cycle --max-lr 1e-2 --no-live\n{cell}    optimizer.step()")
    before = weights(notebook)
    assert "whole cell" in refusal(notebook, "%fit_undo")
    assert same(weights(notebook), before)


def test_a_training_goes_on_in_a_fresh_kernel(notebook, tmp_path):
    path = tmp_path / "fit.pt"
    partial = interrupted(notebook, f"%fit_one_cycle 4 --max-lr 1e-2 --no-live --checkpoint {path}", 30)
    del notebook.user_ns["fit_history"]
    with torch.no_grad():
        notebook.user_ns["model"][0].weight.zero_()
    history = run(notebook, f"%fit_one_cycle --resume --no-live --checkpoint {path}")
    assert history.steps[: len(partial.steps)] == partial.steps
    assert (len(history.steps), history.stop_reason) == (24, StopReason.COMPLETED)
    assert "ran to its end" in refusal(notebook, f"%fit_one_cycle --resume --checkpoint {path}")


def test_a_history_of_another_model_is_not_gone_on_with(notebook):
    interrupted(notebook, "%fit_one_cycle 4 --max-lr 1e-2 --no-live", 30)
    run(notebook, "model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))\n"
        "optimizer = torch.optim.AdamW(model.parameters())")  # fmt: skip
    assert "another model" in refusal(notebook, "%fit_one_cycle --resume --no-live")


def test_a_dry_run_shows_the_plan_and_trains_nothing(notebook, capsys):
    before, random = weights(notebook), torch.get_rng_state()
    assert run(notebook, "%fit_one_cycle 3 --max-lr 1e-4:1e-2 --dry-run") is None
    text = capsys.readouterr().out
    assert "0, 1   4e-6        1e-4     4e-10     0.95 → 0.85 → 0.95" in text
    assert "3 epochs, 18 steps, the peak at step 4" in text
    assert "ms per step" in text
    assert same(weights(notebook), before)
    assert torch.equal(torch.get_rng_state(), random)
    assert "fit_history" not in notebook.user_ns


def test_options_of_the_session_reach_the_loop(notebook):
    history = run(notebook, "%fit_one_cycle 2 --max-lr 1e-2 --no-live --weight-decay 0.3 --restore-best --roll-back")
    assert history.settings["weight_decay"] == 0.3


def test_a_whole_training_cell_has_a_loop_of_its_own(notebook):
    cell = "%%fit_one_cycle --steps 6 --max-lr 1e-2 --no-live --restore-best\nfor x, y in train_loader:\n"
    cell += "    optimizer.zero_grad()\n    criterion(model(x), y).backward()\n    optimizer.step()"
    assert "runs its own loop" in refusal(notebook, cell)


CLASSIFIERS = {
    "classes": ("nn.Linear(4, 3)", "(X[:, :3].argmax(1))", "nn.CrossEntropyLoss()"),
    "yes or no": ("nn.Sequential(nn.Linear(4, 1), nn.Flatten(0))", "(X[:, 0] > 0).float()", "nn.BCEWithLogitsLoss()"),
    "probabilities": ("nn.Sequential(nn.Linear(4, 1), nn.Sigmoid())", "(X[:, :1] > 0).float()", "nn.BCELoss()"),
    "labels": ("nn.Linear(4, 2)", "(X[:, :2] > 0).float()", "nn.BCEWithLogitsLoss()"),
}


@pytest.fixture
def classifier(empty_shell):
    """Makes a notebook with a small classifier of some kind."""

    def make(kind):
        model, target, criterion = CLASSIFIERS[kind]
        empty_shell.push({"nn": nn, "torch": torch, "DataLoader": DataLoader, "TensorDataset": TensorDataset})
        run(
            empty_shell,
            f"X = torch.randn(256, 4); Y = {target}\nmodel = {model}\ncriterion = {criterion}\n"
            "optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)\n"
            "train_loader = DataLoader(TensorDataset(X, Y), 32, shuffle=True)\n"
            "valid_loader = DataLoader(TensorDataset(X, Y), 60)",
        )
        return empty_shell

    return make


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_metrics_by_name_know_the_kind_of_question(classifier, kind):
    shell = classifier(kind)
    history = run(shell, "%fit_one_cycle 3 --max-lr 0.1 --no-live --metric accuracy --metric error_rate")
    metrics = history.epochs[-1].metrics
    names = shell.user_ns
    with torch.no_grad():
        output, target = names["model"](names["X"]), names["Y"]
    threshold = 0.5 if kind == "probabilities" else 0.0
    predicted = output.argmax(1) if kind == "classes" else (output > threshold).float()
    assert metrics["accuracy"] == pytest.approx(float((predicted == target).float().mean()))
    assert metrics["error_rate"] == pytest.approx(1 - metrics["accuracy"])
    assert metrics["accuracy"] > 0.85


def test_a_torchmetrics_object_of_ones_own_is_computed_over_the_epoch(classifier):
    torchmetrics = pytest.importorskip("torchmetrics")
    shell = classifier("classes")
    shell.push({"auroc": torchmetrics.AUROC(task="multiclass", num_classes=3), "torchmetrics": torchmetrics})
    line = "%fit_one_cycle 2 --max-lr 0.1 --no-live --metric auroc --metric f1 --metric 'auroc(out * 2, y)'"
    metrics = run(shell, line).epochs[-1].metrics
    names = shell.user_ns
    with torch.no_grad():
        output = names["model"](names["X"])
    truth = float(torchmetrics.AUROC(task="multiclass", num_classes=3)(output, names["Y"]))
    # 256 samples in batches of 60: the mean of the batches' values is another number
    assert metrics["auroc"] == pytest.approx(truth, abs=1e-6)
    assert metrics["auroc(out * 2, y)"] == pytest.approx(
        float(torchmetrics.AUROC(task="multiclass", num_classes=3)(output * 2, names["Y"])), abs=1e-6
    )
    assert not names["auroc"].update_called


def test_metrics_in_ones_own_step_are_computed_over_the_epoch_too(classifier):
    torchmetrics = pytest.importorskip("torchmetrics")
    shell = classifier("classes")
    shell.push({"auroc": torchmetrics.AUROC(task="multiclass", num_classes=3)})
    run(
        shell,
        "for xb, yb in train_loader:\n    optimizer.zero_grad()\n    logits = model(xb)\n"
        "    loss = criterion(logits, yb)\n    loss.backward()\n    optimizer.step()",
    )
    line = "%fit_one_cycle 1 --max-lr 0.1 --no-live --metric 'auroc(logits, yb)' --metric 'accuracy(logits, yb)'"
    metrics = run(shell, line).epochs[-1].metrics
    names = shell.user_ns
    with torch.no_grad():
        output = names["model"](names["X"])
    assert metrics["accuracy(logits, yb)"] == pytest.approx(float((output.argmax(1) == names["Y"]).float().mean()))
    assert metrics["auroc(logits, yb)"] == pytest.approx(float(names["auroc"](output, names["Y"])), abs=1e-6)


def test_a_metrics_name_compares_what_ones_own_step_hands_to_its_criterion(classifier):
    torchmetrics = pytest.importorskip("torchmetrics")
    shell = classifier("yes or no")
    shell.push(
        {"auroc": torchmetrics.AUROC(task="binary"), "wrong": lambda out, y: ((out > 0) != (y > 0.5)).float().mean()}
    )
    loop = (
        "for xb, yb in train_loader:\n    optimizer.zero_grad()\n    loss = criterion(model(xb), yb)\n"
        "    half = 0.5\n    loss.backward()\n    optimizer.step()"
    )
    run(shell, loop)
    line = "%fit_one_cycle 1 --max-lr 0.1 --no-live --metric accuracy --metric auroc --metric wrong --metric half"
    metrics = run(shell, line).epochs[-1].metrics
    names = shell.user_ns
    with torch.no_grad():
        output = names["model"](names["X"])
    accuracy = float(((output > 0) == (names["Y"] > 0.5)).float().mean())
    assert metrics == {
        "accuracy": pytest.approx(accuracy),
        "wrong": pytest.approx(1 - accuracy),
        "auroc": pytest.approx(float(names["auroc"](output, names["Y"].long())), abs=1e-6),
        "half": 0.5,
    }
    assert not names["criterion"]._forward_hooks
    run(shell, loop.replace("criterion(", "nn.functional.binary_cross_entropy_with_logits("))
    assert "does not say what it compares" in refusal(shell, "%fit_one_cycle 1 --max-lr 0.1 --metric auroc")


@pytest.mark.parametrize(
    ("metric", "hint"),
    [
        ("accurcy", "There is no metric 'accurcy'"),
        ("confusion", "cannot be computed"),
        ("'out.argmax(1)'", "gives 32 numbers"),
        ("wrong", "cannot be computed"),
        ("mean_squared_error", "cannot be computed"),
        ("out.logits", "AttributeError"),
    ],
)
def test_a_metric_that_does_not_work_is_refused_before_the_training(classifier, metric, hint):
    torchmetrics = pytest.importorskip("torchmetrics")
    shell = classifier("classes")
    shell.push({"wrong": torchmetrics.Accuracy(task="multiclass", num_classes=7), "accuracy": 0.93})
    shell.push({"confusion": torchmetrics.ROC(task="multiclass", num_classes=3)})
    before = weights(shell)
    assert hint in refusal(shell, f"%fit_one_cycle 1 --max-lr 0.1 --no-live --metric {metric}")
    assert same(weights(shell), before)


OWN_LOSS = """
class Output(dict):
    __getattr__ = dict.__getitem__

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Linear(4, 8), nn.Linear(8, 3)

    def forward(self, pixels, labels=None):
        logits = self.head(torch.relu(self.body(pixels)))
        return Output(loss=nn.functional.cross_entropy(logits, labels), logits=logits)

X = torch.randn(96, 4)
data = [{"pixels": x, "labels": x[:3].argmax()} for x in X]
model, train_loader = Net(), DataLoader(data, 16)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
"""


def test_metrics_of_a_model_that_computes_its_own_loss(empty_shell):
    empty_shell.push({"nn": nn, "torch": torch, "DataLoader": DataLoader})
    run(empty_shell, OWN_LOSS)
    by_hand = "'(out.logits.argmax(1)==labels).float().mean()'"
    line = f"%fit_one_cycle 2 --max-lr 1e-2 --no-live --metric accuracy --metric {by_hand}"
    accuracy, by_hand = run(empty_shell, line).epochs[-1].metrics.values()
    assert accuracy == pytest.approx(by_hand)


def test_a_number_of_the_notebook_is_not_meant_by_a_metrics_name(classifier):
    shell = classifier("classes")
    shell.push({"accuracy": -1.0})
    assert run(shell, "%fit_one_cycle 1 --max-lr 0.1 --no-live --metric accuracy").epochs[0].metrics["accuracy"] > 0


def completed(shell, text):
    """What Tab offers at the end of a text."""
    return {completion.text for completion in shell.Completer.completions(text, len(text))}


def test_tab_completes_layers_options_and_names(notebook):
    notebook.user_ns["stages"] = nn.ModuleDict({"stem": nn.Linear(4, 4), "head": nn.Linear(4, 2)})
    assert {"0", "1", "3", "5"} <= completed(notebook, "%freeze ")
    assert "5" in completed(notebook, "%unfreeze 5")
    assert "stem" in completed(notebook, "%freeze 3 --model stages st")
    assert "--train-bn" in completed(notebook, "%freeze --tr")
    assert "optimizer" in completed(notebook, "%freeze --optimizer op")
    assert "model" not in completed(notebook, "%fit_undo mo")
    assert "--epochs" in completed(notebook, "%lr_compare --ep")
    assert "model" in completed(notebook, "%lr_compare --model mo")
    del notebook.user_ns["model"], notebook.user_ns["stages"]
    assert "3" not in completed(notebook, "%freeze 3")


def test_tab_goes_one_level_deeper_at_a_time(empty_shell):
    body = nn.Sequential(*(nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4)) for _ in range(3)))
    empty_shell.user_ns["net"] = nn.ModuleDict({"body": body, "head": nn.Linear(4, 2)})
    assert {"body", "body.0", "body.2", "head"} <= completed(empty_shell, "%freeze ")
    assert "body.0.0" not in completed(empty_shell, "%freeze body.0")
    assert {"body.0.0", "body.0.2"} <= completed(empty_shell, "%freeze body.0.")


@pytest.mark.parametrize("magic", ["freeze", "unfreeze", "fit_undo", "lr_compare", "lr_find", "fit_one_cycle"])
def test_every_magic_has_its_help(empty_shell, magic):
    text = empty_shell.magics_manager.magics["line"][magic].__doc__
    parser = getattr(empty_shell.magics_manager.magics["line"][magic].__self__, magic).parser
    assert f"%{magic}" in text
    assert all(option in text for action in parser._actions for option in action.option_strings)


@pytest.mark.parametrize("magic", ["%%lr_find --no-live", "%%lr_find --no-live for x, y in train_loader"])
def test_the_open_of_a_notebook_writes_no_file(notebook, tmp_path, magic):
    notebook.push({"path": str(tmp_path / "losses.jsonl")})
    step = (
        "loss = criterion(model(x), y)\noptimizer.zero_grad()\nloss.backward()\noptimizer.step()\n"
        "with open(path, 'a') as file:\n    file.write(f'{loss.item()}\\n')\n"
    )
    loop = f"for _ in range(5):\n  for x, y in train_loader:\n{textwrap.indent(step, '    ')}"
    found = run(notebook, f"{magic}\n{step if 'for' in magic else loop}")
    assert not list(tmp_path.iterdir())
    assert "losses.jsonl" in found.receipt


STEP_WITH_ARGUMENTS = """
class Careful(torch.optim.SGD):
    def step(self, closure=None, *, scale=None):
        assert scale is not None, "scale is missing"
        return super().step(closure)
optimizer = Careful(model.parameters(), lr=1e-3)
"""


@pytest.mark.parametrize("magic", ["lr_find --no-live", "fit_one_cycle 1 --max-lr 1e-2 --no-live"])
def test_an_error_of_the_optimizers_own_step_is_shown_with_a_hint(notebook, magic):
    run(notebook, STEP_WITH_ARGUMENTS)
    with pytest.raises(AssertionError, match="scale is missing") as caught:
        run(notebook, f"%{magic}")
    assert f"`%%{magic.split()[0]}` above the cell" in caught.value.__notes__[0]


def test_an_error_of_the_model_is_shown_without_that_hint(notebook):
    run(notebook, "fails = iter([None] * 9)\nhandle = model[0].register_forward_pre_hook(lambda *_: next(fails))")
    with pytest.raises(StopIteration) as caught:
        run(notebook, "%lr_find --no-live")
    assert not hasattr(caught.value, "__notes__")


COUNTING = """
import random
n, seen, draws = 0, [], random.Random(1)
class Totals: images = 0
def make():
    calls = 0
    def count():
        nonlocal calls
        calls += 1
        return calls
    return count
count = make()
def augment(x, kept=[]):
    global n
    n += 1
    seen.append(len(x))
    kept.append(1)
    Totals.images += len(x)
    augment.calls = count()
    return x + 0.01 * draws.random()
augment.calls = 0
for x, y in train_loader:
    x = augment(x)
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
"""


def test_what_functions_of_an_own_step_count_is_put_back_after_a_line(notebook):
    run(notebook, COUNTING)
    read = "(n, list(seen), Totals.images, augment.calls, augment.__defaults__[0].copy(), draws.getstate(), count())"
    before = run(notebook, read)
    found = run(notebook, "%lr_find --num-steps 20 --no-live")
    assert any(finding.role == "step" and "your own" in finding.description for finding in found.setup)
    assert run(notebook, read) == (*before[:-1], before[-1] + 1)
