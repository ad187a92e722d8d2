"""A loader at 10^9 sequences: the plan is sparse files, which read as zeros."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench.common.processes import status_bytes
from pypack import Loader, Plan, Ragged, StoreWriter, TokenStore, pack

_SEQUENCES = 10**9
_ROWS, _LENGTH = 8, 64


def make_huge(work: Path) -> tuple[Path, Path]:
    """A store of a few documents, and a plan over it with 10^9 sequences, which takes up no room on disk."""
    store_path, plan_path = work / "huge.store", work / "huge.plan"
    if not (store_path / "store.json").exists():
        with StoreWriter(store_path, vocab_size=1000) as writer:
            writer.append(Ragged(np.arange(512, dtype=np.uint32), np.arange(0, 513, _LENGTH)))
    small = pack(TokenStore.open(store_path).lengths, _LENGTH, "pad")
    small.save(plan_path, overwrite=True)
    header = json.loads((plan_path / "plan.json").read_text())
    header |= {
        "num_sequences": _SEQUENCES,
        "num_spans": _SEQUENCES,
        "capacity_runs": [[_LENGTH, 0, _SEQUENCES]],
    }
    (plan_path / "plan.json").write_text(json.dumps(header))
    for name, array in small.arrays().items():
        shape = (_SEQUENCES + (name == "sequence_offsets"),)
        with (plan_path / f"{name}.npy").open("wb") as out:
            form = {"descr": array.dtype.str, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(out, form)
            out.truncate(out.tell() + shape[0] * array.dtype.itemsize)
    return store_path, plan_path


def own_bytes() -> int:
    """Memory of this process, without the pages of mapped files, which the system takes back when it needs
    them; 0 where the system does not say."""
    return status_bytes("RssAnon")


def bench_scale(work: Path) -> list[dict[str, Any]]:
    """Time from the files' names to the first batch in hand, at three steps of the pass; and what the process
    grows by in the first 1000 batches."""
    store_path, plan_path = make_huge(work)
    last = _SEQUENCES // _ROWS - 1
    found = []
    for step in (0, last // 3, last):
        seconds = []
        before = own_bytes()
        for _ in range(9):
            start = time.perf_counter()
            loader = Loader(TokenStore.open(store_path), Plan.open(plan_path), batch_sequences=_ROWS)
            loader.load_state_dict({**loader.state_dict(), "step": step})
            batch = next(iter(loader))
            seconds.append(time.perf_counter() - start)
            assert batch.step == step
            assert batch.num_rows == _ROWS
        for at in range(max(0, step - 1000), step):
            loader.batch_at(at)
        found.append(
            {
                "rows x tokens": f"{_ROWS} x {_LENGTH}",
                "way": f"resume at step {step:,}" if step else "start",
                "sequences": _SEQUENCES,
                "first batch, ms": float(np.median(seconds)) * 1e3,
                "growth of memory, MB": (own_bytes() - before) / 1e6,
            }
        )
    return found
