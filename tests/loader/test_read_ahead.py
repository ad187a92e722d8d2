"""Read-ahead: it changes nothing but time, ends, and is not stopped by what is damaged."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from fixtures.loader_data import make_source

import pypack
from pypack import Loader
from pypack._common.memory import memory_for_files
from pypack.loader import batch_maker


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return make_source(tmp_path_factory.mktemp("ahead") / "a.store", documents=700)


@pytest.mark.parametrize("memory", [0, 2**40])
@pytest.mark.parametrize("steps", [1, 7, 1000])
def test_batches_are_the_same(source, monkeypatch, memory, steps):
    monkeypatch.setattr(batch_maker, "memory_for_files", lambda: memory)
    options = {"batch_sequences": 8, "epochs": 3}
    asked = Loader(*source, **options)
    loader = Loader(*source, **options, read_ahead=steps)
    for _ in range(3):
        for batch in loader:
            np.testing.assert_array_equal(batch.input_ids, asked.batch_at(batch.step).input_ids)
    assert loader.step == asked.num_steps


@pytest.mark.parametrize(("memory", "done"), [(0, False), (2**40, True)])
def test_files_that_memory_holds_are_read_once(source, monkeypatch, memory, done):
    monkeypatch.setattr(batch_maker, "memory_for_files", lambda: memory)
    loader = Loader(*source, batch_sequences=8, read_ahead=4)
    for _ in loader:
        pass
    assert loader._maker._ahead.done is done


def test_damage_is_told_by_the_batch(tmp_path, monkeypatch):
    store, plan = make_source(tmp_path / "a.store", documents=50)
    plan.save(tmp_path / "a.plan")
    index = min((tmp_path / "a.store").glob("*.idx"))
    data = bytearray(index.read_bytes())
    (documents,) = struct.unpack_from("<Q", data, 18)
    struct.pack_into("<q", data, 34 + 4 * documents, -2)  # where the first one begins
    index.write_bytes(data)
    del store
    monkeypatch.setattr(batch_maker, "memory_for_files", lambda: 0)
    damaged = pypack.TokenStore.open(tmp_path / "a.store")
    loader = Loader(damaged, pypack.Plan.open(tmp_path / "a.plan"), batch_sequences=4, read_ahead=8)
    with pytest.raises(ValueError, match=r"document 0: length .* at byte -2"):
        for _ in loader:
            pass


def test_memory_for_files_is_what_the_system_says(monkeypatch, tmp_path):
    found = memory_for_files()
    assert 0 <= found < 2**60
    group = tmp_path / "job"
    group.mkdir()
    (group / "memory.max").write_text("12345\n")
    monkeypatch.setattr("pypack._common.memory._LIMITS", {"": (str(tmp_path), "memory.max")})
    monkeypatch.setattr("pypack._common.memory._own_groups", lambda: [("", "/job")])
    assert memory_for_files() == min(found, 12345)
    (group / "memory.max").write_text("max\n")
    assert memory_for_files() == pytest.approx(found, rel=0.5)
