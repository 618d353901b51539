from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

from lr_magic.pure.errors import SettingError
from lr_magic.training.resuming.checkpoint import FORMAT, read_checkpoint, refuse_bad_place, write_checkpoint

# Forks a writer for each number it reads; a writer writes checkpoints of growing number without end, and says when it
# begins one and when one is whole on the disk. One interpreter for all: importing torch a hundred times takes minutes.
_SERVER = """
import os, sys, torch
from lr_magic.training.resuming.checkpoint import write_checkpoint

def write_for_ever(path, number):
    while True:
        number += 1
        os.write(1, f"begin {os.getpid()} {number}\\n".encode())
        write_checkpoint(path, {"number": number, "weights": torch.full((200_000,), float(number))})
        os.write(1, f"done {os.getpid()} {number}\\n".encode())

torch.set_num_threads(1)
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        write_for_ever(sys.argv[1], int(line))
    os.waitpid(child, 0)
    os.write(1, b"dead 0 0\\n")
"""
_NUM_KILLS = 100


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "fit.pt"
    write_checkpoint(
        path, {"weights": torch.arange(3), "history": "{}", "groups": [{"betas": (0.9, 0.99)}], "none": None}
    )
    content = read_checkpoint(path)
    assert torch.equal(content["weights"], torch.arange(3))
    assert content["groups"] == [{"betas": (0.9, 0.99)}]
    assert [path.name for path in tmp_path.iterdir()] == ["fit.pt"]


def test_a_kill_at_any_moment_leaves_a_whole_file(tmp_path):
    """100 writers are killed with SIGKILL at random moments; the newest whole checkpoint is never lost."""
    path, rng, number, num_while_writing = tmp_path / "fit.pt", np.random.default_rng(0), 0, 0
    command = [sys.executable, "-c", _SERVER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        for _ in range(_NUM_KILLS):
            number, was_writing = _kill_a_writer(server, path, number, rng)
            num_while_writing += was_writing
        server.stdin.close()
    assert num_while_writing > _NUM_KILLS / 4
    refuse_bad_place(path)
    assert [path.name for path in tmp_path.iterdir()] == ["fit.pt"]


def _kill_a_writer(server, path, number, rng):
    """Let one writer begin some checkpoints, kill it within the last, look at the file."""
    server.stdin.write(f"{number}\n".encode())
    server.stdin.flush()
    lines = [_line(server)]
    for _ in range(int(rng.integers(0, 3))):
        lines += [_line(server), _line(server)]
    _spin(rng.integers(0, 20_000))
    os.kill(lines[0][1], signal.SIGKILL)
    while lines[-1][0] != "dead":
        lines.append(_line(server))
    done = max((found for word, _, found in lines if word == "done"), default=number)
    if done == 0 and not path.exists():
        return 0, True
    content = read_checkpoint(path)
    # it may have been killed after the file had its name and before it could say so
    assert content["number"] in (done, done + 1)
    assert torch.equal(content["weights"], torch.full((200_000,), float(content["number"])))
    return content["number"], lines[-2][0] == "begin"


def _line(server):
    word, pid, number = server.stdout.readline().decode().split()
    return word, int(pid), int(number)


def _spin(num_rounds):
    for _ in range(int(num_rounds)):
        pass


def test_an_error_while_writing_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "fit.pt"
    write_checkpoint(path, {"number": 1})

    class Unwritable:
        def __reduce__(self):
            raise RuntimeError("cannot be written")

    with pytest.raises(RuntimeError):
        write_checkpoint(path, {"number": 2, "bad": Unwritable()})
    assert read_checkpoint(path)["number"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["fit.pt"]


class _Evil:
    def __reduce__(self):
        return os.system, ("echo harm",)


@pytest.mark.parametrize(
    "write",
    [
        lambda p: p.write_bytes(b"no checkpoint at all"),
        lambda p: p.write_bytes(b""),
        lambda p: p.write_bytes(pickle.dumps(_Evil())),
        lambda p: torch.save({"format": FORMAT, "evil": _Evil()}, p),
        lambda p: torch.save({"weights": 1}, p),
        lambda p: torch.save([1, 2], p),
    ],
)
def test_what_is_no_checkpoint_is_refused_and_never_run(tmp_path, write, capfd):
    path = tmp_path / "fit.pt"
    write(path)
    with pytest.raises(SettingError, match="not a checkpoint"):
        read_checkpoint(path)
    assert "harm" not in capfd.readouterr().out


def test_places_where_none_can_be_written_are_refused(tmp_path):
    with pytest.raises(SettingError, match="no checkpoint"):
        read_checkpoint(tmp_path / "missing.pt")
    with pytest.raises(SettingError, match="folder"):
        refuse_bad_place(tmp_path)
    with pytest.raises(SettingError, match="does not exist"):
        refuse_bad_place(tmp_path / "nowhere" / "fit.pt")
