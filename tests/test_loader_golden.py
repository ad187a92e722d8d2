"""Orders that must never change by accident: a saved run would go on with other data.

To change an order on purpose, raise `loader_state.STATE_VERSION` (states of the old order are then refused),
and write the new files with `PYPACK_WRITE_GOLDEN=1 pytest tests/test_loader_golden.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from loader_data import make_store

import pypack
from pypack import Loader, Phase, Schedule, Source

FILE = Path(__file__).parent / "golden" / "loader_orders.json"


def order_of(loader, steps):
    return [
        [int(source), int(sequence)]
        for step in range(steps)
        for source, sequence in zip(*loader.rows_at(step), strict=True)
    ][:100]


def orders(path: Path) -> dict[str, list[list[int]]]:
    sources = {}
    for name, documents in (("web", 400), ("code", 150)):
        store = make_store(path / name, [16] * documents)
        sources[name] = Source(store, pypack.pack(store.lengths, 16, "pad"))
    phases = [
        Phase(steps=10, weights={"web": 0.7, "code": 0.3}, weights_end={"code": 1}),
        Phase(steps=10, weights={"web": 1, "code": 0.05}, weights_by="sequences"),
    ]
    store = sources["web"].store
    plans = [pypack.pack(store.lengths, n, "concat") for n in (16, 32, 64)]
    lengths = Source(store, plans)
    out = {}
    for seed in (0, 1, 2**64 - 1):
        out[f"epochs, seed {seed}"] = order_of(Loader(sources["web"], batch_sequences=8, seed=seed), 60)
        mixed = Loader(sources, schedule=Schedule(phases), batch_sequences=8, seed=seed)
        out[f"mixture, seed {seed}"] = order_of(mixed, 20)
        for sampler in ("sample", "subcycle"):
            phase = Phase(steps=40, curriculum="grow-p2", cycles=2, sampler=sampler)
            curriculum = Loader(lengths, schedule=Schedule([phase]), batch_tokens=128, seed=seed)
            out[f"curriculum by {sampler}, seed {seed}"] = order_of(curriculum, 40)
        local = Loader(sources["web"], batch_sequences=8, seed=seed, locality=10)
        out[f"locality, seed {seed}"] = order_of(local, 60)
        ranks = Loader(sources["web"], batch_sequences=8, seed=seed, rank=1, world_size=2)
        out[f"rank 1 of 2, seed {seed}"] = order_of(ranks, 60)
    return out


def test_orders_are_the_golden_ones(tmp_path):
    found = orders(tmp_path)
    if os.environ.get("PYPACK_WRITE_GOLDEN"):
        FILE.parent.mkdir(exist_ok=True)
        lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(order)}" for name, order in found.items())
        FILE.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
    golden = json.loads(FILE.read_text(encoding="utf-8"))
    assert found.keys() == golden.keys()
    for name, order in golden.items():
        assert found[name] == order, name


@pytest.mark.parametrize("hash_seed", ["0", "1234"])
def test_orders_do_not_depend_on_the_hash_seed(tmp_path, hash_seed):
    code = (
        "import sys, json; from pathlib import Path; sys.path.insert(0, sys.argv[1]); "
        "from test_loader_golden import orders; print(json.dumps(orders(Path(sys.argv[2]))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).parent), str(tmp_path)],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        check=True,
        text=True,
    )
    assert json.loads(done.stdout) == json.loads(FILE.read_text(encoding="utf-8"))
