"""The plain notebook: one model, its optimizer, a loader, a criterion; and what is refused in one line."""

from __future__ import annotations

import pytest
import torch

from lr_magic.notebook.discovery.report import report_lines

IMPORTS = """
import torch, torch.nn as nn, torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
"""
DATA = """
X, Y = torch.randn(48, 4), torch.randint(0, 3, (48,))
train_loader = DataLoader(TensorDataset(X, Y), batch_size=8, shuffle=True)
"""
MODEL = """
model = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3))
"""
OPTIMIZER = "optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)"
CRITERION = "criterion = nn.CrossEntropyLoss()"
STEP = "x, y = batch; loss = criterion(model(x), y)"


@pytest.fixture
def plain(notebook):
    return notebook(IMPORTS, DATA, MODEL, CRITERION, OPTIMIZER)


def test_finds_all_four_and_leaves_no_trace(plain):
    found = plain.find()
    assert found.setup.model is plain["model"]
    assert found.setup.optimizer is plain["optimizer"]
    assert found.setup.train_loader is plain["train_loader"]
    assert found.setup.valid_loader is None
    plain.check_loss(found, STEP)


def test_says_what_it_found(plain):
    found = plain.find()
    roles = {finding.role: finding for finding in found.findings}
    assert roles["model"].name == "model"
    assert roles["optimizer"].description == "SGD, 1 group, lr 0.1"
    assert roles["train"].description == "6 batches of 8"
    assert "criterion" in roles["step"].description
    assert not any(finding.is_guess for finding in found.findings)
    assert all(len(line) < 120 for line in report_lines(found.findings))


def test_a_step_is_marked_as_assumed_where_a_loop_could_show_another(notebook):
    book = notebook(IMPORTS, DATA, MODEL, OPTIMIZER)
    guesses = [finding for finding in book.find().findings if finding.is_guess]
    assert [finding.role for finding in guesses] == ["step", "note"]
    assert guesses[0].description.endswith("; your loop was not seen")
    assert guesses[1].description == "default loss, cross entropy: no criterion found"
    assert not any(finding.role == "step" for finding in book.find(loss="F.cross_entropy").findings if finding.is_guess)


def test_names_do_not_matter(notebook):
    book = notebook(IMPORTS, DATA.replace("train_loader", "stuff"), MODEL.replace("model", "gadget"))
    book.run("thing = nn.CrossEntropyLoss()\nmover = torch.optim.Adam(gadget.parameters())")
    found = book.find()
    assert found.setup.model is book["gadget"]
    book.check_loss(found, "x, y = batch; loss = thing(gadget(x), y)")


def test_takes_what_is_typed(plain):
    plain.run("other = nn.Linear(4, 3)\nother_optimizer = torch.optim.Adam(other.parameters())")
    plain.run(
        "small = DataLoader(TensorDataset(X[:8], Y[:8]), batch_size=4)\nweighted = nn.CrossEntropyLoss(torch.rand(3))"
    )
    found = plain.find(model="model", optimizer="optimizer", train="small", loss="weighted", valid="train_loader")
    assert found.setup.optimizer is plain["optimizer"]
    assert found.setup.train_loader is plain["small"]
    assert found.setup.valid_loader is plain["train_loader"]
    plain.check_loss(found, "x, y = batch; loss = weighted(model(x), y)")


@pytest.mark.parametrize(
    "loss",
    [
        "F.cross_entropy(out, y) + 0.1 * model[0].weight.abs().sum()",
        "F.cross_entropy(out, batch[1]) + 0.1 * model[0].weight.abs().sum()",
        "lambda a, b: F.cross_entropy(a, b) + 0.1 * model[0].weight.abs().sum()",
    ],
)
def test_the_loss_can_be_an_expression(plain, loss):
    found = plain.find(loss=loss)
    step = "x, y = batch; loss = criterion(model(x), y) + 0.1 * model[0].weight.abs().sum()"
    plain.check_loss(found, step)


def test_metrics_are_followed(plain):
    found = plain.find(metrics=("(out.argmax(1) == y).float().mean()",))
    x, y = next(iter(plain["train_loader"]))
    metrics = found.setup.compute_loss((x, y)).metrics
    assert list(metrics) == ["(out.argmax(1) == y).float().mean()"]
    assert 0 <= float(metrics["(out.argmax(1) == y).float().mean()"]) <= 1


def test_options_are_passed_on(plain):
    setup = plain.find(accumulate=2, clip_norm=1.0, amp="bf16").setup
    assert (setup.accumulate, setup.clip_norm, setup.amp) == (2, 1.0, "bf16")


def test_a_default_optimizer_is_announced_and_stays_out_of_the_notebook(notebook):
    book = notebook(IMPORTS, DATA, MODEL, CRITERION)
    found = book.find()
    assert isinstance(found.setup.optimizer, torch.optim.AdamW)
    finding = next(f for f in found.findings if f.role == "optimizer")
    assert finding.is_guess
    assert "AdamW" in finding.description


def test_no_model(notebook):
    assert "no nn.Module" in notebook(IMPORTS, DATA, CRITERION).refusal()


def test_two_models_without_an_optimizer(notebook):
    book = notebook(IMPORTS, DATA, "first = nn.Linear(4, 3)", "second = nn.Linear(4, 3)")
    text = book.refusal()
    assert text.endswith("→ `%lr_find second` (uses AdamW), or make the optimizer first.")
    assert book.find(model="first", loss="F.cross_entropy").setup.model is book["first"]


def test_the_calling_magic_is_in_the_way_out(notebook):
    book = notebook(IMPORTS, DATA, "first = nn.Linear(4, 3)", "second = nn.Linear(4, 3)")
    assert "%fit_one_cycle --model second" in book.refusal(magic="fit_one_cycle")


def test_two_optimizers_of_two_models_made_together(notebook):
    book = notebook(IMPORTS, DATA, "g, d = nn.Linear(4, 3), nn.Linear(4, 3)")
    book.run("g_opt = torch.optim.Adam(g.parameters())\nd_opt = torch.optim.Adam(d.parameters())")
    text = book.refusal()
    assert "`g_opt` → `g`, `d_opt` → `d`" in text


def test_no_loader(notebook):
    assert "no training loader" in notebook(IMPORTS, MODEL, OPTIMIZER).refusal()


def test_only_test_data(notebook):
    book = notebook(IMPORTS, DATA.replace("train_loader", "test_loader"), MODEL, OPTIMIZER)
    assert "`test_loader`, looks like validation or test data" in book.refusal()


def test_optimizer_of_another_model(plain):
    plain.run("other = nn.Linear(4, 3)")
    text = plain.refusal(model="other", optimizer="optimizer")
    assert "`optimizer` holds no parameter of `other`: it trains `model`" in text


def test_an_iterator_is_not_touched(plain):
    plain.run("dataiter = iter(train_loader)\nfirst = next(dataiter)")
    text = plain.refusal(train="dataiter")
    assert "did not touch it" in text
    assert text.endswith("→ `%lr_find --train train_loader`, the loader it comes from.")
    assert len(list(plain["dataiter"])) == 5


def test_a_generator_function_result_is_not_touched(notebook):
    book = notebook(IMPORTS, MODEL, CRITERION, OPTIMIZER)
    book.run("def batches():\n    yield torch.randn(8, 4), torch.randint(0, 3, (8,))\ntrain_batches = batches()")
    assert "can be gone through once" in book.refusal()
    assert len(list(book["train_batches"])) == 1


def test_unknown_name_with_the_nearest(plain):
    assert "`%lr_find --train train_loader`" in plain.refusal(train="trainloader")
    assert "There is no `modle`" in plain.refusal(model="modle")
    assert "`%lr_find --loss criterion`" in plain.refusal(loss="criterium")


@pytest.mark.parametrize(
    ("asked", "way_out"),
    [
        ({"valid": "nope"}, "`%lr_find --valid NAME` with one that exists: `train_loader`."),
        ({"train": "nope"}, "`%lr_find --train NAME` with one that exists: `train_loader`."),
        ({"optimizer": "optin"}, "`%lr_find --optimizer NAME` with one that exists: `optimizer`."),
        ({"model": "X_train"}, "`%lr_find NAME` with one that exists: `model`."),
        ({"model": "modle", "magic": "fit_one_cycle"}, "`%fit_one_cycle --model model`?"),
        ({"valid": "loders['valid']"}, "`%lr_find --valid loaders`?"),
        ({"train": "sette[0]"}, "`%lr_find --train settings`?"),
    ],
)
def test_only_names_that_could_be_meant_are_suggested(plain, asked, way_out):
    plain.run("settings, option, X_trian = {'lr': 1}, 3, model.state_dict()")
    if "loders" in str(asked):
        plain.run("loaders = {}")
    plain.namespace["open"] = open  # as IPython does
    assert plain.refusal(**asked).endswith("→ " + way_out)


def test_a_model_that_was_made_anew_and_its_optimizer_not(plain):
    plain.run("import copy\nmodel = copy.deepcopy(model)")
    text = plain.refusal()
    assert "`optimizer` holds parameters of a former `model`" in text
    assert "run the cell that makes `optimizer` again.\n→ `%lr_find model`" in text


def test_parameters_that_are_no_numbers_are_named(plain):
    with torch.no_grad():
        next(plain["model"].parameters())[0, 0] = float("inf")
    text = plain.refusal()
    assert "Parameters of `model` hold nan or inf (`0.weight`)" in text
    assert "`%fit_undo`" in text


def test_data_that_are_no_numbers_are_named(notebook):
    book = notebook(IMPORTS, DATA, MODEL, CRITERION, OPTIMIZER)
    book.run("train_loader = [(torch.full((4, 4), float('inf')), torch.zeros(4).long())]")
    assert "`batch[0]` holds nan or inf" in book.refusal()


def test_a_forward_that_makes_nan_of_numbers_is_named(plain):
    plain.run("model[0].register_forward_hook(lambda module, inputs, output: (output - 1e9).sqrt())")
    assert "`model` returns nan, although its parameters and the batch hold none" in plain.refusal()


@pytest.mark.parametrize(
    ("labels", "says", "example"),
    [
        ("y + 3", "class numbers 3 to 5, the output has scores for 0 to 2.", "criterion(out, y - 3)"),
        ("y - 1", "class numbers -1 to 1, the output has scores for 0 to 2.", "criterion(out, y + 1)"),
        ("y * 4", "class numbers 0 to 8, the output has scores for 0 to 2: the model needs 9", "criterion(out, y)"),
    ],
)
def test_labels_beyond_the_classes(plain, labels, says, example):
    plain.run("y = torch.arange(48) % 3")
    plain.run(f"train_loader = DataLoader(TensorDataset(torch.randn(48, 4), {labels}), batch_size=8)")
    text = plain.refusal()
    assert says in text
    assert f'`%lr_find --loss "{example}"`' in text


def test_a_short_last_batch_that_batch_norm_refuses(plain):
    plain.run("train_loader = DataLoader(TensorDataset(torch.randn(17, 4), torch.zeros(17).long()), batch_size=8)")
    text = plain.refusal()
    assert "`criterion` fits a first batch, but not each of the next ones: ValueError: Expected more than 1" in text
    assert "drop_last=True" in text


def test_a_model_that_is_frozen_whole(plain):
    plain["model"].requires_grad_(False)
    assert "requires_grad is False for all that the optimizer updates" in plain.refusal()


def test_gradients_that_are_switched_off(plain):
    with torch.no_grad():
        assert "Gradients are switched off here" in plain.refusal()


def test_an_output_that_no_parameter_reaches(notebook):
    book = notebook(IMPORTS, DATA, CRITERION)
    book.run("class Cut(nn.Linear):\n    def forward(self, x): return super().forward(x).detach()\nmodel = Cut(4, 3)")
    book.run(OPTIMIZER)
    assert "`criterion` fits, but cannot be trained on: it does not depend on the model's parameters" in book.refusal()


def test_a_loss_without_its_parentheses(plain):
    text = plain.refusal(loss="nn.CrossEntropyLoss")
    assert "`nn.CrossEntropyLoss` is a class" in text
    assert '→ `%lr_find --loss "nn.CrossEntropyLoss()"`' in text


@pytest.mark.parametrize("device", ["nope", "3.5", "cuda:x"])
def test_what_is_no_device(plain, device):
    assert plain.refusal(device=device).startswith(f"`{device}` is not ")


@pytest.mark.parametrize("option", ["train", "valid"])
def test_the_way_out_names_the_option_that_was_typed(plain, option):
    plain.run("dataiter = iter(train_loader)\nnothing = DataLoader([], 4)")
    assert f"`%lr_find --{option} " in plain.refusal(**{option: "dataiter"})
    assert f"`%lr_find --{option} " in plain.refusal(**{option: "nothing"})


def test_a_model_that_is_none(plain):
    assert "`X` is a tensor [48, 4] float32, not a model" in plain.refusal(model="X")
    assert "`nn.Linear` is the class Linear, not an object of it" in plain.refusal(model="nn.Linear")


def test_a_loader_of_length_0(notebook):
    book = notebook(IMPORTS, MODEL, CRITERION, OPTIMIZER)
    book.run("train_loader = DataLoader(TensorDataset(torch.randn(3, 4)), batch_size=8, drop_last=True)")
    assert "`train_loader` has length 0" in book.refusal()


def test_what_is_no_expression_or_raises(plain):
    assert "is not an expression" in plain.refusal(train="train_loader for")
    assert "ZeroDivisionError" in plain.refusal(train="1/0")


def test_a_tensor_is_no_loader(plain):
    assert "not a loader" in plain.refusal(train="X")


def test_an_optimizer_that_is_none(plain):
    assert "`model` is a Sequential, not a torch optimizer" in plain.refusal(optimizer="model")


def test_optimizer_of_a_tensor(notebook):
    book = notebook(IMPORTS, DATA, MODEL)
    book.run("image = torch.rand(1, 3, 4, 4, requires_grad=True)\nopt = torch.optim.Adam([image])")
    assert "`opt` holds [1, 3, 4, 4] float32, which is not the parameters of one module" in book.refusal()


def test_a_loss_that_is_not_reproducible_is_said(notebook):
    book = notebook(IMPORTS, DATA, MODEL, OPTIMIZER, "count = [0]")
    book.run("def loss_fn(out, y):\n    count[0] += 1\n    return F.cross_entropy(out, y) * count[0]")
    assert any("same random numbers" in finding.description for finding in book.find().findings)


def test_nothing_of_a_trial_is_held_on_to(plain):
    plain.run("import weakref\nseen = []")
    plain.run("""
class Watched(nn.Module):
    def forward(self, out, target):
        seen.extend(weakref.ref(tensor) for tensor in (out, target))
        return F.cross_entropy(out, target)
criterion = Watched()
""")
    found = plain.find(loss="criterion")
    assert plain["seen"]
    assert not any(reference() is not None for reference in plain["seen"])
    assert found.setup.compute_loss is not None


def test_a_compiled_or_parallel_model_is_looked_through(plain):
    # without devices it runs the model where that is: where torch sees some, it wants the model on them
    plain.run("wrapped = nn.DataParallel(model)\nwrapped.device_ids = []\ncriterion_of_old = None")
    found = plain.find()
    assert found.setup.model is plain["wrapped"]
    plain.check_loss(found, "x, y = batch; loss = criterion(wrapped(x), y)")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("make", ["torch.jit.script(model)", "torch.jit.trace(model.eval(), xs[:4]).train()"])
def test_a_model_of_torchscript_is_one_like_others(plain, make):
    plain.run(f"xs = torch.cat([x for x, _ in train_loader])\nmodel = {make}")
    plain.run("optimizer = torch.optim.SGD(model.parameters(), lr=0.1)")
    plain.check_loss(plain.find(), "x, y = batch; loss = criterion(model(x), y)")


def test_a_warning_of_the_loss_is_an_error(notebook):
    book = notebook(IMPORTS, "train_loader = DataLoader(TensorDataset(torch.randn(32, 4), torch.rand(32)), 8)")
    book.run("model = nn.Linear(4, 1)\noptimizer = torch.optim.Adam(model.parameters())")
    book.run("def my_loss(pred, target):\n    return F.mse_loss(pred, target) * 2")
    book.check_loss(book.find(), "x, y = batch; loss = my_loss(model(x).squeeze(-1), y)")


def test_labels_that_are_all_one_are_no_lengths(notebook):
    book = notebook(
        IMPORTS,
        """
rows = TensorDataset(torch.randint(0, 9, (32, 5)), torch.ones(32), torch.randint(1, 6, (32,)))
train_loader = DataLoader(rows, 8)
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(9, 4), nn.Linear(4, 1)
    def forward(self, text, lengths):
        return torch.sigmoid(self.head(self.embed(text).sum(1) / lengths.unsqueeze(1)))[:, 0]
model, loss_fn = Net(), nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters())
""",
    )
    book.check_loss(book.find(), "t, y, n = batch; loss = loss_fn(model(t, n), y)")


def test_the_root_is_trained_and_not_what_it_holds(notebook):
    book = notebook(IMPORTS, DATA, CRITERION)
    book.run("""
class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(4, 3)
    def forward(self, x):
        return 2 * self.inner(x)
""")
    book.run("whole = Twice()\noptimizer = torch.optim.SGD(whole.parameters(), lr=0.1)")
    book.run("part = whole.inner")
    found = book.find()
    assert found.setup.model is book["whole"]
    book.check_loss(found, "x, y = batch; loss = criterion(whole(x), y)")


def test_the_optimizer_made_last_is_meant(notebook):
    book = notebook(IMPORTS, DATA, CRITERION)
    book.run(
        "new_optimizer = new = None\nold = nn.Linear(4, 3)\nold_optimizer = torch.optim.SGD(old.parameters(), lr=0.1)"
    )
    book.run("new = nn.Linear(4, 3)\nnew_optimizer = torch.optim.SGD(new.parameters(), lr=0.1)")
    found = book.find()
    assert found.setup.optimizer is book["new_optimizer"]
    assert any("old_optimizer" in finding.description for finding in found.findings)
    assert book.find(model="old").setup.optimizer is book["old_optimizer"]


def test_trial_batches_need_no_workers(notebook):
    book = notebook(IMPORTS, MODEL, CRITERION, OPTIMIZER)
    book.run("""
drawn_by = []
class Rows(torch.utils.data.Dataset):
    def __len__(self):
        return 16
    def __getitem__(self, i):
        drawn_by.append(torch.utils.data.get_worker_info())
        return torch.ones(4), i % 3
train_loader = DataLoader(Rows(), batch_size=8, num_workers=2)
""")
    book.find()
    assert len(book["drawn_by"]) == 16
    assert set(book["drawn_by"]) == {None}
