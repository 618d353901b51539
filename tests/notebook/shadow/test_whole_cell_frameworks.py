"""Objects of the real frameworks, made in an earlier cell: a sweep over their training leaves them as they were."""

from __future__ import annotations

import copy
import logging

import pytest
import torch
from torch import nn

from lr_magic.notebook.shadow import whole_cell
from lr_magic.training.sweeping.sweep_settings import SweepSettings

SETTINGS = SweepSettings(start_lr=1e-5, end_lr=0.5, num_steps=4, stop_when_diverged=False)

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def notebook(notebook, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # without random numbers in the model, since the frameworks seed as they like
    notebook["model"] = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    notebook["optimizer"] = torch.optim.SGD(notebook["model"].parameters(), lr=0.1, momentum=0.9)
    return notebook


def check_find_then_fit_is_fit(notebook, cell, model, folder, *, num_losses=SETTINGS.num_steps):
    """The training after a sweep is the training without one, bit for bit."""
    before, names, random = copy.deepcopy(model.state_dict()), dict(notebook), torch.get_rng_state()
    files = sorted(folder.rglob("*"))
    result = whole_cell(cell, notebook).range_test(SETTINGS)
    assert len(result.losses) == num_losses
    assert notebook == names
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)
    assert sorted(folder.rglob("*")) == files
    return result


def weights_after(notebook, cell, model):
    exec(cell, notebook)
    return [parameter.detach().clone() for parameter in model().parameters()]


def test_lightning(notebook, tmp_path):
    lightning = pytest.importorskip("lightning.pytorch")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

    class Module(lightning.LightningModule):
        def __init__(self, net):
            super().__init__()
            self.net = net

        def training_step(self, batch, _):
            loss = nn.functional.cross_entropy(self.net(batch[0]), batch[1])
            self.log("loss", loss)
            return loss

        def configure_optimizers(self):
            optimizer = torch.optim.Adam(self.net.parameters(), lr=1e-2)
            return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1)]

    def make():
        options = {"enable_progress_bar": False, "enable_model_summary": False, "logger": False}
        return lightning.Trainer(accelerator="cpu", devices=1, max_epochs=2, default_root_dir=tmp_path, **options)

    net = notebook["model"]
    notebook.update(learner=Module(net), trainer=make(), lightning=lightning)
    cell = "trainer.fit(learner, train_loader)"
    check_find_then_fit_is_fit(notebook, cell, net, tmp_path)
    assert (notebook["trainer"].global_step, notebook["trainer"].current_epoch) == (0, 0)
    random, start = torch.get_rng_state(), copy.deepcopy(net.state_dict())
    exec(cell, notebook)
    trained = copy.deepcopy(net.state_dict())
    net.load_state_dict(start)
    torch.set_rng_state(random)
    notebook.update(learner=Module(net), trainer=make())
    exec(cell, notebook)
    assert all(torch.equal(value, trained[name]) for name, value in net.state_dict().items())


def test_ignite(notebook, tmp_path):
    engine = pytest.importorskip("ignite.engine")
    net = notebook["model"]
    notebook["trainer"] = engine.create_supervised_trainer(net, notebook["optimizer"], nn.CrossEntropyLoss())
    check_find_then_fit_is_fit(notebook, "trainer.run(train_loader, max_epochs=2)", net, tmp_path)
    assert notebook["trainer"].state.iteration == 0
    exec("trainer.run(train_loader, max_epochs=2)", notebook)
    assert notebook["trainer"].state.iteration == 12


def test_accelerate(notebook, tmp_path):
    accelerate = pytest.importorskip("accelerate")
    accelerator = accelerate.Accelerator(cpu=True)
    names = ("model", "optimizer", "train_loader")
    prepared = accelerator.prepare(*(notebook[name] for name in names))
    notebook.update(zip(names, prepared, strict=True), accelerator=accelerator)
    cell = """
for x, y in train_loader:
    with accelerator.accumulate(model):
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        accelerator.backward(loss)
        optimizer.step()
"""
    check_find_then_fit_is_fit(notebook, cell, notebook["model"], tmp_path)
    assert notebook["optimizer"].param_groups[0]["lr"] == 0.1
    assert not notebook["optimizer"].optimizer.state


def test_skorch(notebook, tmp_path):
    skorch = pytest.importorskip("skorch")
    images, labels = notebook["dataset"].tensors
    options = {"batch_size": 8, "max_epochs": 2, "train_split": None, "lr": 0.1, "iterator_train__shuffle": True}
    net = skorch.NeuralNet(notebook["model"], nn.CrossEntropyLoss, **options).initialize()
    notebook.update(net=net, X=images, y=labels)
    module = net.module_
    check_find_then_fit_is_fit(notebook, "net.fit(X, y)", module, tmp_path)
    check_find_then_fit_is_fit(notebook, "net.partial_fit(X, y)", module, tmp_path)
    assert net.module_ is module
    assert len(net.history) == 0


@pytest.mark.parametrize("kind", ["own", "torch"])
def test_fastai(notebook, tmp_path, kind):
    basics = pytest.importorskip("fastai.basics")
    pytest.importorskip("fastai.callback.schedule")
    loaders = basics.DataLoaders.from_dsets(notebook["dataset"], notebook["dataset"], bs=8, device="cpu")
    opt_func = basics.Adam if kind == "own" else lambda params, lr: basics.OptimWrapper(params, torch.optim.Adam, lr=lr)
    learner = basics.Learner(loaders, notebook["model"], loss_func=nn.CrossEntropyLoss(), opt_func=opt_func)
    notebook["learn"] = learner
    for cell in ("learn.fit(1, lr=1e-3)", "learn.fit_one_cycle(1, 1e-3)"):
        check_find_then_fit_is_fit(notebook, cell, notebook["model"], tmp_path)
        assert learner.opt is None


def test_transformers(notebook, tmp_path):
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    size = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = transformers.BertConfig(vocab_size=32, num_labels=3, max_position_embeddings=8, **size)
    model = transformers.BertForSequenceClassification(config)
    rows = [{"input_ids": torch.randint(0, 32, (8,)), "labels": number % 3} for number in range(64)]
    options = {"report_to": "none", "use_cpu": True, "save_strategy": "no", "logging_steps": 1}
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path / "out"), per_device_train_batch_size=8, num_train_epochs=1, **options
    )
    trainer = transformers.Trainer(model=model, args=arguments, train_dataset=rows)
    notebook.update(trainer=trainer, net=model)
    check_find_then_fit_is_fit(notebook, "trainer.train()", model, tmp_path)
    assert trainer.state.global_step == 0
    assert trainer.optimizer is None
