"""What is asked for, and what is made of files that other libraries wrote."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import pypack
from pypack import TokenStore
from pypack.cli import main


def convert(*arguments: object) -> int:
    return main(["convert", *map(str, arguments)])


def test_one_message_asks_for_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.array([5, 6, 0, 7], np.uint16).tofile(tmp_path / "train.bin")
    assert convert(tmp_path / "train.bin", tmp_path / "s", "--to", "store") == 2
    error = capsys.readouterr().err
    for option in ("--dtype", "--end-id", "--vocab-size"):
        assert option in error


class Evil:
    def __reduce__(self) -> Any:
        return (print, ("a pickle ran code",))


def test_meta_pkl_is_named_and_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.array([5, 6, 0, 7], np.uint16).tofile(tmp_path / "train.bin")
    (tmp_path / "meta.pkl").write_bytes(pickle.dumps(Evil()))
    arguments = ("--to", "store", "--dtype", "uint16", "--end-id", "0", "--vocab-size", "9")
    assert convert(tmp_path / "train.bin", tmp_path / "s", *arguments) == 0
    output = capsys.readouterr().out
    assert "meta.pkl is not read: it is a pickle" in output
    assert "ran code" not in output


def test_splits_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pypack.StoreWriter(tmp_path / "store", vocab_size=9) as writer:
        writer.append(pypack.Ragged.from_rows([[1, 2], [3]]))
    assert convert(tmp_path / "store", tmp_path / "dict", "--to", "datasets", "--split", "train") == 0
    assert convert(tmp_path / "dict", tmp_path / "one", "--to", "store") == 0  # the only one
    assert [d.tolist() for d in TokenStore.open(tmp_path / "one")] == [[1, 2], [3]]
    (tmp_path / "dict" / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))
    capsys.readouterr()
    assert convert(tmp_path / "dict", tmp_path / "back", "--to", "store") != 0
    assert "splits train, test: name one with --split" in capsys.readouterr().err
    assert convert(tmp_path / "dict", tmp_path / "back", "--to", "store", "--split", "train") == 0


def into_store(table: pa.Table, folder: Path, *more: str) -> TokenStore:
    pq.write_table(table, folder / "theirs.parquet")
    assert (
        convert(folder / "theirs.parquet", folder / "s.store", "--to", "store", "--vocab-size", 99, *more)
        == 0
    )
    return TokenStore.open(folder / "s.store")


def masks(store: TokenStore) -> list[list[bool]]:
    return [store.loss_mask(i).tolist() for i in range(len(store))]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"labels": [[-100, -100, 3, 4]]}, [False, False, True, True]),
        ({"labels": [[-100, 2, 3, 4]]}, [True] * 4),
        ({"completion_mask": [[0, 0, 1, 1]]}, [False, False, True, True]),
        ({"assistant_masks": [[0, 1, 0, 1]]}, [False, True, False, True]),
        (
            {"completion_mask": [[1, 1, 1, 0]], "assistant_masks": [[0, 1, 1, 1]]},
            [False, True, True, False],
        ),
    ],
)
def test_masks_of_others(tmp_path: Path, fields: dict[str, Any], expected: list[bool]) -> None:
    store = into_store(pa.table({"input_ids": [[1, 2, 3, 4]], **fields}), tmp_path)
    assert masks(store) == [expected]
    assert store.has_loss_mask == (not all(expected))


def test_packed_rows_of_others_come_apart(tmp_path: Path) -> None:
    rows = [[1, 2, 3, 4, 5], [6, 7, 8]]
    for name, values in (("seq_lengths", [[3, 2], [3]]), ("position_ids", [[0, 1, 2, 0, 1], [0, 1, 2]])):
        folder = tmp_path / name
        folder.mkdir()
        store = into_store(pa.table({"input_ids": rows, name: values, "url": ["a", "b"]}), folder)
        assert [d.tolist() for d in store] == [[1, 2, 3], [4, 5], [6, 7, 8]]
        assert store.columns().column("url").to_pylist() == ["a", "a", "b"]
        plan = pypack.Plan.open(folder / "s.plan")
        plan.verify(store.lengths)
        assert [[span.document for span in row] for row in plan] == [[0, 1], [2]]
        assert plan.sequence_length == 5


def test_padding_is_left_out(tmp_path: Path) -> None:
    table = pa.table(
        {
            "input_ids": [[1, 2, 0, 0], [3, 4, 5, 6]],
            "attention_mask": [[1, 1, 0, 0], [1, 1, 1, 1]],
            "labels": [[-100, 2, -100, -100], [-100, -100, 5, 6]],
        }
    )
    store = into_store(table, tmp_path)
    assert [d.tolist() for d in store] == [[1, 2], [3, 4, 5, 6]]
    assert masks(store) == [[True, True], [False, False, True, True]]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"labels": [[2, 3, 4, 5]]}, "are they shifted"),
        ({"labels": [[1, 2]]}, "2 values for 4 tokens"),
        ({"seq_lengths": [[3, 2]]}, "do not add up"),
        ({"completion_mask": [[0, 0, 2, 1]]}, "1 \\(learned\\) or 0"),
    ],
)
def test_contradictions_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fields: dict[str, Any], message: str
) -> None:
    pq.write_table(pa.table({"input_ids": [[1, 2, 3, 4]], **fields}), tmp_path / "a.parquet")
    assert convert(tmp_path / "a.parquet", tmp_path / "s", "--to", "store", "--vocab-size", 99) == 1
    error = capsys.readouterr().err
    assert message.replace("\\", "") in error
    assert "row 0" in error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.parquet"]


def test_a_masked_column_is_exported(tmp_path: Path) -> None:
    """What `Source(mask=)` would say, in labels."""
    from pypack.store.column_types import record_batch

    with pypack.StoreWriter(tmp_path / "store", vocab_size=9) as writer:
        writer.append(pypack.Ragged.from_rows([[1, 2, 3], [4, 5]]), record_batch({"prompt": [2, 0]}, 2))
    assert convert(tmp_path / "store", tmp_path / "a.parquet", "--to", "parquet", "--mask", "prompt") == 0
    table = pq.read_table(tmp_path / "a.parquet")
    assert table.column("labels").to_pylist() == [[-100, -100, 3], [-100, 5]]
    assert table.column("completion_mask").to_pylist() == [[0, 0, 1], [1, 1]]
