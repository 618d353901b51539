"""Frameworks, each against its real package where that is installed."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
import torch

from lr_magic.notebook.adapters import registry
from lr_magic.notebook.discovery import Discovered, DiscoveryRequest, discover

IMPORTS = """
import torch, torch.nn as nn, torch.nn.functional as F, numpy as np
from torch.utils.data import DataLoader, TensorDataset, Dataset
"""

LIGHTNING = """
import lightning.pytorch as pl
device = torch.device("cpu")
class DataModule(pl.LightningDataModule):
    def setup(self, stage):
        g = torch.Generator().manual_seed(1)
        self.trainset = TensorDataset(torch.randn(64, 2, generator=g), torch.randint(0, 2, (64,), generator=g))
    def train_dataloader(self):
        return DataLoader(self.trainset, batch_size=16, shuffle=True)
    def val_dataloader(self):
        return DataLoader(self.trainset, batch_size=32)
class Block(nn.Module):
    def __init__(self, f):
        super().__init__()
        self.f, self.norm = f, nn.BatchNorm1d(2)
    def forward(self, x):
        return self.norm(self.f(x))
class Learner(pl.LightningModule):
    def __init__(self, model):
        super().__init__()
        self.model = model
    def forward(self, x):
        return self.model(x)
    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = F.cross_entropy(self(x), y) + 0.01 * self.model.f[0].weight.pow(2).sum()
        self.log("train_loss", loss)
        self.log_dict({"train_acc": (self(x).argmax(1) == y).float().mean()})
        return {"loss": loss}
    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=0.005)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1)]
data_module = DataModule()
sample_dataset = TensorDataset(torch.randn(4, 2))
t_span, adjoint = torch.linspace(0, 1, 2), False
f = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))
model = Block(f).to(device)
learner = Learner(model)
trainer = pl.Trainer(max_epochs=1, accelerator="cpu", logger=False, enable_checkpointing=False, gradient_clip_val=0.5)
"""
LIGHTNING_STEP = "x, y = batch; loss = F.cross_entropy(learner(x), y) + 0.01 * f[0].weight.pow(2).sum()"


@pytest.fixture
def lightning(notebook):
    pytest.importorskip("lightning.pytorch")
    return notebook(IMPORTS, LIGHTNING)


@pytest.mark.filterwarnings("ignore")
def test_a_lightning_module_with_its_data_module(lightning):
    found = lightning.find()
    assert found.setup.model is lightning["learner"]
    assert isinstance(found.setup.optimizer, torch.optim.Adam)
    assert found.setup.clip_norm == 0.5
    assert not hasattr(lightning["data_module"], "trainset"), "the person's own data module was set up"
    lightning.check_loss(found, LIGHTNING_STEP)
    metrics = found.setup.compute_loss(next(iter(found.setup.train_loader))).metrics
    assert set(metrics) == {"train_loss", "train_acc"}


@pytest.mark.filterwarnings("ignore")
def test_a_lightning_module_with_loaders_of_the_notebook(lightning):
    lightning.run(
        "del data_module\ntrain_loader = DataLoader(TensorDataset(torch.randn(8, 2), torch.ones(8).long()), 4)"
    )
    found = lightning.find()
    assert found.setup.train_loader is lightning["train_loader"]
    lightning.check_loss(found, LIGHTNING_STEP)


@pytest.mark.filterwarnings("ignore")
def test_a_lightning_module_after_its_fit(lightning):
    lightning.run("trainer.fit(learner, data_module)")
    lightning.check_loss(lightning.find(), LIGHTNING_STEP)


def test_manual_optimization_is_asked_about(lightning):
    lightning.run("learner.automatic_optimization = False")
    assert "%%lr_find" in lightning.refusal()


def test_a_plain_module_can_be_asked_for_beside_a_framework(lightning):
    lightning.run("train_loader = DataLoader(TensorDataset(torch.randn(8, 2), torch.ones(8).long()), 4)")
    found = lightning.find(model="model")
    assert found.setup.model is lightning["model"]


TRANSFORMERS = """
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments
config = BertConfig(vocab_size=40, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
                    max_position_embeddings=16, num_labels=3)
model = BertForSequenceClassification(config)
rows = [{"input_ids": [1 + i % 30] * 6, "attention_mask": [1] * 6, "labels": i % 3} for i in range(32)]
training_args = TrainingArguments(output_dir=folder, per_device_train_batch_size=8, use_cpu=True, report_to=[],
                                  learning_rate=3e-5, gradient_accumulation_steps=2, label_smoothing_factor=0.1)
trainer = Trainer(model=model, args=training_args, train_dataset=rows, eval_dataset=rows[:8])
"""


@pytest.mark.filterwarnings("ignore")
def test_a_transformers_trainer(notebook, tmp_path):
    pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    book = notebook(IMPORTS, f"folder = {str(tmp_path)!r}", TRANSFORMERS)
    found = book.find()
    assert found.setup.model is book["model"]
    assert found.setup.accumulate == 2
    assert found.setup.clip_norm == 1.0
    assert found.setup.optimizer.param_groups[0]["lr"] == pytest.approx(3e-5)
    assert book["trainer"].optimizer is None, "the Trainer was given an optimizer"
    step = "b = dict(batch); y = b.pop('labels'); loss = F.cross_entropy(model(**b).logits, y, label_smoothing=0.1)"
    batch = next(iter(found.setup.train_loader))
    found.setup.model.eval()
    scope = {**book.namespace, "batch": batch}
    exec(step, scope)
    assert float(found.setup.compute_loss(batch).loss) == pytest.approx(float(scope["loss"]), rel=1e-5)
    assert not list(tmp_path.iterdir()), "files were written"


SKORCH = """
from skorch import NeuralNetClassifier
class MyModule(nn.Module):
    def __init__(self, num_units=10):
        super().__init__()
        self.dense, self.output = nn.Linear(20, num_units), nn.Linear(num_units, 2)
    def forward(self, X, **kwargs):
        return torch.softmax(self.output(F.relu(self.dense(X))), dim=-1)
X, y = np.random.randn(100, 20).astype(np.float32), np.random.randint(0, 2, 100)
net = NeuralNetClassifier(MyModule, max_epochs=2, lr=0.1, batch_size=16, verbose=0)
"""


@pytest.mark.parametrize("more", [["net.initialize()"], ["net.fit(X, y)"]], ids=["initialized", "fitted"])
def test_a_skorch_net(notebook, more):
    pytest.importorskip("skorch")
    book = notebook(IMPORTS, SKORCH, *more)
    found = book.find()
    assert found.setup.model is book["net.module_"]
    assert found.setup.optimizer is book["net.optimizer_"]
    assert sum(len(batch[0]) for batch in found.setup.train_loader) == 80, "the net's own split"
    book.check_loss(found, "x, y = batch; loss = F.nll_loss(net.module_(x).log(), y)")


def test_a_skorch_net_without_weights_is_asked_about(notebook):
    pytest.importorskip("skorch")
    assert "net.initialize()" in notebook(IMPORTS, SKORCH).refusal()


FASTAI = """
from fastai.learner import Learner
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader as FastaiLoader
rows = list(TensorDataset(torch.randn(48, 4), torch.randint(0, 3, (48,))))
dls = DataLoaders(FastaiLoader(rows, bs=8, shuffle=True), FastaiLoader(rows, bs=16))
net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
learn = Learner(dls, net, loss_func=nn.CrossEntropyLoss(), lr=0.002)
"""


@pytest.mark.filterwarnings("ignore")
def test_a_fastai_learner(notebook):
    pytest.importorskip("fastai.learner")
    book = notebook(IMPORTS, FASTAI)
    found = book.find()
    assert found.setup.model is book["net"]
    assert found.setup.train_loader is book["dls.train"]
    assert any(finding.is_guess and finding.role == "optimizer" for finding in found.findings)
    batch = next(iter(found.setup.train_loader))
    scope = {**book.namespace, "batch": batch}
    exec("loss = F.cross_entropy(net(batch[0]), batch[1])", scope)
    assert float(found.setup.compute_loss(batch).loss) == pytest.approx(float(scope["loss"]))


ACCELERATE = """
from accelerate import Accelerator
accelerator = Accelerator(cpu=True)
train_dataloader = DataLoader(TensorDataset(torch.randn(64, 4), torch.randint(0, 3, (64,))), batch_size=8, shuffle=True)
model = nn.Linear(4, 3)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
model, optimizer, train_dataloader = accelerator.prepare(model, optimizer, train_dataloader)
"""
ACCELERATE_LOOP = """
for epoch in range(1):
    for x, y in train_dataloader:
        with accelerator.accumulate(model):
            loss = loss_fn(model(x), y) * 1.5
            accelerator.backward(loss)
            optimizer.step()
            optimizer.zero_grad()
"""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("more", "factor"), [([], 1.0), ([ACCELERATE_LOOP], 1.5)], ids=["before", "after its loop"])
def test_what_accelerate_has_prepared(notebook, more, factor):
    pytest.importorskip("accelerate")
    book = notebook(IMPORTS, ACCELERATE, *more)
    found = book.find()
    assert type(found.setup.optimizer) is torch.optim.AdamW
    assert not book["accelerator.gradient_state.in_dataloader"], "a pass over the prepared loader was left open"
    book.check_loss(found, f"x, y = batch; loss = loss_fn(model(x), y) * {factor}")


GRAPHS = """
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader as GraphLoader
from torch_geometric.nn import GCNConv, global_mean_pool
def graph(i):
    edges = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])
    return Data(x=torch.randn(4, 5), edge_index=edges, y=torch.tensor([i % 2]))
train_loader = GraphLoader([graph(i) for i in range(24)], batch_size=8, shuffle=True)
class GCN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.lin = GCNConv(5, 8), nn.Linear(8, 2)
    def forward(self, x, edge_index, batch):
        return self.lin(global_mean_pool(self.conv1(x, edge_index).relu(), batch))
class Whole(GCN):
    def forward(self, data):
        return super().forward(data.x, data.edge_index, data.batch)
criterion = torch.nn.CrossEntropyLoss()
"""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("made", "call"), [("GCN()", "model(batch.x, batch.edge_index, batch.batch)"), ("Whole()", "model(batch)")]
)
def test_batches_of_graphs(notebook, made, call):
    pytest.importorskip("torch_geometric")
    book = notebook(IMPORTS, GRAPHS, f"model = {made}\noptimizer = torch.optim.Adam(model.parameters(), lr=0.01)")
    book.check_loss(book.find(), f"loss = criterion({call}, batch.y)")


NODES = """
from torch_geometric.data import Data
from torch_geometric.nn import GCNConv
data = Data(x=torch.randn(20, 5), edge_index=torch.randint(0, 20, (2, 60)), y=torch.randint(0, 3, (20,)))
data.train_mask = torch.arange(20) < 8
class GCN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = GCNConv(5, 16), GCNConv(16, 3)
    def forward(self, x, edge_index):
        x = F.dropout(self.conv1(x, edge_index).relu(), p=0.5, training=self.training)
        return self.conv2(x, edge_index)
model = GCN()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)
criterion = torch.nn.CrossEntropyLoss()
def train():
    model.train()
    optimizer.zero_grad()
    out = model(data.x, data.edge_index)
    loss = criterion(out[data.train_mask], data.y[data.train_mask])
    loss.backward()
    optimizer.step()
    return loss
def test():
    model.eval()
    return 0.0
"""


@pytest.mark.filterwarnings("ignore")
def test_one_graph_and_no_loader(notebook):
    pytest.importorskip("torch_geometric")
    book = notebook(IMPORTS, NODES)
    book.check_loss(book.find(), "m = data.train_mask; loss = criterion(model(data.x, data.edge_index)[m], data.y[m])")


def test_no_adapter_is_imported_without_its_framework(notebook, monkeypatch):
    for module in list(sys.modules):
        if module.split(".")[0] in {"lightning", "pytorch_lightning", "transformers", "skorch", "fastai", "keras"}:
            monkeypatch.delitem(sys.modules, module)
        if module.startswith("lr_magic.notebook.adapters.") and module.rsplit(".", 1)[1] in registry._OWN.values():
            monkeypatch.delitem(sys.modules, module)
    book = notebook(IMPORTS, "train_loader = DataLoader(TensorDataset(torch.randn(8, 2), torch.ones(8).long()), 4)")
    book.run("model = nn.Linear(2, 3)\ncriterion = nn.CrossEntropyLoss()")
    book.find()
    assert not any(f"lr_magic.notebook.adapters.{name}" in sys.modules for name in registry._OWN.values())


class Announced:
    """An entry point of another package, without installing one."""

    def __init__(self, name: str, found: Discovered | None) -> None:
        self.name, self.found = name, found

    def load(self):
        return lambda _: self.found


def test_adapters_of_others_are_asked(notebook, monkeypatch):
    book = notebook(IMPORTS, "train_loader = DataLoader(TensorDataset(torch.randn(8, 2), torch.ones(8).long()), 4)")
    book.run("model = nn.Linear(2, 3)\ncriterion = nn.CrossEntropyLoss()")
    theirs = book.find()
    monkeypatch.setattr(registry, "_announced", lambda: iter([Announced("torch", theirs), Announced("no_such", None)]))
    assert discover(book.namespace, DiscoveryRequest(), book.history) is theirs


KERAS = """
class Model(nn.Module):
    __module__ = "keras"
    def __init__(self):
        super().__init__()
        self.layer, self.optimizer = nn.Linear(4, 3), None
    def forward(self, x):
        return self.layer(x)
class Adam:
    learning_rate = 1e-3
train_loader = DataLoader(TensorDataset(torch.randn(16, 4), torch.arange(16) % 3), 8)
model, criterion = Model(), nn.CrossEntropyLoss()
"""


def test_a_keras_model_is_refused_where_its_own_optimizer_trains_it(notebook, monkeypatch):
    book = notebook(IMPORTS, KERAS)
    monkeypatch.setitem(sys.modules, "keras", SimpleNamespace(Model=book["Model"]))
    book.find()
    book.run("model.optimizer = Adam()")
    assert "`model` is trained by Keras's Adam" in book.refusal()
    book.run("optimizer = torch.optim.Adam(model.parameters())")
    book.check_loss(book.find(), "loss = criterion(model(batch[0]), batch[1])")
