"""Models of every build that people freeze layers of: plain lists, stages of blocks, transformers, tied weights."""

from __future__ import annotations

import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(width_in, width, 3, padding=1), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width)

    def forward(self, x):
        return torch.relu(self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x))))))


class Stages(nn.Module):
    """Stem, four stages of two blocks each, head: a residual network's tree."""

    def __init__(self, num_classes: int = 3) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4)
        for number, (width_in, width) in enumerate([(4, 4), (4, 6), (6, 8), (8, 8)], start=1):
            setattr(self, f"layer{number}", nn.Sequential(Block(width_in, width), Block(width, width)))
        self.fc = nn.Linear(8, num_classes)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
        return self.fc(x.mean((2, 3)))


class Encoder(nn.Module):
    def __init__(self, num_blocks: int) -> None:
        super().__init__()
        self.pos_embedding = nn.Parameter(torch.zeros(1, 5, 8))
        self.layers = nn.Sequential(*[nn.TransformerEncoderLayer(8, 2, 16) for _ in range(num_blocks)])
        self.ln = nn.LayerNorm(8)


class VisionTransformer(nn.Module):
    def __init__(self, num_blocks: int = 12) -> None:
        super().__init__()
        self.class_token = nn.Parameter(torch.zeros(1, 1, 8))
        self.conv_proj = nn.Conv2d(3, 8, 4)
        self.encoder = Encoder(num_blocks)
        self.heads = nn.Sequential(nn.Linear(8, 3))


class LanguageModel(nn.Module):
    def __init__(self, num_blocks: int, *, is_tied: bool) -> None:
        super().__init__()
        blocks = nn.ModuleList([nn.TransformerEncoderLayer(8, 2, 16) for _ in range(num_blocks)])
        parts = {"wte": nn.Embedding(10, 8), "wpe": nn.Embedding(5, 8), "h": blocks, "ln_f": nn.LayerNorm(8)}
        self.transformer = nn.ModuleDict(parts)
        self.lm_head = nn.Linear(8, 10, bias=False)
        if is_tied:
            self.lm_head.weight = self.transformer["wte"].weight


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.emb, self.lstm, self.fc = nn.Embedding(9, 4), nn.LSTM(4, 8, 2), nn.Linear(8, 9)


class FeaturesAndClassifier(nn.Module):
    def __init__(self, num_convs: int) -> None:
        super().__init__()
        self.features = nn.Sequential(*[nn.Conv2d(3, 3, 3) for _ in range(num_convs)])
        self.classifier = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
