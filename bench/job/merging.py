"""`pypack merge` of a job of very many shards, which are made up: nobody has to tokenize them first."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from bench.common.printing import Row
from bench.common.processes import in_new_process
from bench.job.process_tree import peak_bytes, seconds
from pypack import TokenStore


def bench_merging(shards: int, repeats: int) -> list[Row]:
    """One row: the fastest of the runs, and the most memory of one that is not timed."""
    with tempfile.TemporaryDirectory() as work:
        store = Path(work) / "made-up.store"
        in_new_process(_make_up, str(store), shards)
        command = [sys.executable, "-m", "pypack.cli", "merge", str(store)]
        times = []
        for _ in range(repeats):
            (store / "store.json").unlink(missing_ok=True)
            times.append(seconds(command, {}))
        (store / "store.json").unlink()
        memory = peak_bytes(command, {})
        opened = TokenStore.open(store)
        assert opened.info is not None
        assert len(opened.info.shards) == shards
        documents = opened.num_documents
    return [
        {
            "shards": shards,
            "documents": documents,
            "merge, s": min(times),
            "slowest, s": max(times),
            "peak memory, MB": memory / 1e6,
            "runs": repeats,
        }
    ]


def _make_up(store: str, shards: int) -> None:
    sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
    from fixtures.made_up_jobs import made_up_job

    made_up_job(Path(store), shards)
