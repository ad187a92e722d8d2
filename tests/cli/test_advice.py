"""What a newcomer takes for something else is answered with what it is, and what to do."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import pypack
from pypack.cli import main
from pypack.corpus.diagnosis import chat_or_pairs


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    with pypack.StoreWriter(tmp_path / "a.store", vocab_size=10) as writer:
        writer.append(pypack.Ragged.from_rows([[1, 2, 3], [4, 5]]))
    pypack.pack([3, 2], 4).save(tmp_path / "a.plan")
    return tmp_path


def test_a_plan_is_no_store_and_a_store_no_plan(stored: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"a\.plan: is a plan, and here a store is wanted"):
        pypack.TokenStore.open(stored / "a.plan")
    with pytest.raises(FileNotFoundError, match=r"it is a store, of which pypack pack makes a plan"):
        pypack.Plan.open(stored / "a.store")


def test_the_usage_of_convert_names_the_format(capsys: pytest.CaptureFixture[str]) -> None:
    main(["convert", "--help"])
    assert "usage: pypack convert SRC DST --to FORMAT [OPTIONS]" in capsys.readouterr().out


@pytest.mark.parametrize("suffix", ["", ".bin", ".idx"])
def test_either_file_stands_for_a_megatron_dataset(suffix: str, stored: Path) -> None:
    assert main(["convert", str(stored / "a.store"), str(stored / f"out{suffix}"), "--to", "megatron"]) == 0
    assert {path.name for path in stored.glob("out*")} == {"out.bin", "out.idx", "out.pypack.json"}
    assert pypack.TokenStore.open(stored / "out").num_tokens == 5


def test_a_loss_is_told_by_the_path_of_the_store(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pypack.StoreWriter(stored / "m.store", vocab_size=10, beside=[".weight"]) as writer:
        weights = pypack.Ragged.from_rows([[1.0, 0.5]]).values.astype("float32")
        writer.append(pypack.Ragged.from_rows([[1, 2, 3], [4, 5]]), weights=weights)
    assert main(["convert", str(stored / "m.store"), str(stored / "out"), "--to", "flat"]) == 1
    err = capsys.readouterr().err
    assert f"{stored / 'm.store'} has more than flat files have a place for" in err
    assert "TokenStore(" not in err


@pytest.mark.parametrize(
    ("names", "option"),
    [
        ({"messages", "id"}, "--messages messages"),
        ({"conversations"}, "--messages conversations"),
        ({"prompt", "completion"}, "--prompt-field prompt --completion-field completion"),
        ({"prompt", "chosen", "rejected"}, "--prompt-field prompt --completion-field chosen,rejected"),
        ({"instruction", "output"}, "--prompt-field instruction --completion-field output"),
    ],
)
def test_records_that_are_no_texts_name_the_option_for_them(names: set[str], option: str) -> None:
    said = chat_or_pairs(names)
    assert said is not None
    assert option in said


def test_a_schedule_that_is_a_path_names_what_reads_it(stored: Path) -> None:
    with pytest.raises(TypeError, match=r"Schedule\.from_yaml"):
        pypack.Loader(stored / "a.store", stored / "a.plan", batch_sequences=1, schedule="mix.yaml")  # type: ignore[arg-type]


def test_all_that_a_foreign_table_lacks_is_asked_for_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pq.write_table(pa.table({"ids": [[1, 2], [3]]}), tmp_path / "a.parquet")
    assert main(["convert", str(tmp_path / "a.parquet"), str(tmp_path / "s"), "--to", "store"]) == 2
    err = capsys.readouterr().err
    assert "no column 'input_ids', but 'ids': name one with --column" in err
    assert "--vocab-size" in err


@pytest.mark.parametrize("name", ["a.jsonl", "a.txt", "a.csv", "a.jsonl.zst"])
def test_texts_are_no_tokens(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / name).write_bytes(b'{"text": "one"}\n')
    assert main(["convert", str(tmp_path / name), str(tmp_path / "s"), "--to", "store"]) == 1
    assert "pypack tokenize makes a store of those" in capsys.readouterr().err
