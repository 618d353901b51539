"""A real Jupyter server for the browser tests, in a folder of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def jupyter_server(folder: Path, app: str, env: dict[str, str] | None = None) -> Iterator[str]:
    """Run JupyterLab (app "lab") or Notebook ("notebook") on the folder; yields its address with the token in it."""
    config = folder / ".jupyter"
    _write_settings(config / "lab")
    command = [
        sys.executable, "-m", "jupyter", app, "--no-browser", "--allow-root", "--port=0", "--ip=127.0.0.1",
        "--expose-app-in-browser", "--IdentityProvider.token=letmein", f"--ServerApp.root_dir={folder}",
    ]  # fmt: skip
    log_path = folder / "server.log"
    environment = {
        **os.environ, **(env or {}),
        "JUPYTER_CONFIG_DIR": str(config), "JUPYTER_RUNTIME_DIR": str(folder / ".runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(config / "lab"), "JUPYTERLAB_WORKSPACES_DIR": str(config / "workspaces"),
    }  # fmt: skip
    environment["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        try:
            yield _address(process, log)
        finally:
            process.terminate()
            process.wait(timeout=30)


def _write_settings(settings: Path) -> None:
    # a question about news would lie over the plot; cells out of sight would not be on the page
    wanted = {
        "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
        "notebook-extension/tracker": {"windowingMode": "none"},
    }
    for name, values in wanted.items():
        path = settings / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))


def _address(process: subprocess.Popen[bytes], log) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        log.write(line)
        match = re.search(rb"http://127\.0\.0\.1:(\d+)/", line)
        if match:
            _drain_in_background(process, log)
            address = f"http://127.0.0.1:{match.group(1).decode()}"
            _wait_until_answering(f"{address}/api?token=letmein")
            return address
    raise RuntimeError("the Jupyter server ended before it said its address; see server.log")


def _wait_until_answering(url: str) -> None:
    """The address is printed a moment before the server listens."""
    deadline = time.monotonic() + 30
    while True:
        try:
            urlopen(url).close()
        except URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def _drain_in_background(process: subprocess.Popen[bytes], log) -> None:
    def drain() -> None:
        for line in process.stdout or ():
            if not log.closed:
                log.write(line)

    Thread(target=drain, daemon=True).start()


def write_notebook(path: Path, cells: list[str], kernel_name: str = "python3") -> None:
    """Write a notebook with the given code cells."""
    content = {
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell-{i}",
                "metadata": {},
                "outputs": [],
                "execution_count": None,
                "source": text,
            }
            for i, text in enumerate(cells)
        ],
        "metadata": {"kernelspec": {"name": kernel_name, "display_name": kernel_name, "language": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.write_text(json.dumps(content))
