"""Versions of store.json and plan.json: features that are required, old files beside new ones, upgrading."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.places import GOLDEN
from fixtures.store_json import write_sealed

import pypack
from pypack import Loader, Plan, Ragged, TokenStore
from pypack._common.fingerprint import integers_fingerprint, is_composable
from pypack.cli import main
from pypack.store.writer import StoreWriter

OLD = GOLDEN / "formats" / "0.1.0"


def made(path: Path, lengths: list[int], shard_tokens: int) -> TokenStore:
    """A store of documents of these lengths."""
    with StoreWriter(path, vocab_size=300, shard_tokens=shard_tokens) as writer:
        writer.append(Ragged(np.ones(sum(lengths), np.uint32), np.cumsum([0, *lengths])))
    return TokenStore.open(path)


def test_the_fingerprint_does_not_know_the_borders_of_shards(tmp_path: Path) -> None:
    lengths = [3, 0, 5, 1, 2, 9, 4]
    stores = [made(tmp_path / f"{size}", lengths, size) for size in (3, 9, 100)]
    assert len({len(store.shard_files) for store in stores}) == 3
    assert {store.lengths_fingerprint for store in stores} == {pypack.pack(lengths, 16).lengths_fingerprint}
    for store in stores:
        for first in range(len(lengths) + 1):
            plan = pypack.pack(np.array(lengths[:first], np.int32), 16)
            assert store.first_fingerprint(first) == plan.lengths_fingerprint
        with pytest.raises(ValueError, match="from 0 to 7"):
            store.first_fingerprint(8)


def test_further_fields_are_passed_over_and_required_features_are_not(tmp_path: Path) -> None:
    store = made(tmp_path / "s", [3, 4], 100)
    content: dict[str, Any] = json.loads((store.path / "store.json").read_text())
    content["shards"][0]["colour"] = "red"
    write_sealed(store.path / "store.json", content | {"weather": {"today": "fine"}})
    assert TokenStore.open(store.path).verify() == []
    write_sealed(store.path / "store.json", content | {"requires": ["blocks", "time travel"]})
    with pytest.raises(ValueError, match=r"store\.json: requires the feature 'blocks'.*update"):
        TokenStore.open(store.path)
    write_sealed(store.path / "store.json", content | {"requires": "blocks"})
    with pytest.raises(ValueError, match=r"store\.json: field 'requires' must be a list"):
        TokenStore.open(store.path)
    pypack.pack(store.lengths, 16).save(tmp_path / "p")
    header = json.loads((tmp_path / "p/plan.json").read_text())
    assert (header["version"], header["requires"]) == (2, [])
    (tmp_path / "p/plan.json").write_text(json.dumps(header | {"weather": 1}))
    Plan.open(tmp_path / "p").verify(store.lengths)
    (tmp_path / "p/plan.json").write_text(json.dumps(header | {"requires": ["time travel"]}))
    with pytest.raises(ValueError, match=r"plan\.json: requires the feature 'time travel'.*update"):
        Plan.open(tmp_path / "p")


def test_verify_checks_what_the_description_says_of_itself(tmp_path: Path, tokenizer_file: Path) -> None:
    tokenizer = pypack.Tokenizer.from_file(tokenizer_file)
    with StoreWriter(tmp_path / "s", vocab_size=tokenizer.vocab_size, tokenizer=tokenizer) as writer:
        writer.append(Ragged.from_rows([[1, 2], [3]]))
    store = TokenStore.open(tmp_path / "s")
    assert store.verify() == []
    description, beside = store.path / "store.json", store.path / "tokenizer.json"
    whole = description.read_bytes()
    for changed in (
        whole.replace(b'"appended_id": null', b'"appended_id": 5'),
        whole + b" ",
        json.dumps(json.loads(whole)).encode(),
    ):
        assert changed != whole
        description.write_bytes(changed)
        with pytest.raises(ValueError, match=r"store\.json: checksum: .* has changed"):
            TokenStore.open(store.path).verify()
    description.write_bytes(whole)
    text = beside.read_text()
    beside.write_text(text + "\n")
    with pytest.raises(ValueError, match=r"tokenizer\.json: its checksum .* has changed"):
        store.verify()
    beside.unlink()
    with pytest.raises(ValueError, match=r"tokenizer\.json: missing"):
        store.verify()
    write_sealed(description, json.loads(whole) | {"files": {"../x": "sha256:0"}})
    with pytest.raises(ValueError, match="no plain file name"):
        TokenStore.open(store.path).verify()


def test_old_and_new_match_each_other(tmp_path: Path) -> None:
    """Plans of version 1 with stores of either version, and the reverse."""
    old = TokenStore.open(OLD / "bare")
    rows = [old[i] for i in range(len(old))]
    with StoreWriter(tmp_path / "new", vocab_size=old.vocab_size or 0, shard_tokens=17) as writer:
        writer.append(Ragged.from_rows(rows))
    new = TokenStore.open(tmp_path / "new")
    assert new.lengths_fingerprint == old.lengths_fingerprint
    assert old.info is not None
    assert not is_composable(old.info.lengths_fingerprint)
    plans = [Plan.open(OLD / "stream"), pypack.pack(new.lengths, 32)]
    assert plans[0].lengths_fingerprint == integers_fingerprint(new.lengths)
    for store in (old, new, TokenStore.open([old])):
        for plan in plans:
            plan.verify(store.lengths)
            next(iter(Loader(store, plan, batch_tokens=32)))
    other = made(tmp_path / "other", [5, 6], 100)
    for plan in plans:
        with pytest.raises(ValueError, match="the plan was made for"):
            Loader(other, plan, batch_tokens=32)
    part = pypack.Source(TokenStore.open([old, new]), pypack.pack([*old.lengths, *new.lengths], 32))
    assert part.fingerprint == part.plans[0].fingerprint
    with pytest.raises(ValueError, match="it is of one of them alone"):
        pypack.Source(TokenStore.open([old, new]), plans[0])


def test_the_old_fingerprint_is_computed_only_where_something_old_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = made(tmp_path / "s", [3, 4], 100)
    plan = pypack.pack(store.lengths, 16)
    monkeypatch.setattr("pypack.store.fingerprints.integers_fingerprint", None)
    monkeypatch.setattr("pypack.store.fingerprints.lengths_fingerprint", None)
    next(iter(Loader(store, plan, batch_tokens=16)))


def test_upgrade(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("store", "bare", "stream"):
        shutil.copytree(OLD / name, tmp_path / name)
    before = {path.name: path.read_bytes() for path in (tmp_path / "store").iterdir()}
    for _ in range(2):
        assert main(["upgrade", str(tmp_path / "store")]) == 0
        assert "is of version 2 now" in capsys.readouterr().out
    after = {path.name: path.read_bytes() for path in (tmp_path / "store").iterdir()}
    assert {name for name in after if after[name] != before.get(name)} == {"store.json"}
    content = json.loads(after["store.json"])
    assert content["version"] == 2
    assert set(content["files"]) == {"tokenizer.json", "rejected.jsonl"}
    assert content["options"] == json.loads(before["store.json"])["options"]
    store, old = TokenStore.open(tmp_path / "store"), TokenStore.open(OLD / "store")
    assert store.verify() == []
    assert [row.tolist() for row in store] == [row.tolist() for row in old]
    assert store.info is not None
    assert store.info.lengths_fingerprint == old.lengths_fingerprint

    assert main(["upgrade", str(tmp_path / "bare")]) == 0
    assert main(["upgrade", str(tmp_path / "stream")]) == 0
    assert json.loads((tmp_path / "stream/plan.json").read_text())["version"] == 2
    bare = TokenStore.open(tmp_path / "bare")
    Plan.open(tmp_path / "stream").verify(bare.lengths)
    assert main(["upgrade", str(tmp_path / "stream"), "--store", str(tmp_path / "bare")]) == 0
    plan = Plan.open(tmp_path / "stream")
    plan.verify(bare.lengths)
    assert plan.lengths_fingerprint == bare.lengths_fingerprint
    assert plan == Plan.open(OLD / "stream")

    shutil.copy(OLD / "bare/00000.bin", tmp_path / "x.bin")
    shutil.copy(OLD / "bare/00000.idx", tmp_path / "x.idx")
    assert main(["upgrade", str(tmp_path / "x")]) == 1
    assert "nothing to upgrade" in capsys.readouterr().err
    data = tmp_path / "store/00000.bin"
    data.write_bytes(bytes(data.stat().st_size))
    assert main(["upgrade", str(tmp_path / "store")]) == 1
    assert main(["upgrade", str(tmp_path / "absent")]) == 2
