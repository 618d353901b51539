"""A kernel like the current one, but with ipykernel 6."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def write_older_kernel(folder: Path) -> str:
    """Write it into a folder that is to stand on JUPYTER_PATH; gives its name. Installs ipykernel 6 where needed."""
    packages = ROOT / ".venvs" / "ipykernel6"
    if not (packages / "ipykernel").exists():
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", packages, "ipykernel==6.31.0"],
            check=True,
        )
    spec = folder / "kernels" / "ipykernel6"
    spec.mkdir(parents=True)
    path = os.pathsep.join([str(packages), str(ROOT), os.environ.get("PYTHONPATH", "")])
    (spec / "kernel.json").write_text(
        json.dumps(
            {
                "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
                "display_name": "ipykernel 6",
                "language": "python",
                "env": {"PYTHONPATH": path},
            }
        )
    )
    return "ipykernel6"
