"""The page of results: each measurement owns one marked section of it."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

import torch

PAGE = Path(__file__).parent / "RESULTS.md"


def write_section(name: str, text: str) -> None:
    """Replace the section between ``<!-- name:begin -->`` and ``<!-- name:end -->``, or add it at the end."""
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else "# Results\n\n"
    section = f"<!-- {name}:begin -->\n{text.strip()}\n<!-- {name}:end -->"
    pattern = re.compile(f"<!-- {name}:begin -->.*?<!-- {name}:end -->", re.DOTALL)
    page = pattern.sub(lambda _: section, page) if pattern.search(page) else f"{page.rstrip()}\n\n{section}\n"
    PAGE.write_text(page, encoding="utf-8")


def machine() -> str:
    """One line: processor, cores, threads, versions."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        found = re.search(r"model name\s*:\s*(.+)", cpuinfo.read_text())
        model = found.group(1) if found else model
    return (
        f"{model}, {os.cpu_count()} cores, {torch.get_num_threads()} thread; Python {platform.python_version()}, "
        f"torch {torch.__version__}"
    )


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def with_quartiles(quartiles: list[float]) -> str:
    """A median, and the middle half in brackets."""
    low, median, high = quartiles
    return f"{median:.3f} ({low:.2f} to {high:.2f})"
