"""What a format cannot hold is told and counted, and nothing is written without leave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.format_needs import needs

import pypack
from pypack import Ragged, StoreWriter, TokenStore
from pypack.cli import main
from pypack.formats.formats import FORMATS
from pypack.store.column_types import record_batch


@pytest.fixture
def rich_store(tmp_path: Path, tokenizer_file: Path) -> TokenStore:
    tokenizer = pypack.Tokenizer.from_file(tokenizer_file)
    with StoreWriter(
        tmp_path / "store",
        vocab_size=tokenizer.vocab_size,
        beside=[".mask", ".group", ".weight"],
        tokenizer=tokenizer,
        append_id=0,
        options={"job": "of the test"},
    ) as writer:
        writer.append(
            Ragged.from_rows([[1, 2, 3], [4, 5], [6]]),
            record_batch({"url": ["a", "b", None], "labels": [1, 2, 3]}, 3),
            learned=np.array([0, 1, 1, 1, 1, 0], np.bool_),
            places=np.array([0, 1, 0], np.int32),
            weights=np.array([1, 2, 1], np.float32),
        )
    return TokenStore.open(tmp_path / "store")


_ALL = {"masks": 2, "groups": 2, "weights": 1, "columns": 2}


@pytest.mark.parametrize("form", FORMATS)
def test_losses_are_counted_and_refused(
    form: str, rich_store: TokenStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    needs(form)
    expected = {part: count for part, count in _ALL.items() if part not in FORMATS[form].holds}
    if FORMATS[form].ids:
        expected["columns"] = 1  # "labels" is a name of the format's own
    arguments = ["convert", str(rich_store.path), str(tmp_path / "out"), "--to", form]
    before = sorted(tmp_path.iterdir())
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert "Nothing is written" in error
    assert "--allow-loss" in error
    assert sorted(tmp_path.iterdir()) == before
    assert main([*arguments, "--allow-loss", "--json"]) == 0
    lost = json.loads(capsys.readouterr().out)["lost"]
    assert {one["part"]: one["count"] for one in lost} == expected
    for one in lost:
        assert one["text"] in error


@pytest.mark.parametrize("form", FORMATS)
def test_the_tokenizer_and_its_ids_come_back(form: str, rich_store: TokenStore, tmp_path: Path) -> None:
    needs(form)
    assert main(["convert", str(rich_store.path), str(tmp_path / "x"), "--to", form, "--allow-loss"]) == 0
    assert main(["convert", str(tmp_path / "x"), str(tmp_path / "back"), "--to", "store"]) == 0
    back = TokenStore.open(tmp_path / "back")
    back.verify()
    one, two = rich_store.info, back.info
    assert one is not None
    assert two is not None
    ids = ("special_ids", "appended_id", "prepended_ids")
    for name in ("vocab_size", "tokenizer_fingerprint", "dtype", *ids):
        assert getattr(one, name) == getattr(two, name), name
    assert two.options["job"] == "of the test"
    tokenizers = [(store.path / "tokenizer.json").read_bytes() for store in (rich_store, back)]
    assert tokenizers[0] == tokenizers[1]
    assert back.text(0) == rich_store.text(0)


def test_a_plan_that_parts_a_group_is_told(rich_store: TokenStore, tmp_path: Path, capsys: Any) -> None:
    lengths = rich_store.lengths
    spans = np.array([0, 2, 1])
    plan = pypack.Plan(
        np.array([0, 1, 2, 3]),
        spans,
        np.zeros(3, np.int32),
        lengths[spans],
        np.full(3, 8, np.int32),
        sequence_length=8,
        strategy="own",
        options={},
        counts=pypack.pack(lengths, 8).counts,
        lengths_fingerprint=rich_store.lengths_fingerprint,
    )
    plan.save(tmp_path / "plan")
    arguments = ["convert", str(rich_store.path), str(tmp_path / "out"), "--to", "mds"]
    assert main([*arguments, "--plan", str(tmp_path / "plan")]) == 1
    assert "1 groups whose documents the plan parts" in capsys.readouterr().err
