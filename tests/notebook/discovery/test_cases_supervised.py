"""Notebooks that hold model, loader, criterion and optimizer in plain sight, with things around them that mislead."""

# ruff: noqa: E501 - cells, as people write them

from __future__ import annotations

import torch

IMPORTS = """
import torch, torch.nn as nn, torch.nn.functional as F, numpy as np
from torch.utils.data import DataLoader, TensorDataset, Dataset
from torch.utils.data.sampler import SubsetRandomSampler
"""

DIGITS = """
train_data = TensorDataset(torch.rand(100, 1, 28, 28), torch.randint(0, 10, (100,)))
test_data = TensorDataset(torch.rand(40, 1, 28, 28), torch.randint(0, 10, (40,)))
train_sampler, valid_sampler = SubsetRandomSampler(range(20, 100)), SubsetRandomSampler(range(20))
train_loader = DataLoader(train_data, batch_size=20, sampler=train_sampler)
valid_loader = DataLoader(train_data, batch_size=20, sampler=valid_sampler)
test_loader = DataLoader(test_data, batch_size=20)
dataiter = iter(train_loader)
images, labels = next(dataiter)
images, labels = images.numpy(), labels.numpy()
"""
DIGITS_MODEL = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(784, 32), nn.Linear(32, 32), nn.Linear(32, 10)
        self.dropout = nn.Dropout(0.2)
    def forward(self, x):
        x = x.view(-1, 784)
        x = self.dropout(F.relu(self.fc1(x)))
        x = self.dropout(F.relu(self.fc2(x)))
        return self.fc3(x)
model = Net()
"""


def test_digits_with_validation(notebook):
    book = notebook(IMPORTS, DIGITS, DIGITS_MODEL, "criterion = nn.CrossEntropyLoss()")
    book.run("optimizer = torch.optim.SGD(model.parameters(), lr=0.01)")
    found = book.find()
    book.check_loss(found, "x, y = batch; loss = criterion(model(x), y)")
    assert found.setup.train_loader is book["train_loader"]
    assert found.setup.valid_loader is book["valid_loader"]
    assert len(list(book["dataiter"])) == 3, "the leftover iterator was drawn from"


FLAT = """
trainset = TensorDataset(torch.randn(256, 1, 28, 28), torch.randint(0, 10, (256,)))
trainloader = DataLoader(trainset, batch_size=64, shuffle=True)
"""
FLAT_FIRST = """
model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
criterion = nn.CrossEntropyLoss()
images, labels = next(iter(trainloader))
images = images.view(images.shape[0], -1)
logits = model(images)
loss = criterion(logits, labels)
"""
FLAT_SECOND = """
model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10), nn.LogSoftmax(dim=1))
criterion = nn.NLLLoss()
logps = model(images)
loss = criterion(logps, labels)
loss.backward()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
"""
FLAT_THIRD = """
model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10), nn.LogSoftmax(dim=1))
criterion = nn.NLLLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.003)
"""
FLAT_STEP = "x, y = batch; loss = criterion(model(x.view(x.shape[0], -1)), y)"


def test_images_that_the_loop_flattens(notebook):
    book = notebook(IMPORTS, FLAT, FLAT_FIRST, FLAT_SECOND, FLAT_THIRD)
    found = book.find()
    book.check_loss(found, FLAT_STEP)
    assert any("flattened" in finding.description for finding in found.findings)


def test_images_that_the_loop_flattens_after_the_loop(notebook):
    book = notebook(IMPORTS, FLAT, FLAT_FIRST, FLAT_SECOND, FLAT_THIRD)
    book.run("""
for e in range(1):
    running_loss = 0
    for images, labels in trainloader:
        images = images.view(images.shape[0], -1)
        optimizer.zero_grad()
        output = model(images)
        loss = criterion(output, labels)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
    else:
        print(f"Training loss: {running_loss / len(trainloader)}")
""")
    book.check_loss(book.find(), FLAT_STEP)


GENERATIONS = """
device = "cpu"
train_data = TensorDataset(torch.rand(96, 1, 28, 28), torch.randint(0, 10, (96,)))
train_dataloader = DataLoader(train_data, batch_size=32, shuffle=True)
test_dataloader = DataLoader(train_data, batch_size=32)
loss_fn = nn.CrossEntropyLoss()

class V0(nn.Module):
    def __init__(self, *between):
        super().__init__()
        self.layer_stack = nn.Sequential(nn.Flatten(), nn.Linear(784, 10), *between, nn.Linear(10, 10))
    def forward(self, x):
        return self.layer_stack(x)

class TinyVGG(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(4))
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(4 * 49, 10))
    def forward(self, x):
        return self.classifier(self.block(x))

def accuracy_fn(y_true, y_pred):
    return (y_true == y_pred).sum().item() / len(y_pred) * 100

def train_step(model, data_loader, loss_fn, optimizer, accuracy_fn, device=device):
    train_loss, train_acc = 0, 0
    model.to(device)
    for batch, (X, y) in enumerate(data_loader):
        X, y = X.to(device), y.to(device)
        y_pred = model(X)
        loss = loss_fn(y_pred, y)
        train_loss += loss
        train_acc += accuracy_fn(y_true=y, y_pred=y_pred.argmax(dim=1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

def test_step(data_loader, model, loss_fn, accuracy_fn, device=device):
    with torch.inference_mode():
        for X, y in data_loader:
            test_loss = loss_fn(model(X.to(device)), y.to(device))

def eval_model(model, data_loader, loss_fn, accuracy_fn):
    return {"model_name": model.__class__.__name__}
"""


def test_three_generations_of_models(notebook):
    book = notebook(IMPORTS, GENERATIONS)
    book.run("model_0 = V0()\noptimizer = torch.optim.SGD(model_0.parameters(), lr=0.1)")
    book.run("model_1 = V0(nn.ReLU())\noptimizer = torch.optim.SGD(model_1.parameters(), lr=0.1)")
    book.run("train_step(model_1, train_dataloader, loss_fn, optimizer, accuracy_fn)")
    book.run("flatten_model, conv_layer, max_pool_layer = nn.Flatten(), nn.Conv2d(3, 10, 3), nn.MaxPool2d(2)")
    book.run("model_2 = TinyVGG()\nX, y = next(iter(train_dataloader))\nX_sample = X[0]")
    book.run("optimizer = torch.optim.SGD(model_2.parameters(), lr=0.1)")
    found = book.find()
    assert found.setup.model is book["model_2"]
    book.check_loss(found, "x, y = batch; loss = loss_fn(model_2(x), y)")
    assert found.setup.train_loader is book["train_dataloader"]
    assert found.setup.valid_loader is None


DICT = """
vocab = type("Vocab", (), {"size": 50})()
def rows(n):
    return [{"ids": torch.randint(0, 50, (torch.randint(3, 9, ()),)), "label": torch.tensor(i % 2)} for i in range(n)]
def get_collate_fn(pad):
    def collate_fn(batch):
        ids = nn.utils.rnn.pad_sequence([row["ids"] for row in batch], batch_first=True, padding_value=pad)
        return {"ids": ids, "label": torch.stack([row["label"] for row in batch])}
    return collate_fn
def get_data_loader(dataset, batch_size, shuffle=False):
    return DataLoader(dataset, batch_size=batch_size, collate_fn=collate, shuffle=shuffle)
collate = get_collate_fn(1)
train_data_loader = get_data_loader(rows(64), 8, shuffle=True)
valid_data_loader = get_data_loader(rows(16), 8)
test_data_loader = get_data_loader(rows(16), 8)

class NBoW(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.fc = nn.Embedding(50, 12, padding_idx=1), nn.Linear(12, 2)
    def forward(self, ids):
        return self.fc(self.embedding(ids).mean(dim=1))

model = NBoW()
pretrained_embedding = torch.randn(50, 12)
model.embedding.weight.data = pretrained_embedding
optimizer = torch.optim.Adam(model.parameters())
device = torch.device("cpu")
model, criterion = model.to(device), nn.CrossEntropyLoss().to(device)
"""
DICT_TRAIN = """
def train(data_loader, model, criterion, optimizer, device):
    model.train()
    epoch_losses = []
    for batch in data_loader:
        ids = batch["ids"].to(device)
        label = batch["label"].to(device)
        prediction = model(ids)
        loss = criterion(prediction, label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        epoch_losses.append(loss.item())
    return np.mean(epoch_losses)

def evaluate(data_loader, model, criterion, device):
    model.eval()
    return 0.0
"""
DICT_STEP = "loss = criterion(model(batch['ids']), batch['label'])"


def test_a_dict_whose_key_is_a_parameter(notebook):
    book = notebook(IMPORTS, DICT)
    found = book.find()
    book.check_loss(found, DICT_STEP)
    book.run(DICT_TRAIN)
    found = book.find()
    book.check_loss(found, DICT_STEP)
    assert found.setup.valid_loader is book["valid_data_loader"]


FROZEN = """
class VGG(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(2))
        layers = [nn.Linear(16, 8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 1000)]
        self.classifier = nn.Sequential(*layers)
    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))

train_data = TensorDataset(torch.rand(60, 3, 9, 9), torch.randint(0, 5, (60,)))
train_loader = DataLoader(train_data, batch_size=20, shuffle=True)
test_loader = DataLoader(train_data, batch_size=20)
train_on_gpu = torch.cuda.is_available()
vgg16 = VGG()
for param in vgg16.features.parameters():
    param.requires_grad = False
n_inputs = vgg16.classifier[6].in_features
last_layer = nn.Linear(n_inputs, 5)
vgg16.classifier[6] = last_layer
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(vgg16.classifier.parameters(), lr=0.001)
"""


def test_an_optimizer_over_a_part(notebook):
    book = notebook(IMPORTS, FROZEN)
    found = book.find()
    assert found.setup.model is book["vgg16"]
    book.check_loss(found, "x, y = batch; loss = criterion(vgg16(x), y)")
    assert found.setup.valid_loader is None
    valid = next(finding for finding in found.findings if finding.role == "valid")
    assert "--valid test_loader" in valid.description


MANY = """
train_loader = DataLoader(TensorDataset(torch.rand(50, 3, 4, 4), torch.randint(0, 10, (50,))), batch_size=10)
valid_loader = DataLoader(TensorDataset(torch.rand(50, 3, 4, 4), torch.randint(0, 10, (50,))), batch_size=10)
test_loader = DataLoader(TensorDataset(torch.rand(50, 3, 4, 4), torch.randint(0, 10, (50,))), batch_size=10)
class Net(nn.Module):
    def __init__(self, hidden_1=16, constant_weight=None):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(48, hidden_1), nn.Linear(hidden_1, 10)
    def forward(self, x):
        return self.fc2(F.relu(self.fc1(x.view(-1, 48))))
"""


def test_many_models_and_no_optimizer(notebook):
    book = notebook(IMPORTS, MANY)
    for name in ["model_0", "model_1", "model_uniform", "model_centered", "model_rule", "model_uniform_rule"]:
        book.run(f"{name} = Net()")
    book.run("model_normal_rule = Net()\nmodel_list = [(model_uniform_rule, 'uniform'), (model_normal_rule, 'normal')]")
    text = book.refusal()
    assert text.index("model_normal_rule") < text.index("model_rule") < text.index("model_0")
    assert "→ `%lr_find model_normal_rule` (uses AdamW)" in text
    found = book.find(model="model_rule")
    assert isinstance(found.setup.optimizer, torch.optim.AdamW)
    book.check_loss(found, "x, y = batch; loss = F.cross_entropy(model_rule(x), y)")


WIDE = """
device = torch.device("cpu")
X, Y = torch.rand(3072, 69, dtype=torch.float64), torch.rand(3072, dtype=torch.float64)
train_dataloader = DataLoader(TensorDataset(X, Y), batch_size=1024, shuffle=True)
valid_dataloader = DataLoader(TensorDataset(X[:1024], Y[:1024]), batch_size=1024)
class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(69, 16), nn.ReLU(), nn.Linear(16, 1))
    def forward(self, x):
        return self.layers(x)
model = MLP().to(device)
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-5)
"""
WIDE_TRAIN = """
def train_loop(dataloader, model, loss_fn, optimizer):
    size = len(dataloader.dataset)
    for batch, (X, y) in enumerate(dataloader):
        X, y = X.to(device, torch.float32), y.to(device, torch.float32)
        pred = model(X)
        loss = loss_fn(pred.view(-1), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if batch % 100 == 0:
            loss, current = loss.item(), batch * len(X)
            print(f"loss: {loss:>7f}  [{current:>5d}/{size:>5d}]")
def test_loop(dataloader, model, loss_fn):
    with torch.no_grad():
        return sum(loss_fn(model(X.float()).view(-1), y.float()) for X, y in dataloader)
"""
WIDE_STEP = "x, y = batch; loss = loss_fn(model(x.float()).view(-1), y.float())"


def test_a_regression_whose_shapes_would_spread(notebook):
    book = notebook(IMPORTS, WIDE)
    book.check_loss(book.find(), WIDE_STEP)
    book.run(WIDE_TRAIN)
    book.check_loss(book.find(), WIDE_STEP)
