"""Damaged files of every kind: only an error that names the file, no crash, no hang, no flood."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import SCALE
from fixtures.format_needs import needs
from fuzz.generated import GENERATED
from fuzz.targets import TARGETS

_COUNTS = {
    "store": 500,
    "plan": 500,
    "nemo": 500,
    "flat": 500,
    "ids": 150,
    "arrow": 150,
    "parquet": 150,
    "json_lines": 500,
    "schedule": 500,
    "state": 500,
    "mds": 500,
    "litdata": 500,
    "arrayrecord": 500,
    "packer": 500,
    "compressed": 300,
    "kinds": 300,
    "texts": 300,
    "tokenizer": 200,
    "tiktoken": 200,
    "scanner": 1000,
    "random_tokenizer": 100,
}


def test_every_target_is_run() -> None:
    assert set(_COUNTS) == {*TARGETS, *GENERATED}


@pytest.mark.parametrize("target", _COUNTS)
def test_damaged_files(target: str) -> None:
    needs(target)
    count = max(5, int(_COUNTS[target] * SCALE))
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
