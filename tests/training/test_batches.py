from __future__ import annotations

from collections import OrderedDict, namedtuple

import pytest
import torch
from torch.nn.utils.rnn import pack_sequence
from torch.utils.data import DataLoader

from lr_magic.pure.errors import BatchError
from lr_magic.training.batches import BatchSource, EndOfBatches, count_samples, length_of, move

META = torch.device("meta")
CPU = torch.device("cpu")
Pair = namedtuple("Pair", "x y")  # noqa: PYI024


class Own:
    """A batch class of a person's own."""

    def __init__(self, x):
        self.x = x

    def to(self, device):
        return Own(self.x.to(device))


def test_every_tensor_of_a_batch_moves_and_the_rest_stays():
    x = torch.ones(3)
    batch = {"x": x, "list": [x, "text", 3], "pair": Pair(x, None), "deep": OrderedDict(a=(x, b"bytes")), "own": Own(x)}
    moved = move(batch, META)
    tensors = (moved["x"], moved["list"][0], moved["pair"].x, moved["deep"]["a"][0], moved["own"].x)
    assert {tensor.device for tensor in tensors} == {META}
    assert moved["list"][1:] == ["text", 3]
    assert isinstance(moved["pair"], Pair)
    assert isinstance(moved["deep"], OrderedDict)
    assert moved["deep"]["a"][1] == b"bytes"


def test_a_packed_sequence_moves_as_one():
    assert move(pack_sequence([torch.ones(3), torch.ones(2)]), META).data.device == META


@pytest.mark.parametrize(
    "batch", [torch.ones(2), (torch.ones(2), 1), [torch.ones(2)], {"a": torch.ones(2)}, "text", None]
)
def test_a_batch_that_is_there_already_comes_back_itself(batch):
    assert move(batch, CPU) is batch


def test_samples_are_counted_on_the_first_tensor():
    x = torch.ones(5, 2)
    assert [count_samples(batch) for batch in (x, (x, 1), {"n": "a", "x": [x]}, torch.tensor(1.0), "text", Own(x))] == [
        5, 5, 5, 1, 1, 1,
    ]  # fmt: skip


def test_a_loader_without_a_length_has_none():
    assert length_of([1, 2]) == 2
    assert length_of(iter([1, 2])) is None


def test_a_short_loader_goes_round_and_a_one_shot_one_ends():
    source = BatchSource([1, 2], CPU)
    assert [source.next() for _ in range(5)] == [1, 2, 1, 2, 1]
    source = BatchSource(iter([1, 2]), CPU)
    assert [source.next(), source.next()] == [1, 2]
    with pytest.raises(EndOfBatches):
        source.next()


def test_passes_end_one_by_one():
    source = BatchSource([1, 2], CPU)
    assert [source.next_in_pass(), source.next_in_pass()] == [1, 2]
    with pytest.raises(EndOfBatches):
        source.next_in_pass()
    assert source.next_in_pass() == 1


@pytest.mark.parametrize("loader", [[], iter([]), torch.utils.data.DataLoader([1], 2, drop_last=True)])
def test_an_empty_loader_is_an_error_that_says_why(loader):
    with pytest.raises(BatchError, match="drop_last"):
        BatchSource(loader, CPU).next()


def test_closing_ends_a_pass_of_a_generator():
    ended = []

    class Loader:
        def __iter__(self):
            try:
                yield from range(5)
            finally:
                ended.append(True)

    source = BatchSource(Loader(), CPU)
    source.next()
    source.close()
    assert ended == [True]


def test_closing_leaves_a_persons_own_iterator_alone():
    mine = (number for number in range(5))
    source = BatchSource(mine, CPU)
    source.next()
    source.close()
    assert next(mine) == 1


def test_persistent_workers_that_an_interrupt_has_ended_are_replaced():
    loader = DataLoader(torch.arange(8), batch_size=4, num_workers=1, persistent_workers=True)
    source = BatchSource(loader, torch.device("cpu"))
    source.skip(2)
    with pytest.raises(EndOfBatches):
        source.next_in_pass()
    (worker,) = loader._iterator._workers
    worker.terminate()
    worker.join()
    assert source.next_in_pass().tolist() == [0, 1, 2, 3]
    loader._iterator._shutdown_workers()
