"""Further notebooks whose names and shapes follow public ones; the rules were made with these in view."""

# ruff: noqa: E501 - cells, as people write them

from __future__ import annotations

import multiprocessing

import pytest
import torch

IMPORTS = """
import torch, torch.nn as nn, torch.nn.functional as F, numpy as np
from collections import namedtuple
from torch.utils.data import DataLoader, TensorDataset, Dataset
"""

TRANSLATION = """
pairs = TensorDataset(torch.randint(2, 20, (32, 7)), torch.randint(2, 20, (32, 6)))
train_iterator = DataLoader(pairs, batch_size=8, collate_fn=lambda b: tuple(torch.stack(p, 1) for p in zip(*b)))
valid_iterator = DataLoader(pairs, batch_size=8)
class Seq2Seq(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.rnn, self.fc_out = nn.Embedding(20, 6), nn.GRU(6, 8), nn.Linear(8, 20)
    def forward(self, src, trg, teacher_forcing_ratio=0.5):
        _, hidden = self.rnn(self.embed(src))
        out, _ = self.rnn(self.embed(trg[:-1]), hidden)
        return torch.cat([torch.zeros(1, trg.shape[1], 20), self.fc_out(out)])
TRG_PAD_IDX, CLIP = 1, 1
model = Seq2Seq()
optimizer = torch.optim.Adam(model.parameters())
criterion = nn.CrossEntropyLoss(ignore_index=TRG_PAD_IDX)
"""
TRANSLATION_TRAIN = """
def train(model, iterator, optimizer, criterion, clip):
    model.train()
    epoch_loss = 0
    for i, batch in enumerate(iterator):
        src, trg = batch
        optimizer.zero_grad()
        output = model(src, trg)
        output_dim = output.shape[-1]
        output = output[1:].view(-1, output_dim)
        trg = trg[1:].view(-1)
        loss = criterion(output, trg)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        epoch_loss += loss.item()
    return epoch_loss / len(iterator)
"""
TRANSLATION_STEP = "s, t = batch; loss = criterion(model(s, t)[1:].reshape(-1, 20), t[1:].reshape(-1))"


def test_translation(notebook):
    book = notebook(IMPORTS, TRANSLATION)
    book.found_or_asked(TRANSLATION_STEP)
    book.run(TRANSLATION_TRAIN)
    book.check_loss(book.find(), TRANSLATION_STEP)


CAPTIONS = """
class EncoderCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.bn, self.embed = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 6)
        for p in self.conv.parameters():
            p.requires_grad_(False)
    def forward(self, images):
        return self.embed(self.bn(self.conv(images)).mean((2, 3)))
class DecoderRNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.word, self.lstm, self.fc = nn.Embedding(15, 6), nn.LSTM(6, 8, batch_first=True), nn.Linear(8, 15)
    def forward(self, features, captions):
        x = torch.cat([features.unsqueeze(1), self.word(captions[:, :-1])], 1)
        return self.fc(self.lstm(x)[0])
data_loader = DataLoader(TensorDataset(torch.rand(24, 3, 6, 6), torch.randint(0, 15, (24, 5))), batch_size=6)
vocab_size, total_step = 15, 4
encoder, decoder = EncoderCNN(), DecoderRNN()
criterion = nn.CrossEntropyLoss()
params = list(decoder.parameters()) + list(encoder.embed.parameters())
optimizer = torch.optim.Adam(params, lr=0.001)
"""
CAPTIONS_LOOP = """
import sys
for epoch in range(1, 2):
    for i_step, (images, captions) in enumerate(data_loader, 1):
        decoder.zero_grad()
        encoder.zero_grad()
        features = encoder(images)
        outputs = decoder(features, captions)
        loss = criterion(outputs.view(-1, vocab_size), captions.view(-1))
        loss.backward()
        optimizer.step()
        stats = 'Epoch [%d], Loss: %.4f' % (epoch, loss.item())
        print('\\r' + stats, end="")
        sys.stdout.flush()
"""


def test_two_modules_and_one_optimizer(notebook):
    book = notebook(IMPORTS, CAPTIONS)
    assert "encoder" in book.refusal()
    book.run(CAPTIONS_LOOP)
    found = book.find()
    book.check_loss(found, "x, c = batch; loss = criterion(decoder(encoder(x), c).view(-1, 15), c.view(-1))")
    trained = {id(p) for p in found.setup.model.parameters()}
    assert {id(p) for p in book["params"]} <= trained


TUTORIAL = """
x_train, y_train = torch.rand(64, 16), torch.randint(0, 10, (64,))
train_ds, valid_ds, bs, lr = TensorDataset(x_train, y_train), TensorDataset(x_train, y_train), 8, 0.1
loss_func = F.cross_entropy
def accuracy(out, yb):
    return (torch.argmax(out, dim=1) == yb).float().mean()
def preprocess(x, y):
    return x.view(-1, 1, 4, 4), y
class WrappedDataLoader:
    def __init__(self, dl, func):
        self.dl, self.func = dl, func
    def __len__(self):
        return len(self.dl)
    def __iter__(self):
        for b in self.dl:
            yield self.func(*b)
def get_model():
    model = nn.Sequential(nn.Conv2d(1, 10, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return model, torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
def loss_batch(model, loss_func, xb, yb, opt=None):
    loss = loss_func(model(xb), yb)
    if opt is not None:
        loss.backward()
        opt.step()
        opt.zero_grad()
    return loss.item(), len(xb)
def fit(epochs, model, loss_func, opt, train_dl, valid_dl):
    for epoch in range(epochs):
        model.train()
        for xb, yb in train_dl:
            loss_batch(model, loss_func, xb, yb, opt)
train_dl = WrappedDataLoader(DataLoader(train_ds, batch_size=bs, shuffle=True), preprocess)
valid_dl = WrappedDataLoader(DataLoader(valid_ds, batch_size=bs * 2), preprocess)
model, opt = get_model()
"""


def test_a_wrapped_loader_and_a_function_for_a_batch(notebook):
    book = notebook(IMPORTS, TUTORIAL)
    found = book.find()
    book.check_loss(found, "xb, yb = batch; loss = loss_func(model(xb), yb)")
    assert found.setup.train_loader is book["train_dl"]
    assert found.setup.valid_loader is book["valid_dl"]


LINE = """
weight, bias = 0.7, 0.3
X = torch.arange(0, 1, 0.02).unsqueeze(dim=1)
y = weight * X + bias
train_split = int(0.8 * len(X))
X_train, y_train, X_test, y_test = X[:train_split], y[:train_split], X[train_split:], y[train_split:]
class LinearRegressionModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.weights, self.bias = nn.Parameter(torch.randn(1)), nn.Parameter(torch.randn(1))
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.weights * x + self.bias
model_0 = LinearRegressionModel()
with torch.inference_mode():
    y_preds = model_0(X_test)
loss_fn = nn.L1Loss()
optimizer = torch.optim.SGD(params=model_0.parameters(), lr=0.01)
"""


def test_a_line_through_points(notebook):
    book = notebook(IMPORTS, LINE)
    book.check_loss(book.find(), "loss = loss_fn(model_0(X_train), y_train)")


CIRCLES = """
X_train, X_test, y_train, y_test = torch.randn(40, 2), torch.randn(10, 2), torch.randint(0, 2, (40,)).float(), torch.zeros(10)
model_0 = nn.Sequential(nn.Linear(2, 5), nn.Linear(5, 1))
untrained_preds = model_0(X_test)
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(params=model_0.parameters(), lr=0.1)
def accuracy_fn(y_true, y_pred):
    return torch.eq(y_true, y_pred).sum().item() / len(y_pred) * 100
"""


def test_circles_whose_output_the_loop_squeezes(notebook):
    book = notebook(IMPORTS, CIRCLES)
    book.check_loss(book.find(), "loss = loss_fn(model_0(X_train).squeeze(), y_train)")


MIXED = """
from torch.cuda.amp import GradScaler
class CFG:
    gradient_accumulation_steps, max_grad_norm, epochs, device = 4, 1000, 3, "cpu"
train_loader = DataLoader(TensorDataset(torch.randn(64, 6), torch.rand(64, 3)), batch_size=8, shuffle=True)
valid_loader = DataLoader(TensorDataset(torch.randn(64, 6), torch.rand(64, 3)), batch_size=8)
model = nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.2), nn.Linear(8, 3))
criterion = nn.SmoothL1Loss(reduction='mean')
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
class AverageMeter(object):
    def __init__(self):
        self.avg = 0
    def update(self, val, n=1):
        self.avg = val
def train_fn(fold, train_loader, model, criterion, optimizer, epoch, scheduler, device):
    model.train()
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    losses = AverageMeter()
    global_step = 0
    for step, (inputs, labels) in enumerate(train_loader):
        inputs = inputs.to(device)
        labels = labels.to(device)
        batch_size = labels.size(0)
        with torch.autocast("cpu", enabled=False):
            y_preds = model(inputs)
            loss = criterion(y_preds, labels)
        if CFG.gradient_accumulation_steps > 1:
            loss = loss / CFG.gradient_accumulation_steps
        losses.update(loss.item(), batch_size)
        scaler.scale(loss).backward()
        grad_norm = torch.nn.utils.clip_grad_norm_(model.parameters(), CFG.max_grad_norm)
        if (step + 1) % CFG.gradient_accumulation_steps == 0:
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
            global_step += 1
            scheduler.step()
    return losses.avg
"""


@pytest.mark.filterwarnings("ignore")
def test_scaled_accumulated_and_clipped(notebook):
    book = notebook(IMPORTS, MIXED)
    found = book.find()
    book.check_loss(found, "x, y = batch; loss = criterion(model(x), y)")
    notes = " ".join(finding.description for finding in found.findings)
    assert "--accumulate" in notes
    assert "--clip-norm" in notes


NEWS = """
class News(Dataset):
    def __len__(self):
        return 64
    def __getitem__(self, i):
        g = torch.Generator().manual_seed(i)
        return i % 4, torch.randint(0, 50, (int(torch.randint(3, 9, (), generator=g)),), generator=g)
def collate_batch(batch):
    label_list = torch.tensor([label for label, _ in batch], dtype=torch.int64)
    offsets = torch.tensor([0] + [len(text) for _, text in batch][:-1]).cumsum(dim=0)
    return label_list, torch.cat([text for _, text in batch]), offsets
train_dataloader = DataLoader(News(), batch_size=8, shuffle=True, collate_fn=collate_batch)
valid_dataloader = DataLoader(News(), batch_size=8, shuffle=True, collate_fn=collate_batch)
test_dataloader = DataLoader(News(), batch_size=8, shuffle=True, collate_fn=collate_batch)
class TextClassificationModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.fc = nn.EmbeddingBag(50, 8), nn.Linear(8, 4)
    def forward(self, text, offsets):
        return self.fc(self.embedding(text, offsets))
model = TextClassificationModel()
criterion = torch.nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=5)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1.0, gamma=0.1)
total_accu = None
"""


def test_a_label_that_comes_first(notebook):
    book = notebook(IMPORTS, NEWS)
    book.check_loss(book.find(), "y, t, o = batch; loss = criterion(model(t, o), y)")


WORDS = """
ids = torch.randint(0, vocab, (200,))
dataset = TensorDataset(torch.stack([ids[i:i + 8] for i in range(64)]), torch.stack([ids[i + 1:i + 9] for i in range(64)]))
train_loader = DataLoader(dataset, batch_size=8, shuffle=True)
class LanguageModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.lstm, self.head = nn.Embedding(vocab, 6), nn.LSTM(6, 8, batch_first=True), nn.Linear(8, vocab)
    def forward(self, x, state=None):
        out, state = self.lstm(self.embed(x), state)
        return self.head(out), state
model = LanguageModel()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters())
"""


def test_scores_of_words_at_every_place(notebook):
    book = notebook(IMPORTS, "vocab = 30", WORDS)
    book.check_loss(book.find(), "x, y = batch; loss = criterion(model(x)[0].reshape(-1, 30), y.reshape(-1))")


def test_as_many_words_as_places_cannot_be_told_apart(notebook):
    assert "differ" in notebook(IMPORTS, "vocab = 8", WORDS).refusal()


AUXILIARY = """
InceptionOutputs = namedtuple('InceptionOutputs', ['logits', 'aux_logits'])
class Inception(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.fc, self.aux = nn.Conv2d(3, 4, 3), nn.Linear(4, 5), nn.Linear(4, 5)
    def forward(self, x):
        f = self.conv(x).mean((2, 3))
        return InceptionOutputs(self.fc(f), self.aux(f)) if self.training else self.fc(f)
dataloaders_dict = {x: DataLoader(TensorDataset(torch.rand(16, 3, 5, 5), torch.randint(0, 5, (16,))), 4) for x in ['train', 'val']}
model_ft = Inception()
optimizer_ft = torch.optim.SGD(model_ft.parameters(), lr=0.001, momentum=0.9)
criterion = nn.CrossEntropyLoss()
"""
AUXILIARY_TRAIN = """
def train_model(model, dataloaders, criterion, optimizer, num_epochs=25, is_inception=False):
    for epoch in range(num_epochs):
        for phase in ['train', 'val']:
            model.train() if phase == 'train' else model.eval()
            for inputs, labels in dataloaders[phase]:
                optimizer.zero_grad()
                with torch.set_grad_enabled(phase == 'train'):
                    if is_inception and phase == 'train':
                        outputs, aux_outputs = model(inputs)
                        loss1 = criterion(outputs, labels)
                        loss2 = criterion(aux_outputs, labels)
                        loss = loss1 + 0.4*loss2
                    else:
                        outputs = model(inputs)
                        loss = criterion(outputs, labels)
                    _, preds = torch.max(outputs, 1)
                    if phase == 'train':
                        loss.backward()
                        optimizer.step()
    return model
"""
AUXILIARY_STEP = "x, y = batch; o, a = model_ft(x); loss = criterion(o, y) + 0.4 * criterion(a, y)"


def test_auxiliary_outputs(notebook):
    book = notebook(IMPORTS, AUXILIARY)
    book.found_or_asked(AUXILIARY_STEP)
    book.run(AUXILIARY_TRAIN)
    book.run(
        "model_ft = train_model(model_ft, dataloaders_dict, criterion, optimizer_ft, num_epochs=1, is_inception=True)"
    )
    found = book.find()
    book.check_loss(found, AUXILIARY_STEP)
    assert found.setup.train_loader is book["dataloaders_dict['train']"]


TASKS = """
train_loader = DataLoader(TensorDataset(torch.rand(32, 6), torch.randint(0, 3, (32,)), torch.rand(32, 1)), batch_size=8)
class TwoHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.kind, self.size = nn.Linear(6, 8), nn.Linear(8, 3), nn.Linear(8, 1)
    def forward(self, x):
        h = torch.relu(self.body(x))
        return self.kind(h), self.size(h)
model = TwoHeads()
criterion_cls, criterion_reg = nn.CrossEntropyLoss(), nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters())
"""
TASKS_LOOP = """
for epoch in range(1):
    for x, kind, size in train_loader:
        optimizer.zero_grad()
        kind_out, size_out = model(x)
        loss_cls, loss_reg = criterion_cls(kind_out, kind), criterion_reg(size_out, size)
        (loss_cls + 10 * loss_reg).backward()
        optimizer.step()
"""
TASKS_STEP = "x, a, b = batch; k, s = model(x); loss = criterion_cls(k, a) + 10 * criterion_reg(s, b)"


def test_two_tasks(notebook):
    book = notebook(IMPORTS, TASKS)
    assert "criterion_cls" in book.refusal()
    book.run(TASKS_LOOP)
    book.check_loss(book.find(), TASKS_STEP)


WRAPPED = """
class DiceBCELoss(nn.Module):
    def __init__(self, weight=None):
        super().__init__()
    def forward(self, inputs, targets, smooth=1):
        p, t = torch.sigmoid(inputs).view(-1), targets.view(-1)
        return F.binary_cross_entropy(p, t) + 1 - (2 * (p * t).sum() + smooth) / (p.sum() + t.sum() + smooth)
class Config:
    epochs = 3
class Trainer:
    def __init__(self, model, loader, lr):
        self.model, self.train_loader, self.loss_fn = model, loader, DiceBCELoss()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=lr)
    def train_epoch(self):
        for images, masks in self.train_loader:
            self.optimizer.zero_grad()
            loss = self.loss_fn(self.model(images), masks)
            loss.backward()
            self.optimizer.step()
config = Config()
masks = (torch.rand(16, 1, 6, 6) > 0.5).float()
trainer = Trainer(nn.Conv2d(3, 1, 3, padding=1), DataLoader(TensorDataset(torch.rand(16, 3, 6, 6), masks), 4), 1e-3)
"""


def test_everything_inside_a_trainer_of_ones_own(notebook):
    book = notebook(IMPORTS, WRAPPED)
    found = book.find()
    assert found.setup.model is book["trainer.model"]
    book.check_loss(found, "x, m = batch; loss = trainer.loss_fn(trainer.model(x), m)")


QUIET = """
train_loader = DataLoader(TensorDataset(torch.randn(32, 4), {target}), batch_size=8)
model = nn.Sequential(nn.Linear(4, {outputs}))
criterion = {criterion}
optimizer = torch.optim.Adam(model.parameters())
"""


@pytest.mark.parametrize(
    ("criterion", "outputs", "target"),
    [
        ("nn.NLLLoss()", 3, "torch.randint(0, 3, (32,))"),
        ("nn.BCELoss()", 1, "torch.randint(0, 2, (32,)).float()"),
        ("nn.MSELoss()", 3, "torch.randint(0, 3, (32,))"),
        ("nn.MSELoss()", 8, "torch.rand(32)"),
        ("nn.L1Loss()", 8, "torch.rand(32)"),
        ("nn.CrossEntropyLoss()", 1, "torch.zeros(32).long()"),
        ("nn.CrossEntropyLoss()", 3, "torch.randint(3, 9, (32,))"),
        ("nn.BCEWithLogitsLoss()", 1, "torch.randint(0, 5, (32,)).float()"),
        ("nn.TripletMarginLoss()", 3, "torch.rand(32, 3)"),
    ],
)
def test_losses_that_would_run_and_mean_nothing(notebook, criterion, outputs, target):
    book = notebook(IMPORTS, QUIET.format(criterion=criterion, outputs=outputs, target=target))
    assert "criterion" in book.refusal()


def test_a_criterion_of_the_logits_of_a_model_with_its_own_loss(notebook):
    book = notebook(
        IMPORTS,
        """
rows = [{"input_ids": torch.randint(0, 9, (5,)), "labels": torch.tensor(i % 2)} for i in range(16)]
train_dataloader = DataLoader(rows, batch_size=4)
Output = namedtuple("Output", ["loss", "logits"])
class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(9, 4), nn.Linear(4, 2)
    def forward(self, input_ids, labels=None):
        logits = self.head(self.embed(input_ids).mean(1))
        return Output(None if labels is None else F.cross_entropy(logits, labels), logits)
model = Classifier()
optimizer = torch.optim.AdamW(model.parameters())
""",
        "criterion = nn.CrossEntropyLoss(weight=torch.tensor([0.2, 0.8]))",
    )
    assert "`out.loss`, `criterion`" in book.refusal()
    book.check_loss(book.find(loss="out.loss"), "loss = model(**batch).loss")
    book.check_loss(book.find(loss="criterion"), "loss = criterion(model(**batch).logits, batch['labels'])")


def test_workers_generators_and_samplers_stay_as_they_are(notebook):
    book = notebook(
        IMPORTS,
        """
generator = torch.Generator().manual_seed(3)
sampler = torch.utils.data.WeightedRandomSampler(torch.ones(32), 32, generator=generator)
train_loader = DataLoader(TensorDataset(torch.randn(32, 4), torch.rand(32, 1)), 8, sampler=sampler, num_workers=2,
                          persistent_workers=True)
model, criterion = nn.Sequential(nn.Linear(4, 1), nn.Dropout()), nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters())
""",
    )
    before = book["generator"].get_state()
    book.find()
    assert torch.equal(before, book["generator"].get_state())
    assert book["train_loader"]._iterator is None
    assert not multiprocessing.active_children()


LEFT = """
train_loader = DataLoader(TensorDataset(torch.randn(32, 4), torch.randint(0, 3, (32,)), {third}), batch_size=8)
model, criterion = nn.Linear(4, 3), nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters())
"""


def test_an_unused_weight_is_asked_about_and_an_unused_index_is_said(notebook):
    book = notebook(IMPORTS, LEFT.format(third="torch.rand(32)"))
    assert "`batch[2]` ([8] float32) is in the batch" in book.refusal()
    book.check_loss(book.find(loss="criterion"), "x, y, _ = batch; loss = criterion(model(x), y)")
    book = notebook(IMPORTS, LEFT.format(third="torch.arange(100, 132)"))
    found = book.find()
    book.check_loss(found, "x, y, _ = batch; loss = criterion(model(x), y)")
    assert any("not used: batch[2]" in finding.description for finding in found.findings)


def test_what_the_trials_print_is_not_shown(notebook, capsys):
    book = notebook(IMPORTS, LEFT.format(third="torch.arange(100, 132)"))
    book.run(
        "class Loud(nn.Linear):\n    def forward(self, x):\n        print(x.shape)\n        return super().forward(x)"
    )
    book.run("model = Loud(4, 3)\noptimizer = torch.optim.Adam(model.parameters())")
    book.find()
    assert not capsys.readouterr().out


GENERATION = (
    "model, criterion = nn.Linear(4, 3), nn.CrossEntropyLoss()\noptimizer = torch.optim.Adam(model.parameters())"
)
NEXT_GENERATION = GENERATION.replace("Linear(4, 3)", "Sequential(nn.Linear(4, 8), nn.Dropout(), nn.Linear(8, 3))")
DOUBLED_LOOP = """
for x, y in train_loader:
    loss = criterion(model(x), y) * 2
    loss.backward()
    optimizer.step()
"""


def test_a_loop_of_a_model_that_is_gone_is_asked_about(notebook):
    book = notebook(
        IMPORTS, "train_loader = DataLoader(TensorDataset(torch.randn(32, 4), torch.randint(0, 3, (32,))), 8)"
    )
    book.run(GENERATION)
    book.run(DOUBLED_LOOP)
    book.check_loss(book.find(), "x, y = batch; loss = criterion(model(x), y) * 2")
    book.run(GENERATION)
    book.check_loss(book.find(), "x, y = batch; loss = criterion(model(x), y) * 2")
    book.run(NEXT_GENERATION)
    assert "ran before `model` was made anew" in book.refusal()
    book.check_loss(book.find(loss="criterion"), "x, y = batch; loss = criterion(model(x), y)")


def test_a_loop_of_a_model_that_is_gone_is_no_matter_where_it_agrees(notebook):
    book = notebook(
        IMPORTS, "train_loader = DataLoader(TensorDataset(torch.randn(32, 4), torch.randint(0, 3, (32,))), 8)"
    )
    book.run(GENERATION)
    book.run(DOUBLED_LOOP.replace(" * 2", ""))
    book.run(NEXT_GENERATION)
    book.check_loss(book.find(), "x, y = batch; loss = criterion(model(x), y)")


TWO_HEADS = """
class TwoHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.scores, self.box = nn.Linear(4, 8), nn.Linear(8, 3), nn.Linear(8, 2)
    def forward(self, x):
        h = torch.relu(self.body(x))
        return {returned}
train_loader = DataLoader(TensorDataset(torch.randn(32, 4), torch.arange(32) % 3), batch_size=8)
model, criterion = TwoHeads(), nn.CrossEntropyLoss()
optimizer = torch.optim.Adam({trained})
"""


@pytest.mark.parametrize("returned", ["(self.scores(h), self.box(h))", "dict(logits=self.scores(h), box=self.box(h))"])
def test_a_head_that_the_loss_would_not_train_is_asked_about(notebook, returned):
    book = notebook(IMPORTS, TWO_HEADS.format(returned=returned, trained="model.parameters()"))
    assert "would not train what makes `out[" in book.refusal()
    book.find(loss="criterion")


@pytest.mark.parametrize(
    ("returned", "trained"),
    [
        ("(self.scores(h), h.sum(1))", "model.parameters()"),
        ("(self.scores(h), self.box(h))", "[*model.body.parameters(), *model.scores.parameters()]"),
    ],
)
def test_further_outputs_without_parameters_of_their_own_to_train(notebook, returned, trained):
    book = notebook(IMPORTS, TWO_HEADS.format(returned=returned, trained=trained))
    book.check_loss(book.find(), "loss = criterion(model(batch[0])[0], batch[1])")


TWO_LOADERS = """
weak_loader = DataLoader(TensorDataset(torch.randn(32, 4), torch.arange(32) % 3), batch_size=8)
strong_loader = DataLoader(TensorDataset(torch.randn(16, 4), torch.arange(16) % 3), batch_size=8)
model, criterion = nn.Linear(4, 3), nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters())
"""


def test_two_loaders_of_one_cell_are_asked_about_until_a_loop_shows_which(notebook):
    book = notebook(IMPORTS, TWO_LOADERS)
    assert "`strong_loader`, `weak_loader`" in book.refusal() or "`weak_loader`, `strong_loader`" in book.refusal()
    book.run("for x, y in weak_loader:\n    loss = criterion(model(x), y)\n    loss.backward()\n    optimizer.step()")
    assert book.find().setup.train_loader is book["weak_loader"]
