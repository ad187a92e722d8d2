"""A loader's start does not grow with the corpus: 10^9 sequences in sparse files."""

from __future__ import annotations

import json
import resource
import time
from pathlib import Path

import numpy as np
import pytest
from fixtures.loader_data import make_store

import pypack
from pypack import Loader, Plan

SEQUENCES = 10**9


@pytest.fixture(scope="module")
def huge(tmp_path_factory):
    """A saved plan with 10^9 sequences, in files that take up no room: each holds document 0, but the first
    few."""
    path = tmp_path_factory.mktemp("huge")
    store = make_store(path / "a.store", [64] * 8)
    small = pypack.pack(store.lengths, 64, "pad")
    small.save(path / "a.plan")
    header = json.loads((path / "a.plan" / "plan.json").read_text())
    header |= {
        "num_sequences": SEQUENCES,
        "num_spans": SEQUENCES,
        "capacity_runs": [[64, 0, SEQUENCES]],
    }
    (path / "a.plan" / "plan.json").write_text(json.dumps(header))
    for name, array in small.arrays().items():
        file = path / "a.plan" / f"{name}.npy"
        size = SEQUENCES + (name == "sequence_offsets")
        with file.open("wb") as out:
            np.lib.format.write_array_header_1_0(
                out, {"descr": array.dtype.str, "fortran_order": False, "shape": (size,)}
            )
            out.truncate(out.tell() + size * array.dtype.itemsize)
    return path


def test_start_and_resume_at_a_billion_sequences(huge):
    store = pypack.TokenStore.open(huge / "a.store")
    plan = Plan.open(huge / "a.plan")
    assert plan.num_sequences == SEQUENCES
    times = []
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for step in (0, 12_345_678, SEQUENCES // 8 - 1):
        best = float("inf")
        for _ in range(5):
            start = time.perf_counter()
            loader = Loader(store, plan, batch_sequences=8)
            loader.load_state_dict({**loader.state_dict(), "step": step})
            batch = next(iter(loader))
            best = min(best, time.perf_counter() - start)
        assert batch.step == step
        times.append(best)
    assert max(times) < 0.020, times  # seconds
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 64 * 1024  # KiB


def test_a_trillion_draws_are_o1(huge):
    loader = Loader(pypack.TokenStore.open(huge / "a.store"), Plan.open(huge / "a.plan"), batch_sequences=8)
    start = time.perf_counter()
    for step in range(10**12, 10**12 + 1000):
        assert len(loader.sequences_at(step)) == 8
    assert time.perf_counter() - start < 1.0
    assert isinstance(huge, Path)
