"""The magics in a real IPython shell: every form, every refusal, what they bind and what they leave alone."""

from __future__ import annotations

import textwrap

import numpy as np
import pytest
import torch
from IPython.core.error import UsageError
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import lr_magic
from lr_magic.pure.picture.lr_text import lr_text
from lr_magic.pure.results.choice_origin import ChoiceOrigin
from lr_magic.pure.results.fit_history import FitHistory
from lr_magic.pure.results.range_test_result import RangeTestResult
from lr_magic.pure.results.stop_reason import StopReason


@pytest.fixture
def shell(empty_shell):
    return empty_shell


@pytest.fixture
def notebook(shell):
    """A shell with one model, one optimizer over it, a loader and a criterion."""
    x = torch.randn(64, 4)
    names = {"model": nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))}
    names["optimizer"] = torch.optim.SGD(names["model"].parameters(), lr=0.1, momentum=0.9)
    names["train_loader"] = DataLoader(TensorDataset(x, (x[:, 0] > 0).long()), batch_size=16, shuffle=True)
    names["criterion"] = nn.CrossEntropyLoss()
    shell.push({**names, "nn": nn, "torch": torch})
    return shell


def run(shell, source):
    """Run a cell as a person would; the error it ends in, if any, is raised."""
    result = shell.run_cell(source, store_history=True)
    result.raise_error()
    return result.result


def refusal(shell, source):
    """What a refused magic says: one line, or a question and the command that answers it."""
    with pytest.raises(UsageError) as caught:
        run(shell, source)
    assert str(caught.value).strip().count("\n") <= 1
    assert type(caught.value) is UsageError  # a subclass would print a traceback
    return str(caught.value)


def test_line_form_binds_and_returns_the_result(notebook):
    before = set(notebook.user_ns)
    result = run(notebook, "r = %lr_find\nr")
    assert isinstance(result, RangeTestResult)
    assert notebook.user_ns["lr_found"] is result
    assert set(notebook.user_ns) - before - {"r", "lr_found"} <= {"_i1", "_1", "_i2", "_2"} | {
        name for name in notebook.user_ns if name.startswith("_")
    }
    assert [finding.name for finding in result.setup if finding.role == "model"] == ["model"]


@pytest.mark.parametrize("others", ["", "second_loss = nn.CrossEntropyLoss()"])
def test_a_loss_that_was_only_tried_leaves_no_trace_either(notebook, others):
    run(
        notebook,
        f"""
class CentredLoss(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("centre", torch.zeros(2))
        self.num_seen = 0
    def forward(self, output, target):
        self.num_seen += 1
        self.centre.lerp_(output.detach().mean(0), 0.1)
        return nn.functional.cross_entropy(output - self.centre, target)
criterion = CentredLoss()
{others}
""",
    )
    if "second_loss" in others:
        assert "Several losses fit" in refusal(notebook, "%lr_find")
    else:
        run(notebook, "%lr_find")
    assert notebook.user_ns["criterion"].num_seen == 0
    assert not notebook.user_ns["criterion"].centre.any()


def test_fit_uses_what_was_chosen(notebook):
    run(notebook, "%lr_find")
    run(notebook, "lr_found.lr = 0.02")
    history = run(notebook, "h = %fit_one_cycle 2\nh")
    assert isinstance(history, FitHistory)
    assert notebook.user_ns["fit_history"] is history
    assert max(step.lr for step in history.steps) == pytest.approx(0.02, rel=0.05)
    assert history.stop_reason is StopReason.COMPLETED
    assert len(history.steps) == 8


@pytest.mark.parametrize(("line", "steps"), [("%fit_one_cycle 2", 8), ("%fit_one_cycle --steps 100", 100)])
def test_a_suggestion_is_made_for_the_length_of_the_training_and_the_report_says_so(notebook, capsys, line, steps):
    lrs = np.geomspace(1e-7, 10, 100)
    found = RangeTestResult(lrs, 1 + 1 / (1 + (lrs / 1e-3) ** 2) + 5 * lrs, training_steps=5000)
    notebook.push({"lr_found": found})
    run(notebook, line)
    peak = notebook.user_ns["fit_history"].settings["max_lr"]
    assert peak == found.suggestion_for(steps) > found.suggestion
    told = " ".join(capsys.readouterr().out.split())
    assert f"peak lr {lr_text(peak, digits=3)} suggested by %lr_find, for a training of {steps} steps" in told


def test_fit_without_a_rate_says_how_to_give_one(notebook):
    assert "--max-lr" in refusal(notebook, "%fit_one_cycle 2")


@pytest.mark.parametrize(
    ("choice", "origin"),
    [
        ("lr_found.lr = 0.02", "chosen in code"),
        ("lr_found.lr_range = (1e-3, 0.02)", "chosen in code"),
        ("%lr_compare 1e-6 0.02 --steps 20", "chosen by comparison"),
        ("lr_found.choose(0.02, ChoiceOrigin.PLOT)", "chosen on the plot"),
    ],
)
def test_the_report_says_where_the_peak_comes_from(notebook, capsys, choice, origin):
    notebook.push({"ChoiceOrigin": ChoiceOrigin})
    run(notebook, "%lr_find")
    run(notebook, choice)
    kept = RangeTestResult.from_json(notebook.user_ns["lr_found"].to_json())
    assert kept.choice_origin.value == origin
    capsys.readouterr()
    run(notebook, "%fit_one_cycle 1")
    assert origin in capsys.readouterr().out


def test_an_unknown_name_in_a_number_is_compared_with_the_numbers_only(notebook):
    notebook.push({"scheme": "a word", "best_lr": 1e-2})
    assert refusal(notebook, "%fit_one_cycle 1 --max-lr schme").endswith("no name 'schme' in this notebook.")
    assert refusal(notebook, "%fit_one_cycle 1 --max-lr bestlr").endswith("Did you mean best_lr?")


def test_lr_range_goes_over_the_groups(notebook):
    run(
        notebook,
        "optimizer = torch.optim.SGD([{'params': model[0].parameters()}, {'params': model[2].parameters()}], lr=0.1)",
    )
    run(notebook, "%fit_one_cycle 1 --max-lr 1e-4:1e-2")
    assert notebook.user_ns["fit_history"].settings["max_lr"] == pytest.approx([1e-4, 1e-2])


def test_a_sweep_chooses_its_rates_unless_something_is_planned(notebook):
    by_losses = run(notebook, "r = %lr_find\nr")
    assert by_losses.lrs[:5] == pytest.approx(1e-6 * 10 ** (np.arange(5) / 4))
    planned = run(notebook, "r = %lr_find --num-steps 100\nr")
    assert planned.lrs[:9] == pytest.approx(np.geomspace(1e-7, 10, 100)[:9])
    run(notebook, "%config LrMagics.num_steps = 9")
    configured = run(notebook, "r = %lr_find --no-stop\nr")
    assert configured.lrs == pytest.approx(np.geomspace(1e-7, 10, 9))


def test_a_mistyped_clause_is_forgotten_by_the_next_cell(notebook):
    assert "is no `for` clause" in refusal(notebook, "%%lr_find for xb, yb on train_loader\nloss = 1")
    run(notebook, "%lr_find --num-steps 10")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("%lr_find --num-stesp 3", "--num-stesp. Did you mean --num-steps? → `%lr_find?`"),
        ("%lr_find --num-steps", "expected one argument. → `%lr_find?`"),
        ("%lr_compare 1e-3 --help", "--help. → `%lr_compare?`"),
        ("%freeze 1 --modle model", "Did you mean --model? → `%freeze?`"),
        ("%lr_find --num-steps 1e400", "--num-steps needs a whole number; got 1e400"),
    ],
)
def test_a_line_that_cannot_be_read_says_what_was_meant_and_where_to_look(notebook, line, says):
    assert says in refusal(notebook, line)


def test_a_body_with_an_optimizer_of_a_former_model_is_refused(notebook):
    run(notebook, "model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))")
    text = refusal(notebook, f"%%lr_find for xb, yb in train_loader\n{FOR_BODY}")
    assert "parameters of a former `model`" in text


def test_a_run_without_a_step_says_only_that(notebook, capsys):
    with pytest.raises(NameError):
        run(notebook, "%%lr_find for xb, yb in train_loader\nloss = nope")
    told = capsys.readouterr().out
    assert "There is no curve: no step came to its end." in told
    assert told.count("There is no curve") == 1


def test_option_values_may_be_expressions(notebook):
    notebook.push({"lowest": 1e-5, "n": 10})
    result = run(notebook, "r = %lr_find --start-lr lowest/10 --end-lr 1e-2 --num-steps n*2 --no-stop\nr")
    assert result.lrs[0] == pytest.approx(1e-6)
    assert len(result.lrs) == 20


def test_for_form_runs_the_body(notebook):
    result = run(
        notebook,
        "%%lr_find --num-steps 30 for xb, yb in train_loader\n"
        "optimizer.zero_grad()\nloss = criterion(model(xb), yb)\nloss.backward()\noptimizer.step()\n",
    )
    assert isinstance(notebook.user_ns["lr_found"], RangeTestResult)
    assert result is notebook.user_ns["lr_found"]
    assert "xb" not in notebook.user_ns
    assert "loss" not in notebook.user_ns


def test_for_form_trains_and_follows_metrics(notebook):
    run(
        notebook,
        "%%fit_one_cycle 2 --max-lr 1e-2 for xb, yb in train_loader\n"
        "out = model(xb)\nloss = criterion(out, yb)\nhits = (out.argmax(1) == yb).float().mean()\n",
    )
    assert "hits" in notebook.user_ns["fit_history"].epochs[-1].metrics


FOR_BODY = "optimizer.zero_grad()\nloss = 2 * criterion(model(xb), yb)\nloss.backward()\noptimizer.step()\n"

CELL = """
for epoch in range(3):
    for xb, yb in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        steps.append(loss.item())
"""


def test_cell_form_sweeps_a_whole_training_cell_and_leaves_nothing(notebook):
    notebook.push({"steps": []})
    before = {name: value.clone() for name, value in notebook.user_ns["model"].state_dict().items()}
    result = run(notebook, f"%%lr_find --num-steps 10 --no-stop{CELL}")
    assert len(result.lrs) == 10
    assert notebook.user_ns["steps"] == []
    assert "epoch" not in notebook.user_ns
    assert all(torch.equal(before[name], value) for name, value in notebook.user_ns["model"].state_dict().items())


def test_cell_form_is_swept_in_even_strides(notebook):
    notebook.push({"steps": []})
    result = run(notebook, f"%%lr_find{CELL}")
    assert np.diff(np.log10(result.lrs)) == pytest.approx(8 / 99)
    assert result.lrs[0] == 1e-7


def test_cell_form_trains_with_our_schedule(notebook):
    notebook.push({"steps": []})
    history = run(notebook, f"%%fit_one_cycle --max-lr 1e-2{CELL}")
    assert len(history.steps) == 12
    assert len(notebook.user_ns["steps"]) == 12
    assert max(step.lr for step in history.steps) == pytest.approx(1e-2, rel=0.1)
    assert notebook.user_ns["optimizer"].param_groups[0]["lr"] == 0.1


def test_cell_form_with_a_number_of_epochs_is_refused(notebook):
    assert "--steps" in refusal(notebook, f"%%fit_one_cycle 3 --max-lr 1e-2{CELL}")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("%lr_find --start-lr 1 --end-lr 0.1", "end_lr"),
        ("%lr_find --start-lr 0", "start_lr"),
        ("%lr_find --num-steps 0", "num_steps"),
        ("%lr_find --num-steps -5", "num_steps"),
        ("%lr_find --num-steps 2.5", "whole number"),
        ("%lr_find --seconds 0", "seconds"),
        ("%lr_find --batches-per-lr 0", "batches_per_lr"),
        ("%lr_find --divergence-factor -1", "divergence_factor"),
        ("%lr_find --nonsense", "--nonsense"),
        ("%lr_find --amp fp8", "fp8"),
        ("%lr_find modle", "model"),
        ("%lr_find --train trian_loader", "train_loader"),
        ("%lr_find --start-lr modle", "no name 'modle'"),
        ("%lr_find --accumulate 0", "accumulate"),
        ("%lr_find --clip-norm 0", "clip_norm"),
        ("%fit_one_cycle 0 --max-lr 1", "EPOCHS"),
        ("%fit_one_cycle --steps 0 --max-lr 1", "--steps"),
        ("%fit_one_cycle 1 --max-lr -1", "max_lr"),
        ("%fit_one_cycle 1 --max-lr 1e-2:1e-4", "LOW:HIGH"),
        ("%fit_one_cycle 1 --max-lr 1 --pct-start 2", "pct_start"),
        ("%fit_one_cycle 1 --max-lr [1,2,3]", "param group"),
    ],
)
def test_wrong_input_is_one_line_and_touches_nothing(notebook, line, says):
    model, loader = notebook.user_ns["model"], notebook.user_ns["train_loader"]
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state = torch.get_rng_state()
    assert says in refusal(notebook, line)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())
    assert loader.batch_size == 16


def test_a_notebook_without_a_model_is_refused(shell):
    assert "nn.Module" in refusal(shell, "%lr_find")


FORWARD_BODY = "%%lr_find --sharpness for xb, yb in train_loader\nloss = criterion(model(xb), yb)\n"
WHOLE_BODY = "%%lr_find --sharpness for xb, yb in train_loader\n" + FOR_BODY


@pytest.mark.parametrize("source", ["%lr_find --sharpness", FORWARD_BODY, WHOLE_BODY])
def test_sharpness_adds_a_second_opinion_and_changes_nothing_else(notebook, source):
    run(notebook, source.replace(" --sharpness", ""))
    without = notebook.user_ns["lr_found"]
    run(notebook, source)
    found = notebook.user_ns["lr_found"]
    assert found.losses.tolist() == without.losses.tolist()
    assert found.sharpness.limit_lr > 0
    assert found.reading == f"{without.reading} {found.sharpness.sentence}"
    assert "approximate: from 4 batches of 16" in found.reading
    assert RangeTestResult.from_json(found.to_json()).sharpness == found.sharpness
    assert len(found.plot().axes[0].lines) == len(without.plot().axes[0].lines) + 1


def test_sharpness_of_a_whole_cell_is_refused(notebook):
    assert "leave it out" in refusal(notebook, "%%lr_find --sharpness\n" + CELL)


def test_config_sets_defaults(notebook):
    run(notebook, "%config LrMagics.num_steps = 12")
    result = run(notebook, "r = %lr_find --no-stop\nr")
    assert len(result.lrs) == 12


def test_an_interrupt_keeps_the_curve_and_is_raised_again(notebook):
    class Interrupting(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 2)
            self.calls = 0

        def forward(self, x):
            if torch.is_grad_enabled() and self.training:
                self.calls += 1
                if self.calls > 30:
                    raise KeyboardInterrupt
            return self.layer(x)

    notebook.push({"model": Interrupting()})
    run(notebook, "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)")
    with pytest.raises(KeyboardInterrupt):
        run(notebook, "%lr_find")
    result = notebook.user_ns["lr_found"]
    assert result.stop_reason is StopReason.INTERRUPTED
    assert len(result.lrs) > 10


def test_help_documents_every_option(notebook):
    docs = notebook.magics_manager.magics["line"]["lr_find"].__doc__
    for option in ("--start-lr", "--end-lr", "--num-steps", "--train", "--loss", "--optimizer", "--amp", "--no-live"):
        assert option in docs


def completed(shell, text):
    """What Tab offers at the end of a text."""
    return {completion.text for completion in shell.Completer.completions(text, len(text))}


def test_tab_completes_options_choices_and_names(notebook):
    assert "--num-steps" in completed(notebook, "%lr_find --num")
    assert "train_loader" in completed(notebook, "%lr_find --train tr")
    assert {"bf16", "fp16"} <= completed(notebook, "%lr_find --amp ")
    assert "model" in completed(notebook, "%lr_find mo")
    assert "--max-lr" in completed(notebook, "%%fit_one_cycle --max")
    assert "torch" not in completed(notebook, "%lr_find to")


def test_unload_takes_everything_back(global_shell):
    def footprint():
        magics = global_shell.magics_manager.magics
        formatter = global_shell.display_formatter.ipython_display_formatter
        return (
            set(magics["line"]), set(magics["cell"]), set(global_shell.magics_manager.registry),
            list(map(type, global_shell.configurables)), set(formatter.type_printers),
            set(global_shell.strdispatchers["complete_command"].strs),
        )  # fmt: skip

    before = footprint()
    lr_magic.load_ipython_extension(global_shell)
    assert footprint() != before
    lr_magic.unload_ipython_extension(global_shell)
    assert footprint() == before


@pytest.mark.parametrize("rejected", ["num_steps = 'many'", "pct_start = 3"])
def test_a_configured_value_that_is_refused_does_not_keep_the_magics_away(notebook, rejected, capsys):
    run(notebook, f"%config LrMagics.{rejected}")  # IPython says no, and keeps the value
    run(notebook, "%reload_ext lr_magic")
    assert f"LrMagics.{rejected.split()[0]} is left at its default" in capsys.readouterr().err
    run(notebook, "%config LrMagics.epochs = 2")
    assert len(run(notebook, "r = %lr_find --num-steps 5 --no-stop\nr").lrs) == 5


def test_a_cell_under_our_own_magic_counts_as_the_persons_loop(notebook):
    run(notebook, f"%%lr_find --num-steps 5 --no-stop for xb, yb in train_loader\n{FOR_BODY}")
    result = run(notebook, "r = %lr_find --num-steps 5 --no-stop\nr")
    with torch.no_grad():
        plain = notebook.ev("max(float(criterion(model(x), y)) for x, y in train_loader)")
    assert result.losses[0] > 1.5 * plain  # twice the criterion, as the body has it


def test_no_live_in_a_terminal_says_it_once(notebook, capsys):
    run(notebook, "r = %lr_find --no-live")
    assert capsys.readouterr().out.count("Train with it") == 1


def test_compare_chooses_a_rate_and_puts_everything_back(notebook):
    before = {name: value.clone() for name, value in notebook.user_ns["model"].state_dict().items()}
    result = run(notebook, "c = %lr_compare 1e-6 5e-2 --steps 20\nc")
    assert [trial.lr for trial in result.trials] == [1e-6, 5e-2]
    assert result.winner.lr == 5e-2
    assert notebook.user_ns["lr_found"].lr == result.lr
    assert all(torch.equal(before[name], value) for name, value in notebook.user_ns["model"].state_dict().items())
    assert "lr_find" in refusal(notebook, "del lr_found\n%lr_compare")


def test_compare_begins_at_the_suggestion_for_the_training_to_come(notebook):
    lrs = np.geomspace(1e-7, 10, 100)
    found = RangeTestResult(lrs, 1 + 1 / (1 + (lrs / 1e-3) ** 2) + 5 * lrs)
    expected = found.suggestion_for(2000)
    assert expected < found.suggestion
    notebook.push({"lr_found": found})
    result = run(notebook, "c = %lr_compare --epochs 500 --steps 2\nc")
    assert result.trials[0].lr == expected


def test_compare_says_how_each_trial_ended_and_what_to_type(notebook, capsys):
    run(notebook, "c = %lr_compare 1e-6 5e-2 --steps 20 --no-live")
    text = capsys.readouterr().out
    assert "lr 1e-6: final loss" in text
    assert "5e-2 wins" in text
    assert "Train with it: %fit_one_cycle 5 --max-lr " in text


def test_compare_over_a_loader_without_a_length_needs_only_the_steps(notebook):
    run(notebook, "class Endless(torch.utils.data.IterableDataset):\n    def __iter__(self):\n"
        "        while True: yield torch.randn(4), torch.randint(0, 2, ())\n"
        "train_loader = torch.utils.data.DataLoader(Endless(), batch_size=8)")  # fmt: skip
    result = run(notebook, "c = %lr_compare 1e-3 1e-2 --steps 5\nc")
    assert (result.steps, result.training_steps) == (5, None)
    assert "--steps N" in refusal(notebook, "%lr_compare 1e-3 1e-2")


def test_compare_in_a_terminal_says_what_was_put_back_and_what_to_type(notebook, capsys):
    run(notebook, "c = %lr_compare 1e-6 5e-2 --steps 20")
    text = capsys.readouterr().out
    assert text.count("lr 1e-6: final loss") == 1
    assert text.index("5e-2 wins") < text.index("restored: ") < text.index("Train with it: %fit_one_cycle 5 --max-lr ")


@pytest.mark.parametrize(
    "line", ["%lr_compare '1e-6*2' --steps 2 --loss 'F.cross_entropy(out, y)'", '%freeze 1 --model "model"']
)
def test_quotes_around_a_value_are_no_part_of_it_for_any_magic(notebook, line):
    notebook.push({"F": nn.functional})
    run(notebook, line)


def test_a_magic_without_a_cell_form_points_to_one_that_has_it(notebook):
    run(notebook, "teacher_loss = lambda a, b, c: a\ndel criterion")
    text = refusal(notebook, "%lr_compare 1e-3 1e-2 --steps 2")
    assert "`%lr_compare --loss " in text
    assert "`%%lr_find " in text
    assert "%%lr_compare" not in text


def test_a_metric_of_ones_own_step_needs_its_names(notebook):
    run(notebook, f"for xb, yb in train_loader:\n{textwrap.indent(FOR_BODY, '    ')}")
    assert "hits" in refusal(notebook, "%fit_one_cycle 1 --max-lr 1e-2 --metric 'hits.float().mean()'")
    history = run(notebook, "h = %fit_one_cycle 1 --max-lr 1e-2 --metric '(model(xb).argmax(1)==yb).float().mean()'\nh")
    assert len(history.epochs[0].metrics) == 1


TEACHER = """
for xb, yb in train_loader:
    loss = criterion(model(xb), yb) + nn.functional.mse_loss(model(xb), teacher(xb))
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
"""


def test_a_teacher_beside_the_model_is_put_back_too(notebook):
    notebook.push({"teacher": nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 2))})
    run(notebook, TEACHER)
    teacher = notebook.user_ns["teacher"]
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    grads = [None if p.grad is None else p.grad.clone() for p in teacher.parameters()]
    run(notebook, "%lr_find --num-steps 5 --no-stop")
    assert all(torch.equal(before[name], value) for name, value in teacher.state_dict().items())
    for old, parameter in zip(grads, teacher.parameters(), strict=True):
        assert torch.equal(old, parameter.grad)
