from __future__ import annotations

import builtins
import io
import json
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from lr_magic.notebook.shadow.files import files_kept_back


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.txt").write_text("old")
    return tmp_path


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def write_text():
    Path("new.txt").write_text("new")
    assert Path("new.txt").read_text() == "new"


def overwrite():
    with open("old.txt", "w") as file:  # noqa: PTH123 - as people write it
        file.write("new")
    assert Path("old.txt").read_text() == "new"


def append():
    with open("old.txt", "a") as file:  # noqa: PTH123
        file.write("+")
    assert Path("old.txt").read_text() == "old+"


def save_and_load():
    torch.save({"w": torch.ones(2)}, "best.pt")
    assert os.path.exists("best.pt")  # noqa: PTH110
    assert torch.equal(torch.load("best.pt")["w"], torch.ones(2))


def save_into_a_buffer():
    buffer = io.BytesIO()
    torch.save(torch.ones(1), buffer)
    assert buffer.tell() > 0


def replace_atomically():
    Path("t.tmp").write_text("1")
    os.replace("t.tmp", "old.txt")  # noqa: PTH105
    assert Path("old.txt").read_text() == "1"
    assert not Path("t.tmp").exists()


def make_folders():
    os.makedirs("runs/a/b", exist_ok=True)  # noqa: PTH103
    Path("runs/a/b/log.json").write_text(json.dumps([1]))
    Path("more").mkdir()


def remove():
    os.remove("old.txt")  # noqa: PTH107
    Path("x").write_text("")
    Path("x").unlink()
    assert not Path("x").exists()


def libraries():
    np.save("a.npy", np.ones(2))
    with open("p.pkl", "wb") as file:  # noqa: PTH123
        pickle.dump([1], file)
    assert np.load("a.npy").tolist() == [1, 1]


def remove_a_folder():
    shutil.rmtree(".")


@pytest.mark.parametrize(
    "work",
    [
        write_text,
        overwrite,
        append,
        save_and_load,
        save_into_a_buffer,
        replace_atomically,
        make_folders,
        remove,
        libraries,
        remove_a_folder,
    ],
)
def test_nothing_stays_on_disk_and_the_work_does_not_notice(folder, work):
    before = contents(folder)
    with files_kept_back():
        work()
    assert contents(folder) == before


def test_the_names_are_told(folder):
    with files_kept_back() as kept:
        save_and_load()
    assert kept.names == ["best.pt"]


def test_everything_is_undone_whatever_ends_it(folder):
    owners = [
        (builtins, "open"),
        (io, "open"),
        (torch, "save"),
        (os, "stat"),
        (os, "mkdir"),
        (os, "replace"),
        (os, "remove"),
        (shutil, "rmtree"),
    ]
    before = [getattr(*owner) for owner in owners]
    with pytest.raises(KeyboardInterrupt), files_kept_back():
        raise KeyboardInterrupt
    assert [getattr(*owner) for owner in owners] == before


def test_errors_are_those_of_the_real_calls(folder):
    with files_kept_back():
        with pytest.raises(FileNotFoundError):
            open("missing/new.txt", "w")  # noqa: PTH123, SIM115
        with pytest.raises(FileExistsError):
            open("old.txt", "x")  # noqa: PTH123, SIM115
        with pytest.raises(FileNotFoundError):
            os.remove("missing.txt")  # noqa: PTH107


def test_what_compilers_cache_is_written(folder):
    (folder / "torchinductor_me").mkdir()
    with files_kept_back():
        Path("torchinductor_me/code.py").write_text("1")
    assert Path("torchinductor_me/code.py").read_text() == "1"
