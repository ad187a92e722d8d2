"""Memory of a conversion does not grow with what is converted; with PYPACK_TEST_SCALE in every format."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import SCALE
from fixtures.format_needs import needs

from pypack import Ragged, StoreWriter, TokenStore, pack
from pypack.formats import rows
from pypack.formats.formats import FORMATS
from pypack.formats.from_store import stream_of
from pypack.store.column_types import record_batch

# What a process may take more for eight times as much: far less than what it converts.
MOST_MORE = 50e6


def written(path: Path, blocks: int) -> TokenStore:
    """Blocks of half a million tokens in documents of a hundred: 2 MB of ids, and 1 MB of a column."""
    numbers = np.random.default_rng(0)
    with StoreWriter(path, vocab_size=100_000) as writer:
        for block in range(blocks):
            values = numbers.integers(0, 100_000, 500_000, dtype=np.uint32)
            names = [f"{block} {i} " + "x" * 200 for i in range(5000)]
            offsets = np.arange(5001, dtype=np.int64) * 100
            writer.append(Ragged(values, offsets), record_batch({"name": names}, 5000))
    return TokenStore.open(path)


def peak(*arguments: object) -> int:
    """Bytes of memory that `pypack ...` takes at most, without the pages of files."""
    program = "import sys; from pypack.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, *map(str, arguments)]
    most = 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        status = Path(f"/proc/{process.pid}/status")
        while process.poll() is None:
            found = [line.split() for line in status.read_text().splitlines() if line.startswith("RssAnon")]
            most = max(most, *(1024 * int(size) for _, size, _ in found), 0)
            time.sleep(0.005)
    assert process.returncode == 0
    return most


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("form", FORMATS if SCALE > 1 else ["nemo"])
def test_memory_is_flat(form: str, tmp_path: Path) -> None:
    needs(form)
    taken = []
    # More documents than the columns of a store have in a row group, which is held whole.
    for blocks in (16, 128) if SCALE > 1 else (4, 32):
        folder = tmp_path / str(blocks)
        store = written(folder / "store", blocks)
        plan = pack(store.lengths, 4000, strategy="concat")
        plan.save(folder / "plan")
        with_plan = ["--plan", folder / "plan"]
        there = folder / "there"
        taken.append(
            [
                peak("convert", store.path, there, "--to", form, "--allow-loss", *with_plan),
                peak("convert", there, folder / "back", "--to", "store"),
            ]
        )
    assert np.subtract(taken[1], taken[0]).max() < MOST_MORE, taken


def test_documents_some_at_a_time_are_those_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = [3, 0, 5, 1, 1, 0, 7]
    with StoreWriter(tmp_path / "store", vocab_size=100, beside=[".mask"]) as writer:
        documents = Ragged.from_rows([list(range(i, i + n)) for i, n in enumerate(lengths)])
        learned = np.arange(sum(lengths)) % 3 > 0
        writer.append(documents, record_batch({"n": lengths}, len(lengths)), learned=learned)
    store = TokenStore.open(tmp_path / "store")

    def told() -> tuple[list[int], list[int], list[bool], list[int]]:
        blocks = list(stream_of(store, None).blocks)
        return (
            [int(one) for block in blocks for one in block.documents.values],
            [int(one) for block in blocks for one in block.documents.lengths],
            [bool(one) for block in blocks for one in block.learned],
            [one for block in blocks for one in block.columns.column("n").to_pylist()],
        )

    at_once = told()
    assert at_once[1:] == (lengths, learned.tolist(), lengths)
    monkeypatch.setattr(rows, "_DOCUMENTS_AT_ONCE", 2)
    assert told() == at_once
