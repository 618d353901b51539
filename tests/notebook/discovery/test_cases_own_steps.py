"""Notebooks whose loss only their own loop knows: found once its source is known, asked about before."""

# ruff: noqa: E501 - cells, as people write them

from __future__ import annotations

import pytest

from lr_magic.training.cycle.one_cycle import fit_one_cycle
from lr_magic.training.sweeping.range_test import range_test

IMPORTS = """
import torch, torch.nn as nn, torch.nn.functional as F, numpy as np
from torch.utils.data import DataLoader, TensorDataset, Dataset
"""

LANGUAGE = """
class BatchEncoding(dict):
    def to(self, device):
        return BatchEncoding({k: v.to(device) for k, v in self.items()})
class Output(dict):
    def __getattr__(self, name):
        return self[name]
class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.drop, self.head = nn.Embedding(40, 8), nn.Dropout(0.1), nn.Linear(8, 2)
    def forward(self, input_ids=None, attention_mask=None, token_type_ids=None, position_ids=None, labels=None,
                return_dict=None, **kwargs):
        hidden = self.drop(self.embed(input_ids)) * attention_mask.unsqueeze(-1)
        logits = self.head(hidden.mean(1))
        return Output(loss=None if labels is None else F.cross_entropy(logits, labels), logits=logits)
raw_datasets = {"train": list(range(48)), "validation": list(range(16))}
tokenizer = object()
def data_collator(rows):
    length = 4 + len(rows) % 3 + int(rows[0]) % 3
    ids = torch.randint(1, 40, (len(rows), length))
    return BatchEncoding(input_ids=ids, token_type_ids=torch.zeros_like(ids), attention_mask=torch.ones_like(ids),
                         labels=torch.tensor([int(row) % 2 for row in rows]))
tokenized_datasets = raw_datasets
train_dataloader = DataLoader(tokenized_datasets["train"], shuffle=True, batch_size=8, collate_fn=data_collator)
eval_dataloader = DataLoader(tokenized_datasets["validation"], batch_size=8, collate_fn=data_collator)
for batch in train_dataloader:
    break
model = Classifier()
outputs = model(**batch)
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5)
num_epochs = 3
num_training_steps = num_epochs * len(train_dataloader)
lr_scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: max(0.0, 1 - s / num_training_steps))
device = torch.device("cpu")
"""


def test_a_model_that_computes_its_loss(notebook):
    book = notebook(IMPORTS, LANGUAGE)
    found = book.find()
    book.check_loss(found, "loss = model(**batch).loss")
    assert found.setup.valid_loader is book["eval_dataloader"]
    assert any("`lr_scheduler` is not stepped" in finding.description for finding in found.findings)


VAE = """
train_loader = DataLoader(TensorDataset(torch.rand(128, 1, 28, 28), torch.randint(0, 10, (128,))), batch_size=32, shuffle=True)
test_loader = DataLoader(TensorDataset(torch.rand(128, 1, 28, 28), torch.randint(0, 10, (128,))), batch_size=32)
for features, targets in train_loader:
    break
device = torch.device("cpu")
class VariationalAutoencoder(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden_1, self.z_mean, self.z_log_var = nn.Linear(784, 20), nn.Linear(20, 15), nn.Linear(20, 15)
        self.linear_3, self.linear_4 = nn.Linear(15, 20), nn.Linear(20, 784)
    def forward(self, features):
        x = F.leaky_relu(self.hidden_1(features))
        z_mean, z_log_var = self.z_mean(x), self.z_log_var(x)
        encoded = z_mean + torch.randn_like(z_mean) * torch.exp(z_log_var / 2.)
        decoded = torch.sigmoid(self.linear_4(F.leaky_relu(self.linear_3(encoded))))
        return z_mean, z_log_var, encoded, decoded
model = VariationalAutoencoder()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
"""
VAE_LOOP = """%%time
import time
start_time = time.time()
for epoch in range(1):
    for batch_idx, (features, targets) in enumerate(train_loader):
        features = features.view(-1, 28*28).to(device)
        z_mean, z_log_var, encoded, decoded = model(features)
        kl_divergence = (0.5 * (z_mean**2 + torch.exp(z_log_var) - z_log_var - 1)).sum()
        pixelwise_bce = F.binary_cross_entropy(decoded, features, reduction='sum')
        cost = kl_divergence + pixelwise_bce
        optimizer.zero_grad()
        cost.backward()
        optimizer.step()
        if not batch_idx % 50:
            print('Epoch: %03d | Batch %03d | Cost: %.4f' % (epoch + 1, batch_idx, cost))
    print('Time elapsed: %.2f min' % ((time.time() - start_time) / 60))
"""
VAE_STEP = """
x = batch[0].view(-1, 784)
m, v, _, d = model(x)
loss = (0.5 * (m**2 + torch.exp(v) - v - 1)).sum() + F.binary_cross_entropy(d, x, reduction='sum')
"""


def test_a_vae_before_its_loop_is_asked_about(notebook):
    text = notebook(IMPORTS, VAE).refusal()
    assert "differ" in text
    assert "%%lr_find" in text


def test_a_vae_after_its_loop(notebook):
    book = notebook(IMPORTS, VAE, VAE_LOOP)
    book.check_loss(book.find(), VAE_STEP)


GAN = """
train_loader = DataLoader(TensorDataset(torch.rand(256, 1, 4, 4), torch.randint(0, 10, (256,))), batch_size=64)
class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(16, 1)
    def forward(self, x):
        return self.fc(x.view(-1, 16))
class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(5, 16)
    def forward(self, z):
        return torch.tanh(self.fc(z))
D, G = Discriminator(), Generator()
def real_loss(D_out, smooth=False):
    return nn.BCEWithLogitsLoss()(D_out.squeeze(), torch.ones(D_out.size(0)) * (0.9 if smooth else 1.0))
def fake_loss(D_out):
    return nn.BCEWithLogitsLoss()(D_out.squeeze(), torch.zeros(D_out.size(0)))
def scale(x):
    return x * 2 - 1
d_optimizer, g_optimizer = torch.optim.Adam(D.parameters(), 0.002), torch.optim.Adam(G.parameters(), 0.002)
"""
GAN_LOOP = """
samples, losses = [], []
fixed_z = torch.rand(4, 5)
for epoch in range(1):
    for batch_i, (real_images, _) in enumerate(train_loader):
        real_images = scale(real_images)
        d_optimizer.zero_grad()
        d_loss = real_loss(D(real_images), smooth=True) + fake_loss(D(G(torch.rand(64, 5))))
        d_loss.backward()
        d_optimizer.step()
        g_optimizer.zero_grad()
        g_loss = real_loss(D(G(torch.rand(64, 5))))
        g_loss.backward()
        g_optimizer.step()
    losses.append((d_loss.item(), g_loss.item()))
"""


@pytest.mark.parametrize("more", [[], [GAN_LOOP]], ids=["before", "after"])
def test_a_gan_is_asked_about(notebook, more):
    book = notebook(IMPORTS, GAN, *more)
    text = book.refusal()
    assert "`d_optimizer` → `D`" in text
    assert "`g_optimizer` → `G`" in text
    book.refusal(optimizer="d_optimizer")


STATEFUL = """
batch_size, clip = 10, 5
train_on_gpu = False
loaders_data = TensorDataset(torch.randint(0, 60, (40, 20)), torch.randint(0, 2, (40,)))
train_loader = DataLoader(loaders_data, shuffle=True, batch_size=batch_size)
valid_loader = DataLoader(loaders_data, shuffle=True, batch_size=batch_size)
test_loader = DataLoader(loaders_data, shuffle=True, batch_size=batch_size)
dataiter = iter(train_loader)
sample_x, sample_y = next(dataiter)
class SentimentRNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.lstm = nn.Embedding(60, 6), nn.LSTM(6, 8, 2, batch_first=True, dropout=0.3)
        self.dropout, self.fc = nn.Dropout(0.3), nn.Linear(8, 1)
    def forward(self, x, hidden):
        out, hidden = self.lstm(self.embedding(x.long()), hidden)
        out = torch.sigmoid(self.fc(self.dropout(out.contiguous().view(-1, 8))))
        return out.view(x.size(0), -1)[:, -1], hidden
    def init_hidden(self, batch_size):
        weight = next(self.parameters()).data
        return weight.new(2, batch_size, 8).zero_(), weight.new(2, batch_size, 8).zero_()
net = SentimentRNN()
criterion = nn.BCELoss()
optimizer = torch.optim.Adam(net.parameters(), lr=0.001)
"""
STATEFUL_LOOP = """
epochs, counter, print_every = 1, 0, 100
net.train()
for e in range(epochs):
    h = net.init_hidden(batch_size)
    for inputs, labels in train_loader:
        counter += 1
        if(train_on_gpu):
            inputs, labels = inputs.cuda(), labels.cuda()
        h = tuple([each.data for each in h])
        net.zero_grad()
        output, h = net(inputs, h)
        loss = criterion(output.squeeze(), labels.float())
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), clip)
        optimizer.step()
        if counter % print_every == 0:
            val_h = net.init_hidden(batch_size)
"""


def test_a_hidden_state_is_never_filled_with_labels(notebook):
    text = notebook(IMPORTS, STATEFUL).refusal()
    assert "`net.forward` needs `hidden`" in text


def test_a_hidden_state_after_its_loop(notebook):
    book = notebook(IMPORTS, STATEFUL, STATEFUL_LOOP)
    found = book.find()
    book.check_loss(
        found, "x, y = batch; loss = criterion(net(x, net.init_hidden(batch_size))[0].squeeze(), y.float())"
    )
    assert found.setup.compute_loss(next(iter(book["train_loader"]))).loss.requires_grad, "the state is carried on"
    assert any("clips" in finding.description for finding in found.findings)


GPT = """
class GPTModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.tok_emb, self.trf_blocks = nn.Embedding(50, 8), nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
        self.final_norm, self.out_head = nn.LayerNorm(8), nn.Linear(8, 50)
    def forward(self, in_idx):
        return self.out_head(self.final_norm(self.trf_blocks(self.tok_emb(in_idx))))
model = GPTModel()
for param in model.parameters():
    param.requires_grad = False
model.out_head = nn.Linear(8, 2)
for part in (model.trf_blocks[-1], model.final_norm):
    for param in part.parameters():
        param.requires_grad = True
rows = TensorDataset(torch.randint(0, 50, (64, 12)), torch.randint(0, 2, (64,)))
train_loader = DataLoader(rows, batch_size=8, shuffle=True)
val_loader, test_loader = DataLoader(rows, batch_size=8), DataLoader(rows, batch_size=8)
device = torch.device("cpu")
inputs = torch.randint(0, 50, (1, 6))
outputs = model(inputs)

def calc_accuracy_loader(data_loader, model, device, num_batches=None):
    return 0.0
def calc_loss_batch(input_batch, target_batch, model, device):
    input_batch, target_batch = input_batch.to(device), target_batch.to(device)
    logits = model(input_batch)[:, -1, :]
    return F.cross_entropy(logits, target_batch)
def calc_loss_loader(data_loader, model, device, num_batches=None):
    return sum(calc_loss_batch(x, y, model, device).item() for x, y in data_loader)
with torch.no_grad():
    train_loss = calc_loss_loader(train_loader, model, device, num_batches=5)
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5, weight_decay=0.1)
"""
GPT_TRAIN = """
def train_classifier_simple(model, train_loader, val_loader, optimizer, device, num_epochs, eval_freq, eval_iter):
    train_losses, examples_seen, global_step = [], 0, -1
    for epoch in range(num_epochs):
        model.train()
        for input_batch, target_batch in train_loader:
            optimizer.zero_grad()
            loss = calc_loss_batch(input_batch, target_batch, model, device)
            loss.backward()
            optimizer.step()
            examples_seen += input_batch.shape[0]
            global_step += 1
    return train_losses
"""


@pytest.mark.parametrize("more", [[], [GPT_TRAIN]], ids=["helper", "helper and loop"])
def test_a_helper_that_knows_the_step(notebook, more):
    book = notebook(IMPORTS, GPT, *more)
    book.check_loss(book.find(), "x, y = batch; loss = calc_loss_batch(x, y, model, device)")
    book.run("inputs, targets = next(iter(train_loader))\nfirst = calc_loss_batch(inputs, targets, model, device)")
    book.check_loss(book.find(), "x, y = batch; loss = calc_loss_batch(x, y, model, device)")
    book.check_loss(book.find(loss="calc_loss_batch"), "x, y = batch; loss = calc_loss_batch(x, y, model, device)")


LENGTHS = """
class Reviews(Dataset):
    def __init__(self, n, first_all_ones=True):
        self.rows = [(float(i < 40 or i % 2), torch.randint(1, 30, (int(torch.randint(2, 9, ())),))) for i in range(n)]
    def __len__(self):
        return len(self.rows)
    def __getitem__(self, i):
        return self.rows[i]
def collate_batch(batch):
    label_list = torch.tensor([label for label, _ in batch])
    lengths = torch.tensor([len(text) for _, text in batch])
    return nn.utils.rnn.pad_sequence([text for _, text in batch], batch_first=True), label_list, lengths
dataloader = DataLoader(Reviews(8), batch_size=4, shuffle=False, collate_fn=collate_batch)
text_batch, label_batch, length_batch = next(iter(dataloader))
train_dl = DataLoader(Reviews(128), batch_size=32, shuffle=False, collate_fn=collate_batch)
valid_dl = DataLoader(Reviews(64), batch_size=32, shuffle=False, collate_fn=collate_batch)
test_dl = DataLoader(Reviews(64), batch_size=32, shuffle=False, collate_fn=collate_batch)
class RNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.rnn = nn.Embedding(30, 5, padding_idx=0), nn.LSTM(5, 6, batch_first=True)
        self.fc = nn.Linear(6, 1)
    def forward(self, text, lengths):
        out = self.embedding(text)
        out = nn.utils.rnn.pack_padded_sequence(out, lengths.cpu().numpy(), enforce_sorted=False, batch_first=True)
        out, (hidden, cell) = self.rnn(out)
        return torch.sigmoid(self.fc(hidden[-1, :, :]))
device = torch.device("cpu")
model = RNN().to(device)
loss_fn = nn.BCELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
"""
LENGTHS_TRAIN = """
def train(dataloader):
    model.train()
    total_acc, total_loss = 0, 0
    for text_batch, label_batch, lengths in dataloader:
        optimizer.zero_grad()
        pred = model(text_batch, lengths)[:, 0]
        loss = loss_fn(pred, label_batch)
        loss.backward()
        optimizer.step()
        total_acc += ((pred >= 0.5).float() == label_batch).float().sum().item()
        total_loss += loss.item() * label_batch.size(0)
    return total_acc / len(dataloader.dataset), total_loss / len(dataloader.dataset)
def evaluate(dataloader):
    return 0.0
"""


@pytest.mark.parametrize("more", [[], [LENGTHS_TRAIN]], ids=["objects alone", "with its function"])
def test_a_label_in_the_middle(notebook, more):
    book = notebook(IMPORTS, LENGTHS, *more)
    found = book.find()
    book.check_loss(found, "t, y, n = batch; loss = loss_fn(model(t, n)[:, 0], y)")
    assert found.setup.train_loader is book["train_dl"]


DETECTION = """
class Boxes(Dataset):
    def __len__(self):
        return 12
    def __getitem__(self, i):
        g = torch.Generator().manual_seed(i)
        k = 1 + i % 3
        return torch.rand(3, 6 + i % 2, 7, generator=g), {"boxes": torch.rand(k, 4, generator=g), "labels": torch.ones(k).long()}
trainset, testset = Boxes(), Boxes()
train_data = DataLoader(trainset, batch_size=3, shuffle=True, collate_fn=lambda x: tuple(zip(*x)))
test_data = DataLoader(testset, batch_size=4, collate_fn=lambda x: tuple(zip(*x)))
class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone, self.box, self.cls = nn.Conv2d(3, 4, 3), nn.Linear(4, 4), nn.Linear(4, 2)
    def forward(self, images, targets=None):
        features = torch.stack([self.backbone(image).mean((1, 2)) for image in images])
        if not self.training or targets is None:
            return [{"boxes": self.box(f)} for f in features]
        boxes = torch.stack([t["boxes"].mean(0) for t in targets])
        labels = torch.stack([t["labels"][0] for t in targets])
        error = (self.box(features) - boxes).abs()
        return {"loss_classifier": F.cross_entropy(self.cls(features), labels), "loss_box_reg": error.mean(),
                "loss_objectness": error.max(), "loss_rpn_box_reg": (error ** 2).mean()}
device = torch.device("cpu")
model = Detector().to(device)
params = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.Adam(params, lr=0.0001)
"""
DETECTION_TRAIN = """
def train(model, device, loader, optimizer):
    model.train()
    for images, targets in loader:
        images = list(image.to(device) for image in images)
        targets = [{k: v.to(device) for k, v in t.items()} for t in targets]
        loss_dict = model(images, targets)
        losses = sum(loss for loss in loss_dict.values())
        optimizer.zero_grad()
        losses.backward()
        optimizer.step()
"""


@pytest.mark.parametrize("more", [[], [DETECTION_TRAIN]], ids=["objects alone", "with its function"])
def test_detection_in_lists(notebook, more):
    book = notebook(IMPORTS, DETECTION, *more)
    book.check_loss(book.find(), "loss = sum(model(list(batch[0]), list(batch[1])).values())")
    found = book.find(train="train_data")
    assert found.setup.valid_loader is None
    book.run("valid_data = test_data")
    found = book.find()
    assert found.setup.valid_loader is None, "in eval mode the detector gives boxes and no loss"
    assert any("`test_data` is not used" in finding.description for finding in found.findings)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "cells",
    [[LANGUAGE], [VAE, VAE_LOOP], [STATEFUL, STATEFUL_LOOP], [GPT, GPT_TRAIN], [LENGTHS], [DETECTION, DETECTION_TRAIN]],
    ids=["language", "vae", "stateful", "gpt", "lengths", "detection"],
)
def test_what_was_found_can_be_swept_and_trained(notebook, cells):
    book = notebook(IMPORTS, *cells)
    setup = book.find().setup
    before = book.state()
    result = range_test(setup, start_lr=1e-6, end_lr=1e-3, num_steps=5)
    book.check_unchanged(before)
    assert len(result.losses) == 5
    history = fit_one_cycle(book.find().setup, epochs=1, max_lr=1e-3)
    assert history.epochs
