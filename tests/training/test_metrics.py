from __future__ import annotations

import sys
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from lr_magic.pure.errors import BatchError, SettingError
from lr_magic.training.class_scores import ClassTask, ScoreReader
from lr_magic.training.cycle.one_cycle import fit_one_cycle
from lr_magic.training.epoch_metrics import EpochMeans
from lr_magic.training.metrics import named_metric
from lr_magic.training.validation import validate

from .small_setups import small_data, small_setup


@pytest.fixture
def without_torchmetrics(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchmetrics", None)


@pytest.fixture(params=["torchmetrics", "built in"])
def either(request, monkeypatch):
    """With the library, and as on a machine without it."""
    if request.param == "built in":
        monkeypatch.setitem(sys.modules, "torchmetrics", None)
    else:
        pytest.importorskip("torchmetrics")


def over(metric, *batches):
    means = EpochMeans()
    for output, target in batches:
        means.add({"it": metric(output, target)}, len(target))
    return means.read()["it"]


LOGITS = torch.tensor([[2.0, 0.0, 0.0], [0.0, 3.0, 1.0], [0.0, 1.0, 0.5], [1.0, 0.0, 4.0]])
CLASSES = torch.tensor([0, 1, 2, 2])
CASES = {
    "classes": (LOGITS, CLASSES, 0.75),
    "classes of places, second dimension": (LOGITS.T[None], CLASSES[None], 0.75),
    "classes of places, last dimension": (LOGITS[None], CLASSES[None], 0.75),
    "padding does not count": (LOGITS, torch.tensor([0, 1, 2, -100]), 2 / 3),
    "one-hot": (LOGITS, nn.functional.one_hot(CLASSES, 3).float(), 0.75),
    "probabilities": (LOGITS.softmax(1), CLASSES, 0.75),
    "log probabilities": (LOGITS.log_softmax(1), CLASSES, 0.75),
    "yes or no": (torch.tensor([2.0, -1.0, 0.5, -3.0]), torch.tensor([1, 0, 0, 0]), 0.75),
    "yes or no, floats": (torch.tensor([[2.0], [-1.0], [0.5]]), torch.tensor([[1.0], [0.0], [0.0]]), 2 / 3),
    "yes or no, one column": (torch.tensor([[2.0], [-1.0], [0.5]]), torch.tensor([1, 0, 0]), 2 / 3),
    "yes or no, probabilities": (torch.tensor([0.9, 0.2, 0.4, 0.6]), torch.tensor([1.0, 0.0, 0.0, 0.0]), 0.75),
    "labels": (torch.tensor([[1.0, -1.0], [2.0, -3.0]]), torch.tensor([[1.0, 0.0], [1.0, 1.0]]), 0.75),
}


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("case", CASES)
def test_accuracy_of_every_kind_of_question(case):
    output, target, expected = CASES[case]
    assert over(named_metric("accuracy"), (output, target)) == pytest.approx(expected)
    assert over(named_metric("error_rate"), (output, target)) == pytest.approx(1 - expected)


@pytest.mark.usefixtures("either")
def test_an_epoch_is_read_as_its_first_batch_and_counts_targets_not_batches():
    # all scores of the second batch lie within 0 to 1: they are logits all the same
    first, second = (torch.tensor([3.0, -2.0, -2.0]), torch.tensor([1, 0, 0])), (torch.tensor([0.3]), torch.tensor([1]))
    assert over(named_metric("accuracy"), first, second) == 1.0
    padded = (LOGITS[:1], torch.tensor([1])), (LOGITS, torch.tensor([0, 1, -100, -100]))
    assert over(named_metric("accuracy"), *padded) == pytest.approx(2 / 3)


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize(("are_logits", "expected"), [(True, 1.0), (False, 0.0)])
def test_whoever_knows_the_loss_says_what_the_scores_are(are_logits, expected):
    assert over(named_metric("accuracy", are_logits=are_logits), (torch.tensor([0.3]), torch.tensor([1]))) == expected
    # a loss of labels: one label per item is chance, not one-hot
    labels = torch.tensor([[3.0, 2.0]]), torch.tensor([[1.0, 0.0]])
    assert over(named_metric("accuracy", are_logits=are_logits), labels) == 0.5


def test_metrics_of_the_library_are_told_the_task_and_the_classes():
    torchmetrics = pytest.importorskip("torchmetrics")
    logits, target = torch.randn(64, 5), torch.randint(5, (64,))
    batches = list(zip(logits.split(20), target.split(20), strict=True))
    for name, kind in [("f1", "F1Score"), ("AUROC", "AUROC"), ("cohen_kappa", "CohenKappa")]:
        truth = getattr(torchmetrics, kind)(task="multiclass", num_classes=5)(logits.softmax(1), target)
        assert over(named_metric(name), *batches) == pytest.approx(float(truth), abs=1e-6)
    values, wanted = torch.randn(30, 1), torch.randn(30)
    assert over(named_metric("r2"), (values, wanted)) == pytest.approx(
        float(torchmetrics.R2Score()(values[:, 0], wanted)), abs=1e-5
    )


@pytest.mark.parametrize(
    ("output", "target", "task", "num_classes"),
    [
        (torch.randn(6, 4), torch.randint(4, (6,)), ClassTask.MULTICLASS, 4),
        (torch.randn(6, 2, 3), torch.randint(2, (6, 2, 3)), ClassTask.MULTILABEL, 2),
        (torch.randn(6, 1, 3), torch.randint(2, (6, 1, 3)), ClassTask.BINARY, 2),
        (torch.randn(6, 3, 3), torch.randint(3, (6, 3)), ClassTask.MULTICLASS, 3),
    ],
)
def test_the_kind_of_question_is_told_from_the_shapes(output, target, task, num_classes):
    scores = ScoreReader().read(output, target)
    assert (scores.task, scores.num_classes) == (task, num_classes)


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize(
    ("output", "target"),
    [(torch.randn(4, 3), torch.randn(4)), (torch.randn(4), torch.randn(4)), (torch.randn(4, 3), torch.zeros(5).long())],
)
def test_what_is_no_class_is_refused_with_its_shape(output, target):
    with pytest.raises(BatchError, match="metric of classes"):
        named_metric("accuracy")(output, target)


@pytest.mark.usefixtures("without_torchmetrics")
def test_without_the_library_an_unknown_name_says_what_there_is():
    with pytest.raises(SettingError, match="accuracy and error_rate; with torchmetrics"):
        named_metric("f1")


def test_with_the_library_an_unknown_name_says_the_nearest_one():
    pytest.importorskip("torchmetrics")
    with pytest.raises(SettingError, match="Did you mean auroc"):
        named_metric("aurocc")
    with pytest.raises(SettingError, match=r"torchmetrics\.PrecisionAtFixedRecall"):
        over(named_metric("precision_at_fixed_recall"), (LOGITS, CLASSES))


class Largest:
    """A metric of the epoch that is no mean of its batches."""

    def __init__(self):
        self.values = [100.0]

    def reset(self):
        self.values = []

    def update(self, output, target):
        assert not output.requires_grad
        self.values.append(float(output.max()) + 0 * len(target))

    def compute(self):
        return {"largest": max(self.values), "batches": float(len(self.values))}


def test_a_metric_of_ones_own_is_computed_over_each_epoch_and_left_alone():
    own = Largest()
    setup = small_setup(valid_loader=DataLoader(small_data(), 20), metrics={"own": own})
    history = fit_one_cycle(setup, epochs=2, max_lr=1e-2)
    with torch.no_grad():
        highest = float(setup.model.eval()(small_data().tensors[0]).max())
    assert history.epochs[-1].metrics == {"largest": pytest.approx(highest), "batches": 5.0}
    assert history.epochs[0].metrics["batches"] == 5.0
    assert own.values == [100.0]
    assert validate(setup)[1]["largest"] == pytest.approx(highest)


def test_without_validation_data_it_is_computed_over_the_training_batches():
    setup = replace(small_setup(metrics={"own": Largest()}), accumulate=2)
    history = fit_one_cycle(setup, epochs=2, max_lr=1e-2)
    assert [epoch.metrics["batches"] for epoch in history.epochs] == [6.0, 6.0]


def test_a_metric_of_several_numbers_is_refused():
    class PerClass(Largest):
        def compute(self):
            return torch.zeros(3)

    setup = small_setup(valid_loader=DataLoader(small_data(), 20), metrics={"each": PerClass()})
    with pytest.raises(BatchError, match="gives 3 numbers"):
        validate(setup)
