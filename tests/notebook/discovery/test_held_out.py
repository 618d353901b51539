"""Notebooks whose names and shapes follow public ones; written down before the rules had seen them."""

# ruff: noqa: E501 - cells, as people write them

from __future__ import annotations

import pytest

IMPORTS = """
import torch, torch.nn as nn, torch.nn.functional as F, random
import numpy as np
from torch.utils.data import DataLoader, TensorDataset, Dataset
"""

SIAMESE = """
class SiameseNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.cnn1 = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 5))
    def forward_once(self, x):
        return self.cnn1(x)
    def forward(self, input1, input2):
        return self.forward_once(input1), self.forward_once(input2)

class ContrastiveLoss(nn.Module):
    def __init__(self, margin=2.0):
        super().__init__()
        self.margin = margin
    def forward(self, output1, output2, label):
        distance = F.pairwise_distance(output1, output2, keepdim=True)
        near = (1 - label) * distance.pow(2)
        return (near + label * torch.clamp(self.margin - distance, min=0).pow(2)).mean()

siamese_dataset = TensorDataset(torch.rand(24, 1, 8, 8), torch.rand(24, 1, 8, 8), torch.randint(0, 2, (24, 1)).float())
train_dataloader = DataLoader(siamese_dataset, shuffle=True, batch_size=6)
net = SiameseNetwork()
criterion = ContrastiveLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=0.0005)
counter, loss_history, iteration_number = [], [], 0
"""


def test_siamese_pairs(notebook):
    book = notebook(IMPORTS, SIAMESE)
    book.found_or_asked("a, b, t = batch; o1, o2 = net(a, b); loss = criterion(o1, o2, t)")


SERIES = """
dataX, dataY = torch.randn(60, 4, 1), torch.randn(60, 1)
trainX, trainY = dataX[:40], dataY[:40]
testX, testY = dataX[40:], dataY[40:]

class LSTM(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.lstm = nn.LSTM(input_size, hidden_size, batch_first=True)
        self.fc = nn.Linear(hidden_size, 1)
    def forward(self, x):
        _, (h, _) = self.lstm(x)
        return self.fc(h[-1])

num_epochs, learning_rate = 2000, 0.01
lstm = LSTM(1, 2)
criterion = torch.nn.MSELoss()
optimizer = torch.optim.Adam(lstm.parameters(), lr=learning_rate)
"""
SERIES_LOOP = """
for epoch in range(3):
    outputs = lstm(trainX)
    optimizer.zero_grad()
    loss = criterion(outputs, trainY)
    loss.backward()
    optimizer.step()
"""


def test_a_series_without_a_loader(notebook):
    book = notebook(IMPORTS, SERIES)
    found = book.found_or_asked("x, y = batch; loss = criterion(lstm(x), y)")
    assert found is None or found.setup.model is book["lstm"]


def test_a_series_without_a_loader_after_its_loop(notebook):
    book = notebook(IMPORTS, SERIES, SERIES_LOOP)
    found = book.find()
    book.check_loss(found, "loss = criterion(lstm(trainX), trainY)")


UNET = """
class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 1, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
    def forward(self, x):
        return self.up(torch.relu(self.norm(self.down(x))))

def dice_coeff(pred, mask):
    return (2 * (pred * mask).sum() + 1) / (pred.sum() + mask.sum() + 1)

images, labels = torch.rand(16, 3, 8, 8), (torch.rand(16, 1, 8, 8) > 0.5).float()
train_loader = DataLoader(TensorDataset(images, labels), batch_size=4, shuffle=True)
val_loader = DataLoader(TensorDataset(images, labels), batch_size=4)
model = UNet()
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
"""


def test_segmentation_masks(notebook):
    book = notebook(IMPORTS, UNET)
    found = book.find()
    book.check_loss(found, "x, y = batch; loss = criterion(model(x).squeeze(1), y.squeeze(1))")
    assert found.setup.valid_loader is book["val_loader"]


WINDOWS = """
window_size, batch_size = 6, 8
X_train, y_train = np.random.rand(40, window_size), np.random.rand(40)
train_dataset = TensorDataset(torch.Tensor(X_train), torch.Tensor(y_train))
train_loader = DataLoader(train_dataset, batch_size=batch_size, shuffle=True)

class LSTMModel(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.lstm = nn.LSTM(input_size, hidden_size, batch_first=True)
        self.fc = nn.Linear(hidden_size, output_size)
    def forward(self, x):
        out, _ = self.lstm(x)
        return self.fc(out[:, -1, :])

model = LSTMModel(window_size, 16, 1)
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
"""


def test_windows_that_the_loop_unsqueezes(notebook):
    book = notebook(IMPORTS, WINDOWS)
    book.found_or_asked("x, y = batch; loss = criterion(model(x.unsqueeze(1)), y.unsqueeze(1))")


CHARACTERS = """
batch_size, block_size, max_iters, eval_interval, learning_rate, vocab_size = 4, 6, 5, 2, 1e-3, 11
data = torch.randint(0, vocab_size, (200,))
train_data, val_data = data[:180], data[180:]

def get_batch(split):
    source = train_data if split == "train" else val_data
    ix = torch.randint(len(source) - block_size, (batch_size,))
    return torch.stack([source[i:i + block_size] for i in ix]), torch.stack([source[i + 1:i + block_size + 1] for i in ix])

class BigramLanguageModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.token_embedding_table = nn.Embedding(vocab_size, 8)
        self.lm_head = nn.Linear(8, vocab_size)
    def forward(self, idx, targets=None):
        logits = self.lm_head(self.token_embedding_table(idx))
        if targets is None:
            return logits, None
        B, T, C = logits.shape
        return logits, F.cross_entropy(logits.view(B * T, C), targets.view(B * T))

model = BigramLanguageModel()
m = model.to("cpu")

@torch.no_grad()
def estimate_loss():
    out = {}
    model.eval()
    for split in ["train", "val"]:
        out[split] = model(*get_batch(split))[1].item()
    model.train()
    return out

optimizer = torch.optim.AdamW(m.parameters(), lr=learning_rate)
"""
CHARACTERS_LOOP = """
for iter in range(max_iters):
    if iter % eval_interval == 0:
        losses = estimate_loss()
        print(f"step {iter}: {losses['train']:.4f}")
    xb, yb = get_batch('train')
    logits, loss = model(xb, yb)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
"""


def test_characters_drawn_by_a_function(notebook):
    text = notebook(IMPORTS, CHARACTERS).refusal()
    assert "loader" in text


def test_characters_drawn_by_a_function_after_the_loop(notebook):
    book = notebook(IMPORTS, CHARACTERS, CHARACTERS_LOOP)
    book.check_loss(book.find(), "xb, yb = get_batch('train'); loss = model(xb, yb)[1]")


VAE = """
class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc21, self.fc22 = nn.Linear(16, 12), nn.Linear(12, 11), nn.Linear(12, 11)
        self.fc3 = nn.Linear(11, 16)
    def forward(self, x):
        h = F.relu(self.fc1(x.view(-1, 16)))
        mu, logvar = self.fc21(h), self.fc22(h)
        z = mu + torch.randn_like(mu) * (0.5 * logvar).exp()
        return torch.sigmoid(self.fc3(z)), mu, logvar

log_interval = 100
train_loader = DataLoader(TensorDataset(torch.rand(32, 1, 4, 4), torch.randint(0, 10, (32,))), batch_size=8, shuffle=True)
test_loader = DataLoader(TensorDataset(torch.rand(32, 1, 4, 4), torch.randint(0, 10, (32,))), batch_size=8)
device = torch.device("cpu")
model = VAE().to(device)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

def loss_function(recon_x, x, mu, logvar):
    BCE = F.binary_cross_entropy(recon_x, x.view(-1, 16), reduction='sum')
    return BCE - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
"""
VAE_TRAIN = """
def train(epoch):
    model.train()
    train_loss = 0
    for batch_idx, (data, _) in enumerate(train_loader):
        data = data.to(device)
        optimizer.zero_grad()
        recon_batch, mu, logvar = model(data)
        loss = loss_function(recon_batch, data, mu, logvar)
        loss.backward()
        train_loss += loss.item()
        optimizer.step()
        if batch_idx % log_interval == 0:
            print('Train Epoch: {} {}'.format(epoch, loss.item() / len(data)))
"""
VAE_STEP = "x, _ = batch; r, mu, lv = model(x); loss = loss_function(r, x, mu, lv)"


def test_vae_with_a_loss_of_four(notebook):
    notebook(IMPORTS, VAE).found_or_asked(VAE_STEP)


def test_vae_with_its_training_function(notebook):
    book = notebook(IMPORTS, VAE, VAE_TRAIN)
    book.check_loss(book.find(), VAE_STEP)


JOVIAN = """
class ImageClassificationBase(nn.Module):
    def training_step(self, batch):
        images, labels = batch
        out = self(images)
        loss = F.cross_entropy(out, labels)
        return loss
    def validation_step(self, batch):
        images, labels = batch
        return {'val_loss': F.cross_entropy(self(images), labels).detach()}

class Net(ImageClassificationBase):
    def __init__(self):
        super().__init__()
        self.network = nn.Sequential(nn.Flatten(), nn.Linear(48, 10))
    def forward(self, xb):
        return self.network(xb)

def to_device(data, device):
    return [to_device(x, device) for x in data] if isinstance(data, (list, tuple)) else data.to(device)

class DeviceDataLoader:
    def __init__(self, dl, device):
        self.dl, self.device = dl, device
    def __iter__(self):
        for b in self.dl:
            yield to_device(b, self.device)
    def __len__(self):
        return len(self.dl)

train_ds = TensorDataset(torch.rand(40, 3, 4, 4), torch.randint(0, 10, (40,)))
train_dl = DataLoader(train_ds, 8, shuffle=True)
valid_dl = DataLoader(train_ds, 16)
device = torch.device("cpu")
train_dl = DeviceDataLoader(train_dl, device)
valid_dl = DeviceDataLoader(valid_dl, device)
model = to_device(Net(), device)

def fit(epochs, lr, model, train_loader, val_loader, opt_func=torch.optim.SGD):
    history = []
    optimizer = opt_func(model.parameters(), lr)
    for epoch in range(epochs):
        model.train()
        train_losses = []
        for batch in train_loader:
            loss = model.training_step(batch)
            train_losses.append(loss)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
    return history

num_epochs, opt_func, lr = 10, torch.optim.Adam, 0.001
"""


def test_a_base_class_with_its_training_step(notebook):
    book = notebook(IMPORTS, JOVIAN)
    found = book.find()
    book.check_loss(found, "loss = model.training_step(batch)")
    assert found.setup.train_loader is book["train_dl"]
    assert found.setup.valid_loader is book["valid_dl"]


DENOISER = """
class ConvDenoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv_out = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 1, 3, padding=1)
    def forward(self, x):
        return torch.sigmoid(self.conv_out(F.relu(self.conv1(x))))

train_data = TensorDataset(torch.rand(40, 1, 8, 8), torch.randint(0, 10, (40,)))
train_loader = DataLoader(train_data, batch_size=20)
test_loader = DataLoader(train_data, batch_size=20)
model = ConvDenoiser()
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
noise_factor = 0.5
"""
DENOISER_LOOP = """
n_epochs = 1
for epoch in range(1, n_epochs + 1):
    train_loss = 0.0
    for data in train_loader:
        images, _ = data
        noisy_imgs = images + noise_factor * torch.randn(*images.shape)
        noisy_imgs = torch.clamp(noisy_imgs, 0., 1.)
        optimizer.zero_grad()
        outputs = model(noisy_imgs)
        loss = criterion(outputs, images)
        loss.backward()
        optimizer.step()
        train_loss += loss.item() * images.size(0)
    train_loss = train_loss / len(train_loader)
"""
DENOISER_STEP = """
images, _ = batch
noisy = torch.clamp(images + noise_factor * torch.randn(*images.shape), 0., 1.)
loss = criterion(model(noisy), images)
"""


def test_a_denoiser_whose_noise_is_in_the_loop(notebook):
    book = notebook(IMPORTS, DENOISER)
    book.found_or_asked(DENOISER_STEP)
    assert '%lr_find --loss "criterion(out, x)"' in book.refusal()
    book.check_loss(book.find(loss="criterion(out, x)"), "x, _ = batch; loss = criterion(model(x), x)")


def test_a_denoiser_after_its_loop(notebook):
    book = notebook(IMPORTS, DENOISER, DENOISER_LOOP)
    book.check_loss(book.find(), DENOISER_STEP)


STUDENT = """
class DeepNN(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.features, self.classifier = nn.Linear(12, width), nn.Linear(width, 10)
    def forward(self, x):
        return self.classifier(torch.relu(self.features(x)))

train_loader = DataLoader(TensorDataset(torch.randn(64, 12), torch.randint(0, 10, (64,))), batch_size=16, shuffle=True)
test_loader = DataLoader(TensorDataset(torch.randn(64, 12), torch.randint(0, 10, (64,))), batch_size=16)
teacher, student = DeepNN(64), DeepNN(8)
criterion = nn.CrossEntropyLoss()
T, soft_target_loss_weight, ce_loss_weight = 2, 0.25, 0.75

def distillation_loss(student_logits, teacher_logits, labels, T):
    soft = F.kl_div(F.log_softmax(student_logits / T, 1), F.softmax(teacher_logits / T, 1), reduction='batchmean') * T * T
    return soft_target_loss_weight * soft + ce_loss_weight * criterion(student_logits, labels)

optimizer = torch.optim.Adam(student.parameters(), lr=0.001)
"""
STUDENT_LOOP = """
teacher.eval()
student.train()
for epoch in range(1):
    running_loss = 0.0
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        with torch.no_grad():
            teacher_logits = teacher(inputs)
        student_logits = student(inputs)
        loss = distillation_loss(student_logits, teacher_logits, labels, T)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
"""
STUDENT_STEP = "x, y = batch; loss = distillation_loss(student(x), teacher(x).detach(), y, T)"


def test_a_student_of_a_teacher(notebook):
    notebook(IMPORTS, STUDENT).found_or_asked(STUDENT_STEP)


def test_a_student_of_a_teacher_after_the_loop(notebook):
    book = notebook(IMPORTS, STUDENT, STUDENT_LOOP)
    book.check_loss(book.find(), STUDENT_STEP)


TOKENS = """
class Tokens(Dataset):
    def __len__(self):
        return 24
    def __getitem__(self, i):
        g = torch.Generator().manual_seed(i)
        ids = torch.randint(0, 30, (9,), generator=g)
        return {'ids': ids, 'mask': (ids > 3).long(), 'targets': torch.where(ids > 3, ids % 5, -100)}

class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.drop, self.head = nn.Embedding(30, 8), nn.Dropout(0.1), nn.Linear(8, 5)
    def forward(self, input_ids=None, attention_mask=None, token_type_ids=None, labels=None):
        logits = self.head(self.drop(self.embed(input_ids)) * attention_mask.unsqueeze(-1))
        if labels is None:
            return (logits,)
        return F.cross_entropy(logits.view(-1, 5), labels.view(-1)), logits

training_loader = DataLoader(Tokens(), batch_size=4, shuffle=True, num_workers=0)
testing_loader = DataLoader(Tokens(), batch_size=2)
device = "cpu"
model = Tagger().to(device)
optimizer = torch.optim.Adam(params=model.parameters(), lr=1e-5)
"""
TOKENS_TRAIN = """
def train(epoch):
    tr_loss, nb_tr_steps = 0, 0
    model.train()
    for idx, batch in enumerate(training_loader):
        ids = batch['ids'].to(device, dtype=torch.long)
        mask = batch['mask'].to(device, dtype=torch.long)
        labels = batch['targets'].to(device, dtype=torch.long)
        loss, tr_logits = model(input_ids=ids, attention_mask=mask, labels=labels)
        tr_loss += loss.item()
        nb_tr_steps += 1
        torch.nn.utils.clip_grad_norm_(parameters=model.parameters(), max_norm=10)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
TOKENS_STEP = "loss = model(input_ids=batch['ids'], attention_mask=batch['mask'], labels=batch['targets'])[0]"


@pytest.mark.parametrize("more", [[], [TOKENS_TRAIN]], ids=["objects alone", "with its function"])
def test_tagged_tokens_in_a_dict(notebook, more):
    book = notebook(IMPORTS, TOKENS, *more)
    book.check_loss(book.find(), TOKENS_STEP)


TABLE = """
class TabularModel(nn.Module):
    def __init__(self, emb_szs, n_cont, out_sz):
        super().__init__()
        self.embeds = nn.ModuleList([nn.Embedding(n, d) for n, d in emb_szs])
        self.bn_cont = nn.BatchNorm1d(n_cont)
        self.layers = nn.Linear(sum(d for _, d in emb_szs) + n_cont, out_sz)
    def forward(self, x_cat, x_cont):
        x = torch.cat([e(x_cat[:, i]) for i, e in enumerate(self.embeds)], 1)
        return self.layers(torch.cat([x, self.bn_cont(x_cont)], 1))

cats = torch.stack([torch.randint(0, n, (48,)) for n in (24, 2, 7)], 1)
conts, y = torch.randn(48, 6), torch.rand(48, 1) * 50
train_dl = DataLoader(TensorDataset(cats, conts, y), batch_size=12, shuffle=True)
valid_dl = DataLoader(TensorDataset(cats, conts, y), batch_size=12)
emb_szs = [(24, 12), (2, 1), (7, 4)]
model = TabularModel(emb_szs, conts.shape[1], 1)
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
"""


def test_a_table_of_categories_and_numbers(notebook):
    book = notebook(IMPORTS, TABLE)
    book.check_loss(book.find(), "a, b, y = batch; loss = loss_fn(model(a, b), y)")


DIVE = """
batch_size, lr, num_epochs = 16, 0.1, 10
X, y = torch.rand(64, 1, 6, 6), torch.randint(0, 10, (64,))
train_iter, test_iter = DataLoader(TensorDataset(X, y), batch_size, shuffle=True), DataLoader(TensorDataset(X, y), batch_size)
net = nn.Sequential(nn.Flatten(), nn.Linear(36, 10))
loss = nn.CrossEntropyLoss(reduction='none')
trainer = torch.optim.SGD(net.parameters(), lr=0.1)

def accuracy(y_hat, y):
    return float((y_hat.argmax(axis=1) == y).sum())
"""
DIVE_TRAIN = """
def train_epoch_ch3(net, train_iter, loss, updater):
    if isinstance(net, torch.nn.Module):
        net.train()
    total = 0.0
    for X, y in train_iter:
        y_hat = net(X)
        l = loss(y_hat, y)
        if isinstance(updater, torch.optim.Optimizer):
            updater.zero_grad()
            l.mean().backward()
            updater.step()
        else:
            l.sum().backward()
            updater(X.shape[0])
        total += float(l.sum())
    return total
"""


@pytest.mark.parametrize("more", [[], [DIVE_TRAIN]], ids=["objects alone", "with its function"])
def test_names_of_the_dive(notebook, more):
    book = notebook(IMPORTS, DIVE, *more)
    found = book.find()
    book.check_loss(found, "x, y = batch; loss_ = loss(net(x), y).mean(); loss = loss_")
    assert found.setup.optimizer is book["trainer"]


TRANSFER = """
class Pictures(Dataset):
    def __len__(self):
        return 20
    def __getitem__(self, i):
        g = torch.Generator().manual_seed(i)
        return torch.rand(3, 6, 6, generator=g), (torch.rand(14, generator=g) > 0.7).float(), f"images/{i}.png"

image_datasets = {x: Pictures() for x in ['train', 'val']}
dataloaders = {x: DataLoader(image_datasets[x], batch_size=4, shuffle=True) for x in ['train', 'val']}
dataset_sizes = {x: len(image_datasets[x]) for x in ['train', 'val']}
device = torch.device("cpu")
model_ft = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 14)).to(device)
criterion = nn.BCEWithLogitsLoss()
optimizer_ft = torch.optim.SGD(model_ft.parameters(), lr=0.001, momentum=0.9)
exp_lr_scheduler = torch.optim.lr_scheduler.StepLR(optimizer_ft, step_size=7, gamma=0.1)
"""
TRANSFER_TRAIN = """
def train_model(model, criterion, optimizer, scheduler, num_epochs=25):
    best_acc = 0.0
    for epoch in range(num_epochs):
        for phase in ['train', 'val']:
            if phase == 'train':
                model.train()
            else:
                model.eval()
            running_loss = 0.0
            for inputs, labels, paths in dataloaders[phase]:
                inputs = inputs.to(device)
                labels = labels.to(device)
                optimizer.zero_grad()
                with torch.set_grad_enabled(phase == 'train'):
                    outputs = model(inputs)
                    _, preds = torch.max(outputs, 1)
                    loss = criterion(outputs, labels)
                    if phase == 'train':
                        loss.backward()
                        optimizer.step()
                running_loss += loss.item() * inputs.size(0)
            if phase == 'train':
                scheduler.step()
    return model
"""


@pytest.mark.parametrize("more", [[], [TRANSFER_TRAIN]], ids=["objects alone", "with its function"])
def test_two_phases_in_a_dict(notebook, more):
    book = notebook(IMPORTS, TRANSFER, *more)
    found = book.find()
    book.check_loss(found, "x, y, _ = batch; loss = criterion(model_ft(x), y)")
    assert found.setup.train_loader is book["dataloaders['train']"]


PLAYER = """
from collections import deque, namedtuple
Transition = namedtuple('Transition', ('state', 'action', 'next_state', 'reward'))

class ReplayMemory(object):
    def __init__(self, capacity):
        self.memory = deque([], maxlen=capacity)
    def push(self, *args):
        self.memory.append(Transition(*args))
    def sample(self, batch_size):
        return random.sample(self.memory, batch_size)
    def __len__(self):
        return len(self.memory)

BATCH_SIZE, GAMMA = 8, 0.99
policy_net, target_net = nn.Linear(4, 2), nn.Linear(4, 2)
target_net.load_state_dict(policy_net.state_dict())
optimizer = torch.optim.AdamW(policy_net.parameters(), lr=1e-4, amsgrad=True)
memory = ReplayMemory(100)
for _ in range(20):
    memory.push(torch.randn(1, 4), torch.randint(0, 2, (1, 1)), torch.randn(1, 4), torch.randn(1))

def optimize_model():
    if len(memory) < BATCH_SIZE:
        return
    transitions = memory.sample(BATCH_SIZE)
    batch = Transition(*zip(*transitions))
    state_batch, action_batch, reward_batch = torch.cat(batch.state), torch.cat(batch.action), torch.cat(batch.reward)
    state_action_values = policy_net(state_batch).gather(1, action_batch)
    with torch.no_grad():
        next_state_values = target_net(torch.cat(batch.next_state)).max(1).values
    expected = (next_state_values * GAMMA) + reward_batch
    criterion = nn.SmoothL1Loss()
    loss = criterion(state_action_values, expected.unsqueeze(1))
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_value_(policy_net.parameters(), 100)
    optimizer.step()
"""
PLAYER_STEP = """
random.seed(7)
ts = Transition(*zip(*memory.sample(BATCH_SIZE)))
expected = target_net(torch.cat(ts.next_state)).max(1).values.detach() * GAMMA + torch.cat(ts.reward)
loss = F.smooth_l1_loss(policy_net(torch.cat(ts.state)).gather(1, torch.cat(ts.action)), expected.unsqueeze(1))
random.seed(7)
"""


def test_a_player_that_learns_from_its_memory(notebook):
    notebook(IMPORTS, PLAYER).found_or_asked(PLAYER_STEP)
