"""A second set of notebooks with the names and shapes of public ones, written down before the rules had seen them."""

from __future__ import annotations

import pytest

IMPORTS = """
import torch, torch.nn as nn, torch.nn.functional as F, math, random
import numpy as np
from torch.utils.data import DataLoader, TensorDataset, Dataset
"""

TOXIC = """
MAX_LEN, TRAIN_BATCH_SIZE, VALID_BATCH_SIZE, EPOCHS, LEARNING_RATE = 12, 4, 2, 1, 1e-05
class CustomDataset(Dataset):
    def __init__(self, n):
        self.ids = torch.randint(0, 30, (n, MAX_LEN))
        self.targets = (torch.rand(n, 6) > 0.7).double()
    def __len__(self):
        return len(self.ids)
    def __getitem__(self, index):
        ones = torch.ones(MAX_LEN, dtype=torch.long)
        return {'ids': self.ids[index], 'mask': ones, 'token_type_ids': 0 * ones, 'targets': self.targets[index]}

training_set, testing_set = CustomDataset(24), CustomDataset(8)
training_loader = DataLoader(training_set, batch_size=TRAIN_BATCH_SIZE, shuffle=True, num_workers=0)
testing_loader = DataLoader(testing_set, batch_size=VALID_BATCH_SIZE, shuffle=True, num_workers=0)

class BERTClass(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.l1, self.l2, self.l3 = nn.Embedding(30, 8), nn.Dropout(0.3), nn.Linear(8, 6)
    def forward(self, ids, mask, token_type_ids):
        hidden = self.l1(ids + token_type_ids) * mask.unsqueeze(-1)
        return self.l3(self.l2(hidden.mean(1)))

device = 'cpu'
model = BERTClass()
def loss_fn(outputs, targets):
    return torch.nn.BCEWithLogitsLoss()(outputs, targets)
optimizer = torch.optim.Adam(params=model.parameters(), lr=LEARNING_RATE)
"""
TOXIC_TRAIN = """
def train(epoch):
    model.train()
    for _, data in enumerate(training_loader, 0):
        ids = data['ids'].to(device, dtype=torch.long)
        mask = data['mask'].to(device, dtype=torch.long)
        token_type_ids = data['token_type_ids'].to(device, dtype=torch.long)
        targets = data['targets'].to(device, dtype=torch.float)
        outputs = model(ids, mask, token_type_ids)
        optimizer.zero_grad()
        loss = loss_fn(outputs, targets)
        if _ % 5000 == 0:
            print(f'Epoch: {epoch}, Loss:  {loss.item()}')
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
TOXIC_STEP = (
    "loss = loss_fn(model(batch['ids'], batch['mask'], batch['token_type_ids']), batch['targets'].to(torch.float))"
)


def test_several_labels_per_text(notebook):
    book = notebook(IMPORTS, TOXIC)
    found = book.found_or_asked(TOXIC_STEP)
    assert found is None or found.setup.train_loader is book["training_loader"]


def test_several_labels_per_text_with_its_training_function(notebook):
    book = notebook(IMPORTS, TOXIC, TOXIC_TRAIN)
    found = book.find()
    book.check_loss(found, TOXIC_STEP)
    assert found.setup.train_loader is book["training_loader"]


CONDITIONED = """
class NoiseScheduler:
    num_train_timesteps = 1000
    def __init__(self):
        self.alphas_cumprod = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000), 0)
    def add_noise(self, x, noise, timesteps):
        a = self.alphas_cumprod[timesteps].view(-1, 1, 1, 1)
        return a.sqrt() * x + (1 - a).sqrt() * noise

class ClassConditionedUnet(nn.Module):
    def __init__(self, num_classes=10, class_emb_size=4):
        super().__init__()
        self.class_emb = nn.Embedding(num_classes, class_emb_size)
        self.model = nn.Conv2d(1 + class_emb_size, 1, 3, padding=1)
    def forward(self, x, t, class_labels):
        bs, ch, w, h = x.shape
        class_cond = self.class_emb(class_labels).view(bs, -1, 1, 1).expand(bs, 4, w, h)
        return self.model(torch.cat((x, class_cond), 1)) + t.view(-1, 1, 1, 1) / 1000

dataset = TensorDataset(torch.rand(32, 1, 8, 8), torch.randint(0, 10, (32,)))
train_dataloader = DataLoader(dataset, batch_size=8, shuffle=True)
x, y = next(iter(train_dataloader))
noise_scheduler = NoiseScheduler()
device = 'cpu'
n_epochs = 10
net = ClassConditionedUnet().to(device)
loss_fn = nn.MSELoss()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
losses = []
"""
CONDITIONED_LOOP = """
for epoch in range(1):
    for x, y in train_dataloader:
        x = x.to(device) * 2 - 1
        y = y.to(device)
        noise = torch.randn_like(x)
        timesteps = torch.randint(0, 999, (x.shape[0],)).long().to(device)
        noisy_x = noise_scheduler.add_noise(x, noise, timesteps)
        pred = net(noisy_x, timesteps, y)
        loss = loss_fn(pred, noise)
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    avg_loss = sum(losses[-100:]) / 100
"""


def test_diffusion_before_its_loop_is_asked_about(notebook):
    assert "`net.forward` needs `t`" in notebook(IMPORTS, CONDITIONED).refusal()


def test_diffusion_after_its_loop(notebook):
    book = notebook(IMPORTS, CONDITIONED, CONDITIONED_LOOP)
    step = """
x, y = batch[0] * 2 - 1, batch[1]
noise = torch.randn_like(x)
timesteps = torch.randint(0, 999, (x.shape[0],)).long()
loss = loss_fn(net(noise_scheduler.add_noise(x, noise, timesteps), timesteps, y), noise)
"""
    book.check_loss(book.find(), step)


SIGNALS = """
D_i, D_o = 40, 10
class ResidualNetwork(torch.nn.Module):
    def __init__(self, input_size, output_size, hidden_size=16):
        super().__init__()
        self.linear1, self.linear2 = nn.Linear(input_size, hidden_size), nn.Linear(hidden_size, output_size)
    def forward(self, x):
        return self.linear2(self.linear1(x).relu())
def weights_init(layer_in):
    if isinstance(layer_in, nn.Linear):
        nn.init.kaiming_uniform_(layer_in.weight)
        layer_in.bias.data.fill_(0.0)
data = {'x': np.random.randn(60, 40), 'y': np.random.randint(0, 10, 60)}
train_data_x, train_data_y = data['x'].transpose(), data['y']
val_data_x, val_data_y = data['x'].transpose()[:, :20], data['y'][:20]
"""
SIGNALS_LOOP = """
model = ResidualNetwork(40, 10)
loss_function = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=20, gamma=0.5)
x_train = torch.tensor(train_data_x.transpose().astype('float32'))
y_train = torch.tensor(train_data_y.astype('long'))
x_val = torch.tensor(val_data_x.transpose().astype('float32'))
y_val = torch.tensor(val_data_y.astype('long'))
data_loader = DataLoader(
    TensorDataset(x_train, y_train), batch_size=10, shuffle=True, worker_init_fn=np.random.seed(1))
model.apply(weights_init)
n_epoch = 2
errors_train, losses_val = np.zeros((n_epoch)), np.zeros((n_epoch))
for epoch in range(n_epoch):
    for i, data in enumerate(data_loader):
        x_batch, y_batch = data
        optimizer.zero_grad()
        pred = model(x_batch)
        loss = loss_function(pred, y_batch)
        loss.backward()
        optimizer.step()
    pred_train, pred_val = model(x_train), model(x_val)
    _, predicted_train_class = torch.max(pred_train.data, 1)
    errors_train[epoch] = 100 - 100 * (predicted_train_class == y_train).float().sum() / len(y_train)
    losses_val[epoch] = loss_function(pred_val, y_val).item()
    scheduler.step()
"""


def test_signals_before_anything_is_made(notebook):
    assert "%%lr_find" in notebook(IMPORTS, SIGNALS).refusal()


def test_signals_whose_loop_makes_everything(notebook):
    book = notebook(IMPORTS, SIGNALS, SIGNALS_LOOP)
    found = book.find()
    book.check_loss(found, "loss = loss_function(model(batch[0]), batch[1])")
    assert found.setup.train_loader is book["data_loader"]


TRIPLETS = """
class VoiceTripletDataset(Dataset):
    def __len__(self):
        return 24
    def __getitem__(self, i):
        return torch.randn(1, 20), torch.randn(1, 20), torch.randn(1, 20)
class SpeakerEncoder(nn.Module):
    def __init__(self, embedding=5):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(20, 16), nn.ReLU(), nn.Linear(16, embedding))
    def forward(self, x):
        return F.normalize(self.layers(x), dim=1)
EPOCHS, BATCH_SIZE, LEARNING_RATE = 10, 6, 1e-3
dataset = VoiceTripletDataset()
dataloader = DataLoader(dataset, batch_size=BATCH_SIZE, shuffle=True)
model = SpeakerEncoder()
optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
criterion = nn.TripletMarginLoss(margin=1.0, p=2)
"""
TRIPLETS_LOOP = """
model.train()
for epoch in range(1):
    total_loss = 0
    for batch_idx, (anchor, positive, negative) in enumerate(dataloader):
        optimizer.zero_grad()
        anchor_out = model(anchor)
        positive_out = model(positive)
        negative_out = model(negative)
        loss = criterion(anchor_out, positive_out, negative_out)
        loss.backward()
        optimizer.step()
        total_loss += loss.item()
    avg_loss = total_loss / len(dataloader)
"""
TRIPLETS_STEP = "a, p, n = batch; loss = criterion(model(a), model(p), model(n))"


def test_triplets(notebook):
    notebook(IMPORTS, TRIPLETS).found_or_asked(TRIPLETS_STEP)


def test_triplets_after_their_loop(notebook):
    book = notebook(IMPORTS, TRIPLETS, TRIPLETS_LOOP)
    book.check_loss(book.find(), TRIPLETS_STEP)


DOMAINS = """
class GradientReversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, lambd):
        ctx.lambd = lambd
        return x.view_as(x)
    @staticmethod
    def backward(ctx, grad):
        return -ctx.lambd * grad, None
class DANN(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(6, 8), nn.ReLU())
        self.classifier, self.domain_head = nn.Linear(8, 3), nn.Linear(8, 1)
    def forward(self, x, lambd=1.0):
        feats = self.features(x)
        return self.classifier(feats), self.domain_head(GradientReversal.apply(feats, lambd))
source_loader = DataLoader(TensorDataset(torch.randn(40, 6), torch.randint(0, 3, (40,))), 8, shuffle=True)
target_loader = DataLoader(TensorDataset(torch.randn(24, 6) + 1, torch.randint(0, 3, (24,))), 8, shuffle=True)
model = DANN()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
class_loss_fn, domain_loss_fn = nn.CrossEntropyLoss(), nn.BCEWithLogitsLoss()
num_epochs = 5
"""
DOMAINS_LOOP = """
for epoch in range(1):
    progress = epoch / num_epochs
    lambd = 2.0 / (1.0 + math.exp(-10.0 * progress)) - 1.0
    for (src_x, src_y), (tgt_x, _) in zip(source_loader, target_loader):
        class_logits, src_domain = model(src_x, lambd)
        _, tgt_domain = model(tgt_x, lambd)
        loss_class = class_loss_fn(class_logits, src_y)
        loss_domain = domain_loss_fn(src_domain, torch.ones_like(src_domain))
        loss_domain = loss_domain + domain_loss_fn(tgt_domain, torch.zeros_like(tgt_domain))
        loss = loss_class + loss_domain
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
DOMAINS_STEP = """
(src_x, src_y), (tgt_x, _) = batch
(c, s), (_, t) = model(src_x, 0.0), model(tgt_x, 0.0)
loss = class_loss_fn(c, src_y) + (
    domain_loss_fn(s, torch.ones_like(s)) + domain_loss_fn(t, torch.zeros_like(t)))
"""


def test_two_domains_before_their_loop_are_asked_about(notebook):
    book = notebook(IMPORTS, DOMAINS)
    assert "`source_loader`" in book.refusal()
    book.refusal(train="source_loader")


def test_two_domains_after_their_loop(notebook):
    book = notebook(IMPORTS, DOMAINS, DOMAINS_LOOP)
    book.check_loss(book.find(), DOMAINS_STEP)


RATINGS = """
class NCF(nn.Module):
    def __init__(self, n_users, n_items, dim=4):
        super().__init__()
        self.user_embedding, self.item_embedding = nn.Embedding(n_users, dim), nn.Embedding(n_items, dim)
        self.mlp = nn.Sequential(nn.Linear(2 * dim, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 1))
    def forward(self, user, item):
        return self.mlp(torch.cat([self.user_embedding(user), self.item_embedding(item)], -1)).squeeze(-1)
num_users, num_items = 20, 20
ratings = TensorDataset(torch.randint(0, 20, (48,)), torch.randint(0, 20, (48,)), torch.randint(1, 6, (48,)).float())
train_loader, val_loader = DataLoader(ratings, batch_size=8, shuffle=True), DataLoader(ratings, batch_size=8)
model = NCF(num_users, num_items)
optimizer = torch.optim.Adam(model.parameters(), lr=0.002, weight_decay=1e-5)
lr_scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode='min', factor=0.5, patience=1)
def RMSELoss(yhat, y):
    return torch.sqrt(torch.mean((yhat - y) ** 2))
"""


def test_ratings_of_users_and_items(notebook):
    book = notebook(IMPORTS, RATINGS)
    found = book.found_or_asked("users, items, r = batch; loss = RMSELoss(model(users, items), r)")
    assert found is None or found.setup.valid_loader is book["val_loader"]


ENGINE = """
class Trainer:
    def __init__(self, model, optimizer, criterion, train_loader, val_loader, device):
        self.model, self.optimizer, self.criterion = model.to(device), optimizer, criterion
        self.train_loader, self.val_loader, self.device = train_loader, val_loader, device
        self.history, self.l1_lambda = {'train_loss': [], 'val_loss': []}, 0.01
    def _train_epoch(self):
        self.model.train()
        running_loss = 0.0
        for images, labels in self.train_loader:
            images, labels = images.to(self.device), labels.to(self.device)
            self.optimizer.zero_grad()
            outputs = self.model(images)
            penalty = sum(p.abs().sum() for p in self.model.parameters())
            loss = self.criterion(outputs, labels) + self.l1_lambda * penalty
            loss.backward()
            self.optimizer.step()
            running_loss += loss.item()
        return running_loss / len(self.train_loader)
    def fit(self, epochs):
        for epoch in range(epochs):
            self.history['train_loss'].append(self._train_epoch())
dataset = TensorDataset(torch.rand(32, 1, 4, 4), torch.randint(0, 3, (32,)))
train_loader, val_loader = DataLoader(dataset, 8, shuffle=True), DataLoader(dataset, 16)
device = torch.device('cpu')
model = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
trainer = Trainer(model, optimizer, criterion, train_loader, val_loader, device)
"""
ENGINE_STEP = "x, y = batch; loss = criterion(model(x), y) + 0.01 * sum(p.abs().sum() for p in model.parameters())"


@pytest.mark.parametrize("more", [(), ("trainer.fit(1)",)])
def test_an_engine_of_ones_own_with_a_penalty(notebook, more):
    book = notebook(IMPORTS, ENGINE, *more)
    found = book.find()
    book.check_loss(found, ENGINE_STEP)
    assert "your own, from trainer._train_epoch()" in [finding.description for finding in found.findings]


MILLIONS = """
vocab_size, block_size, batch_size, max_iters, eval_interval = 30, 8, 4, 5, 2
class GPTLanguageModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.token_embedding_table, self.lm_head = nn.Embedding(vocab_size, 8), nn.Linear(8, vocab_size)
    def forward(self, idx, targets=None):
        logits = self.lm_head(self.token_embedding_table(idx))
        if targets is None:
            return logits, None
        B, T, C = logits.shape
        return logits, F.cross_entropy(logits.view(B * T, C), targets.view(B * T))
tokens = torch.randint(0, vocab_size, (200,))
class TokenDataset(Dataset):
    def __len__(self):
        return 24
    def __getitem__(self, i):
        return tokens[i:i + block_size], tokens[i + 1:i + block_size + 1]
train_dataloader = DataLoader(TokenDataset(), batch_size=batch_size, shuffle=True)
model = GPTLanguageModel()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4)
"""
MILLIONS_LOOP = """
step = 0
train_iter = iter(train_dataloader)
model.train()
while step < max_iters:
    try:
        xb, yb = next(train_iter)
    except StopIteration:
        train_iter = iter(train_dataloader)
        xb, yb = next(train_iter)
    logits, ce = model(xb, yb)
    z_loss = 1e-2 * logits.logsumexp(-1).pow(2).mean()
    loss = ce + z_loss
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    step += 1
    if step % eval_interval == 0:
        print(step, loss.item())
"""
MILLIONS_STEP = "xb, yb = batch; logits, ce = model(xb, yb); loss = ce + 1e-2 * logits.logsumexp(-1).pow(2).mean()"


def test_steps_counted_by_while_before_the_loop(notebook):
    book = notebook(IMPORTS, MILLIONS)
    book.check_loss(book.find(), "loss = model(*batch)[1]")


def test_steps_counted_by_while_after_the_loop(notebook):
    book = notebook(IMPORTS, MILLIONS, MILLIONS_LOOP)
    book.check_loss(book.find(), MILLIONS_STEP)


UNCONDITIONED = """
class Unet(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.conv = nn.Embedding(1000, 1), nn.Conv2d(1, 1, 3, padding=1)
    def forward(self, x, t):
        return self.conv(x) + self.embedding(t).view(-1, 1, 1, 1)
train_dataloader = DataLoader(TensorDataset(torch.rand(32, 1, 8, 8), torch.randint(0, 10, (32,))), batch_size=8)
net, loss_fn = Unet(), nn.MSELoss()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
"""


def test_labels_never_stand_for_a_time(notebook):
    assert "`net.forward` needs `t`" in notebook(IMPORTS, UNCONDITIONED).refusal()


def test_a_time_that_is_in_the_batch(notebook):
    cells = """
class Flow(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 1)
    def forward(self, x, t):
        return self.layer(torch.cat([x, t], 1))
train_loader = DataLoader(TensorDataset(torch.rand(32, 1), torch.rand(32, 1), torch.rand(32, 1)), 8)
model, criterion = Flow(), nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters())
"""
    book = notebook(IMPORTS, cells)
    book.found_or_asked("loss = criterion(model(batch[0], batch[1]), batch[2])")
