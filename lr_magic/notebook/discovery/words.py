"""What a name says: its words, and which part of the data it promises."""

from __future__ import annotations

import re
from enum import Enum


class Split(Enum):
    """Part of the data that a loader's name promises."""

    TRAIN = "train"
    VALID = "valid"
    TEST = "test"
    UNLABELLED = "unlabelled"


_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_NOUN = r"(?:$|_?(?:data|load|dl|iter|set|gen|batch|ds|queue))"
_VALID = re.compile(rf"valid|eval|(?:val|vali|dev){_NOUN}")
_TEST = re.compile(rf"test|holdout|hold$|infer|predict|submi|(?:pred|sub|tst|te){_NOUN}")
_TRAIN = re.compile(rf"train|(?:trn|tr){_NOUN}")
_LOADER = re.compile(r"load|dl$|^iter|iter$|batches|generator|^gen$")
_TARGET_WORDS = frozenset(
    [
        "label",
        "labels",
        "target",
        "targets",
        "y",
        "class",
        "classes",
        "category",
        "gt",
        "truth",
        "answer",
        "answers",
        "lab",
        "lbl",
        "tgt",
        "trg",
    ],
)


def words_of(name: str) -> list[str]:
    """Split a name into lower-case words.

    >>> words_of("trainLoader_v2")
    ['train', 'loader', 'v', '2']
    """
    return [word.lower() for word in _WORD.findall(name)]


def split_of(name: str) -> Split:
    """Tell which part of the data a name promises; a word of a hold-out wins over "train".

    >>> split_of("trainloader"), split_of("train_eval_dl"), split_of("values")
    (<Split.TRAIN: 'train'>, <Split.VALID: 'valid'>, <Split.UNLABELLED: 'unlabelled'>)
    """
    words = words_of(name)
    for split, pattern in ((Split.TEST, _TEST), (Split.VALID, _VALID), (Split.TRAIN, _TRAIN)):
        if any(pattern.match(word) for word in words):
            return split
    return Split.UNLABELLED


def sounds_like_loader(name: str) -> bool:
    """Tell whether a name is like ``train_iter``, ``dl``, ``batches``: a hint, used only together with a type."""
    return any(_LOADER.search(word) for word in words_of(name))


def sounds_like_target(name: str) -> bool:
    """Tell whether a key, an attribute or a parameter holds what the model is to predict."""
    words = words_of(name)
    return bool(words) and (words[-1] in _TARGET_WORDS or words[0] in _TARGET_WORDS)
