"""Indexes and bounds that are read and written a piece at a time: the pieces change nothing of what comes."""

from __future__ import annotations

import numpy as np
import pytest

import pypack
from pypack import Ragged, StoreWriter, TokenStore
from pypack._common import number_pieces
from pypack.cli import main
from pypack.formats import flat, megatron
from pypack.formats.convert import read_documents
from pypack.store import index_file

MODULES = (number_pieces, megatron, flat, index_file)


@pytest.fixture
def store(tmp_path):
    numbers = np.random.default_rng(3)
    rows = [numbers.integers(0, 99, length).tolist() for length in numbers.integers(0, 7, 41)]
    with StoreWriter(tmp_path / "a.store", vocab_size=99) as writer:
        writer.append(Ragged.from_rows(rows))
    return TokenStore.open(tmp_path / "a.store")


def files(folder):
    return {
        file.name.split(".", 1)[-1]: file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()
    }


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("form", ["megatron", "flat"])
def test_files_and_documents_do_not_depend_on_the_pieces(tmp_path, monkeypatch, store, form, packed):
    plan = []
    if packed:
        pypack.pack(store.lengths, 16).save(tmp_path / "a.plan")
        plan = ["--plan", str(tmp_path / "a.plan")]
    command = ["convert", str(store.path), "--to", form, *plan]
    written, read = [], []
    for size in (1 << 20, 1, 3, 41, 42):
        for module in MODULES:
            monkeypatch.setattr(module, "PIECE", size, raising=False)
        folder = tmp_path / str(size)
        folder.mkdir()
        assert main([*command, str(folder / "out")]) == 0
        written.append(files(folder))
        assert main(["convert", str(folder / "out"), str(folder / "back.store"), "--to", "store"]) == 0
        read.append([one.tolist() for one in TokenStore.open(folder / "back.store")])
    assert all(one == written[0] for one in written)
    assert all(one == read[0] for one in read)
    if not packed:
        assert read[0] == [one.tolist() for one in store]


@pytest.mark.parametrize("start", [2**63 - 1, 2**62, -2])
def test_starts_that_would_wrap_around_are_errors(tmp_path, store, start):
    main(["convert", str(store.path), str(tmp_path / "m"), "--to", "megatron"])
    index = bytearray((tmp_path / "m.idx").read_bytes())
    index[17] = 1  # tokens of one byte, so that a start is not divided
    place = 34 + 4 * 41 + 8 * int(np.flatnonzero(store.lengths)[7])
    index[place : place + 8] = int(start).to_bytes(8, "little", signed=True)
    (tmp_path / "m.idx").write_bytes(index)
    with pytest.raises(ValueError, match="its index tells of more"):
        list(read_documents(tmp_path / "m"))


def test_spilled_numbers_are_those_that_were_added():
    with number_pieces.SpilledNumbers(np.int32) as spilled:
        assert spilled.whole().tolist() == []
        spilled.add(np.arange(5, dtype=np.int64))
        spilled.add(np.arange(3)[::2])
        assert spilled.whole().tolist() == [0, 1, 2, 3, 4, 0, 2]
        assert len(spilled) == 7
        assert spilled.whole().dtype == np.int32


def test_a_file_that_became_shorter_is_an_error(tmp_path):
    np.arange(9, dtype=np.int32).tofile(tmp_path / "n")
    numbers = number_pieces.FileNumbers(tmp_path / "n", np.int32, 4, 8)
    assert numbers.part(2, 4).tolist() == [3, 4]
    assert np.concatenate(list(numbers.pieces())).tolist() == list(range(1, 9))
    (tmp_path / "n").write_bytes(b"1234")
    with pytest.raises(ValueError, match="became shorter"):
        numbers.part(0, 2)
