"""The real packages, where they are installed: each runs its own loop, and its steps are swept and put back."""

from __future__ import annotations

import copy
import logging
import warnings

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lr_magic.training.intercepting.interception_one_cycle import intercepted_one_cycle
from lr_magic.training.intercepting.interception_range_test import intercepted_range_test
from lr_magic.training.restoring.restore import restored
from lr_magic.training.sweeping.sweep_settings import SweepSettings

SETTINGS = SweepSettings(start_lr=1e-5, end_lr=0.5, num_steps=6, stop_when_diverged=False)

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def data():
    return TensorDataset(torch.randn(64, 4), torch.randint(0, 3, (64,)))


@pytest.fixture
def loader(data):
    return DataLoader(data, batch_size=8)


@pytest.fixture
def net():
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))


def first_loss(net, data, size=8):
    with torch.no_grad():
        return nn.functional.cross_entropy(
            copy.deepcopy(net).train()(data.tensors[0][:size]), data.tensors[1][:size]
        ).item()


def check(train, net, data, *, settings=SETTINGS, num_cycle_steps=8, rel=1e-5, objects=()):
    """Sweep it, put it back, and train it with a cycle."""
    before, expected = copy.deepcopy(net.state_dict()), first_loss(net, data)
    result = intercepted_range_test(train, settings, restoring=restored(modules=[net], loaders=objects))
    assert len(result.losses) == settings.num_steps
    assert result.losses[0] == pytest.approx(expected, rel=rel)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    history = intercepted_one_cycle(train, total_steps=num_cycle_steps, max_lr=0.01)
    assert len(history.steps) == num_cycle_steps
    assert history.steps[0].loss == pytest.approx(expected, rel=rel)
    assert history.stop_detail == ""
    assert not torch.equal(net.state_dict()["0.weight"], before["0.weight"])


@pytest.fixture
def lightning():
    module = pytest.importorskip("lightning.pytorch")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    return module


def trainer_of(lightning, tmp_path, **options):
    quiet = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    return lightning.Trainer(accelerator="cpu", devices=1, default_root_dir=tmp_path, **quiet, **options)


def lightning_module(lightning, net, *, is_automatic):
    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = net
            self.automatic_optimization = is_automatic

        def training_step(self, batch, _):
            loss = nn.functional.cross_entropy(self.net(batch[0]), batch[1])
            if not is_automatic:
                optimizer = self.optimizers()
                optimizer.zero_grad()
                self.manual_backward(loss)
                optimizer.step()
            return loss

        def configure_optimizers(self):
            return torch.optim.Adam(self.net.parameters(), lr=1e-3)

    return Module()


@pytest.mark.parametrize("is_automatic", [True, False])
def test_lightning(lightning, net, data, loader, tmp_path, is_automatic):  # noqa: PLR0917 - fixtures
    module = lightning_module(lightning, net, is_automatic=is_automatic)
    check(lambda: trainer_of(lightning, tmp_path, max_epochs=1).fit(module, loader), net, data)


def test_lightning_with_accumulation_and_clipping(lightning, net, data, loader, tmp_path):
    module = lightning_module(lightning, net, is_automatic=True)
    settings = SweepSettings(start_lr=1e-5, num_steps=3, stop_when_diverged=False)
    options = {"max_epochs": 1, "accumulate_grad_batches": 2, "gradient_clip_val": 0.5}
    result = intercepted_range_test(
        lambda: trainer_of(lightning, tmp_path, **options).fit(module, loader),
        settings,
        restoring=restored(modules=[net]),
    )
    halves = [first_loss(net, data)]
    assert len(result.losses) == 3
    assert result.losses[0] > 0.5 * halves[0]


def test_ignite(net, data, loader):
    engine = pytest.importorskip("ignite.engine")
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    trainer = engine.create_supervised_trainer(net, optimizer, nn.CrossEntropyLoss())
    # what a trainer counts is put back with it, else it would go on in the middle of the epoch
    check(lambda: trainer.run(loader, max_epochs=1), net, data, objects=[trainer.state])


def test_accelerate(net, data, loader):
    accelerate = pytest.importorskip("accelerate")
    accelerator = accelerate.Accelerator(cpu=True)
    prepared, optimizer, batches = accelerator.prepare(net, torch.optim.SGD(net.parameters(), lr=0.1), loader)

    def train():
        for x, y in batches:
            with accelerator.accumulate(prepared):
                loss = nn.functional.cross_entropy(prepared(x), y)
                accelerator.backward(loss)
                accelerator.clip_grad_norm_(prepared.parameters(), 1.0)
                optimizer.step()
                optimizer.zero_grad()

    check(train, net, data)


def test_skorch(net, data):
    skorch = pytest.importorskip("skorch")
    classifier = skorch.NeuralNet(
        net,
        nn.CrossEntropyLoss,
        batch_size=8,
        max_epochs=1,
        train_split=None,
        verbose=0,
        lr=0.1,
        iterator_train__shuffle=False,
    )
    classifier.initialize()
    # skorch copies the module that it is given
    module = classifier.module_
    check(lambda: classifier.partial_fit(data.tensors[0], data.tensors[1]), module, data)


@pytest.mark.parametrize("kind", ["own", "torch"])
def test_fastai(net, data, kind):
    basics = pytest.importorskip("fastai.basics")
    pytest.importorskip("fastai.callback.progress")
    loaders = basics.DataLoaders.from_dsets(data, data, bs=8, shuffle=False, drop_last=False, device="cpu")
    loaders.train.shuffle = False
    opt_func = basics.Adam if kind == "own" else lambda params, lr: basics.OptimWrapper(params, torch.optim.Adam, lr=lr)
    learner = basics.Learner(loaders, net, loss_func=nn.CrossEntropyLoss(), opt_func=opt_func)

    def train():
        learner.opt = None
        with learner.no_bar(), learner.no_logging():
            learner.fit(1, lr=1e-3)

    check(train, net, data)


def test_transformers(data, tmp_path):
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    transformers.logging.set_verbosity_error()
    size = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = transformers.BertConfig(vocab_size=32, num_labels=3, max_position_embeddings=8, **size)
    model = transformers.BertForSequenceClassification(config)
    rows = [{"input_ids": torch.randint(0, 32, (8,)), "labels": label} for label in data.tensors[1]]
    options = {
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": True,
        "save_strategy": "no",
        "logging_strategy": "no",
    }
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path), per_device_train_batch_size=8, num_train_epochs=1, **options
    )

    def train():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            transformers.Trainer(model=model, args=arguments, train_dataset=rows).train()

    before = copy.deepcopy(model.state_dict())
    result = intercepted_range_test(train, SETTINGS, restoring=restored(modules=[model]))
    assert len(result.losses) == SETTINGS.num_steps
    assert result.losses[0] == pytest.approx(1.1, abs=0.3)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    history = intercepted_one_cycle(train, total_steps=8, max_lr=0.01)
    assert (len(history.steps), history.stop_detail) == (8, "")
