"""`verify("quick")` and `verify("deep")`: what each finds, and what it leaves to the others."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import SCALE
from fixtures.full_store import make_full_store
from fixtures.loader_data import make_store
from fixtures.made_up_jobs import made_up_job

import pypack
from pypack import TokenStore
from pypack._common.checksums import block_checksum
from pypack.cli import main
from pypack.jobs.description import read_description
from pypack.jobs.merge import merge
from pypack.store.quick_check import quick_check


@pytest.fixture
def store(tmp_path: Path) -> TokenStore:
    return make_full_store(tmp_path / "s")


def _wrong_from_the_beginning(store: TokenStore, suffix: str, data: bytes) -> None:
    """Writes a file of the last shard, and records its checksum as if that were right."""
    assert store.info is not None
    shard = store.info.shards[-1]
    path = store.path / f"{shard.name}{suffix}"
    path.write_bytes(data)
    recorded = block_checksum(path)
    if suffix == ".bin":
        shard = replace(shard, bin_checksum=recorded)
    else:
        shard = replace(shard, beside={**shard.beside, suffix: recorded})
    info = replace(store.info, shards=(*store.info.shards[:-1], shard))
    (store.path / "store.json").write_bytes(info.to_json())


def test_of_a_whole_store(store: TokenStore) -> None:
    assert [store.verify(level) for level in ("quick", "full", "deep")] == [[], [], []]
    with pytest.raises(ValueError, match="level must be one of quick, full, deep, got 'deeper'"):
        store.verify("deeper")  # type: ignore[arg-type]
    looked = quick_check(store.path)
    assert (looked.documents, looked.tokens, looked.shards) == (6, store.num_tokens, 2)
    assert looked.lengths_fingerprint == store.lengths_fingerprint
    assert looked.files == 12


@pytest.mark.parametrize("suffix", [".bin", ".idx", ".parquet", ".mask", ".group", ".weight"])
def test_quick_looks_at_names_and_sizes(store: TokenStore, suffix: str) -> None:
    file = store.path / f"00001{suffix}"
    data = file.read_bytes()
    file.unlink()
    with pytest.raises(ValueError, match=rf"00001\{suffix} is missing; pypack verify --repair"):
        quick_check(store.path)
    if suffix != ".parquet":  # whose size is not recorded
        file.write_bytes(data + b"x")
        with pytest.raises(
            ValueError, match=rf"00001\{suffix} has {len(data) + 1} bytes instead of {len(data)}"
        ):
            quick_check(store.path)
    file.write_bytes(bytes(len(data)))
    quick_check(store.path)


def test_quick_looks_at_the_description(store: TokenStore) -> None:
    path = store.path / "store.json"
    data = path.read_bytes()
    for wrong, named in (
        (
            data.replace(b'"vocab_size": 100', b'"vocab_size": 101'),
            "checksum: not that of what stands before",
        ),
        (data.replace(b'"documents": 6', b'"documents": 7'), "documents, tokens: the shards hold 6"),
        (data.replace(b'"00001"', b'"../001"'), "is no name of a shard"),
        (data[:-20], "damaged: "),
        (b"[]", "damaged: "),
        (b'{"format": "x"}', "it is none of pypack's"),
    ):
        assert wrong != data
        path.write_bytes(wrong)
        with pytest.raises(ValueError, match=named):
            quick_check(store.path)


def test_deep_finds_what_was_written_wrong(store: TokenStore) -> None:
    assert store.info is not None
    shard = store.info.shards[-1]
    ids = np.fromfile(store.path / f"{shard.name}.bin", store.dtype)
    mask = (store.path / f"{shard.name}.mask").read_bytes()
    places = np.arange(len(ids))
    for suffix, data, named in (
        (".bin", np.where(places == 3, 100, ids).astype(ids.dtype), "token 3 is id 100; ids of"),
        (".bin", np.where(places == 0, 9, ids).astype(ids.dtype), "lacks the id 1, which stands"),
        (".bin", np.where(ids == 2, 9, ids).astype(ids.dtype), "lacks the id 2, which stands"),
        (".mask", np.frombuffer(mask[:-1] + bytes([mask[-1] | 0x80]), np.uint8), "bits are set behind"),
        (
            ".group",
            np.array([0, 2], "<i4"),
            "document 1 of the shard is number 2 of a group",
        ),
        (".group", np.array([1, 0], "<i4"), "document 0 of the shard is number 1 of a group"),
        (".weight", np.array([1, np.nan], "<f4"), "document 1 of the shard has the weight nan"),
    ):
        before = (store.path / f"{shard.name}{suffix}").read_bytes()
        _wrong_from_the_beginning(store, suffix, data.tobytes())
        wrong = TokenStore.open(store.path)
        assert wrong.verify() == []
        with pytest.raises(ValueError, match=named):
            wrong.verify("deep")
        _wrong_from_the_beginning(store, suffix, before)
    TokenStore.open(store.path).verify("deep")


def test_deep_looks_at_columns(store: TokenStore) -> None:
    import pyarrow.parquet as pq

    assert store.info is not None
    file = store.path / f"{store.info.shards[-1].name}.parquet"
    pq.write_table(pq.read_table(file).slice(1), file)
    shard = replace(store.info.shards[-1], columns_checksum=block_checksum(file))
    info = replace(store.info, shards=(*store.info.shards[:-1], shard))
    (store.path / "store.json").write_bytes(info.to_json())
    assert TokenStore.open(store.path).verify() == []
    with pytest.raises(ValueError, match="1 rows for 2 documents"):
        TokenStore.open(store.path).verify("deep")


def test_of_several_and_of_bare_datasets(store: TokenStore, tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="tells its tokenizer"):
        both = TokenStore.open([store.path, make_store(tmp_path / "t", [3, 4], 100).path])
    assert [both.verify(level) for level in ("quick", "full", "deep")] == [[], [], []]
    bare = TokenStore.open(store.path / "00000")
    for level in ("quick", "full", "deep"):
        assert bare.verify(level) == ["00000.bin", "00000.idx"]  # type: ignore[arg-type]


def test_plans(store: TokenStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = str(tmp_path / "p")
    pypack.pack(store.lengths, 16).save(plan)
    path = str(store.path)
    assert main(["verify", plan, "--quick"]) == main(["verify", plan, "--quick", "--store", path]) == 0
    assert main(["verify", plan, "--deep"]) == main(["verify", plan, "--repair"]) == 2
    other = str(make_store(tmp_path / "t", [3, 4], 100).path)
    assert main(["verify", plan, "--quick", "--store", other]) == 1
    assert "the plan was made for 6 documents" in capsys.readouterr().err
    (store.path / "00000.bin").unlink()
    assert main(["verify", plan, "--quick", "--store", path]) == 1


def test_many_shards_take_no_time(tmp_path: Path) -> None:
    """10^5 of them at PYPACK_TEST_SCALE=10: see bench/results for seconds."""
    count = max(200, round(10_000 * SCALE)) if SCALE > 1 else 200
    place = made_up_job(tmp_path / "s", count)
    job = read_description(place)
    assert job is not None
    merge(place, job)
    began = time.process_time()
    assert quick_check(tmp_path / "s").shards == count
    assert time.process_time() - began < 1 + count * 3e-5
    listed = json.loads((tmp_path / "s/store.json").read_bytes())["shards"]
    assert len(listed) == count
