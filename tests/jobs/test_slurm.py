"""Partitions in real Slurm arrays: with PYPACK_SLURM=1 where `sbatch` works (one machine may be its own
cluster). Elsewhere the variables that Slurm sets are tested, in test_workers.py."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fixtures.jobs import Corpus, tree_bytes

pytestmark = pytest.mark.skipif(
    not os.environ.get("PYPACK_SLURM") or shutil.which("sbatch") is None,
    reason="PYPACK_SLURM is not set, or there is no sbatch",
)
_PYPACK = [sys.executable, "-c", "import sys; from pypack.cli import main; sys.exit(main())"]


def array(numbers: str, command: list[str], folder: Path) -> None:
    """Runs an array of tasks and waits for them."""
    submit = ["sbatch", "--wait", f"--array={numbers}", f"--output={folder}/%a.log", "--wrap"]
    subprocess.run([*submit, f"exec {shlex.join(command)}"], check=True, timeout=300)


@pytest.mark.parametrize("numbers", ["0-2", "10-30:10", "5"])
def test_arrays_make_the_store(
    numbers: str, many_units: Corpus, tokenizer_file: Path, tmp_path: Path
) -> None:
    store, options = tmp_path / "s", many_units.options
    command = [
        *_PYPACK, "tokenize", *many_units.inputs, "-o", str(store), "--tokenizer", str(tokenizer_file),
        "--keep", ",".join(options.keep), "--shard-tokens", str(options.shard_tokens),
        "--unit-bytes", str(options.unit_bytes), "--max-rejects", "90%", "--workers", "1",
        "--partition", "slurm",
    ]  # fmt: skip
    array(numbers, command, tmp_path)
    assert tree_bytes(store) == many_units.store
    # Some units are lost; an array of their numbers, with gaps or without, makes them.
    for lost in ((0, 3, 4, 7), (2, 3)):
        (store / "store.json").unlink()
        for unit in lost:
            for path in store.rglob(f"{unit:06d}*"):
                path.unlink()
        listed = subprocess.run(
            [*_PYPACK, "merge", str(store), "--missing"], capture_output=True, text=True, check=True
        )
        array(listed.stdout.strip(), command, tmp_path)
        assert tree_bytes(store) == many_units.store
