"""Damaged files of every kind: only an error that names the file, no crash, no hang, no flood."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import SCALE

_TARGETS = (
    "store",
    "plan",
    "nemo",
    "flat",
    "ids",
    "arrow",
    "parquet",
    "json_lines",
    "schedule",
    "state",
    "mds",
)
_SLOW = {"ids": 10, "arrow": 40, "parquet": 40}  # each of the first starts a process


@pytest.mark.parametrize("target", _TARGETS)
def test_damaged_files(target: str) -> None:
    count = max(5, int(_SLOW.get(target, 150) * SCALE))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-m", "fuzz.run", target, str(count)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60 + count,
        check=False,
    )
    assert done.returncode == 0, f"{done.stderr[-3000:]}"
