"""Choosing while reading: the same documents whoever makes them, and every other one counted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.corpus_files import json_lines, write
from hypothesis import given
from hypothesis import strategies as st
from reference.sampling import draw

from pypack import Tokenizer, TokenStore
from pypack.columnar.expressions import ExpressionError
from pypack.corpus import CorpusError
from pypack.jobs.output import OutputError
from pypack.jobs.partition import Partition
from pypack.jobs.record_options import RecordOptions
from pypack.jobs.sampling import draws, file_key
from pypack.jobs.tokenize import TokenizeOptions, TokenizeResult, tokenize
from pypack.jobs.transform import TransformError

_LANGS = ["en", "de", None]


def _records(count: int, first: int = 0) -> list[dict[str, Any]]:
    return [
        {
            "text": f"document {i} " + "word " * (i % 7),
            "id": i,
            "score": [i / 100, str(i / 100), None, "high", True][i % 5],
            "lang": _LANGS[i % 3],
            "meta": {"n": i % 4},
        }
        for i in range(first, first + count)
    ]


@pytest.fixture(scope="module")
def tokenizer(tokenizer_file: Path) -> Tokenizer:
    return Tokenizer.from_file(tokenizer_file)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four files, of which one is larger than the units of the jobs, with a bad line here and there."""
    folder = tmp_path_factory.mktemp("chosen")
    first = 0
    for name, count in (("a.jsonl", 90), ("b.jsonl.gz", 60), ("c.jsonl", 5), ("d.jsonl", 100)):
        lines = json_lines(_records(count, first)).splitlines(keepends=True)
        for place in (2, 40):
            if place < count:
                lines[place] = b'{"id": 1}\n'
        write(folder / name, b"".join(lines))
        first += count
    return folder


def _ids(store: Path) -> list[int]:
    found: list[int] = TokenStore.open(store).columns().column("id").to_pylist()
    return found


def _files(store: Path) -> dict[str, bytes]:
    """The bytes of the shards, and what the store says, but for where it is."""
    return {
        path.name: path.read_bytes() for path in store.iterdir() if path.is_file() and path.suffix != ".part"
    }


def _run(folder: Path, store: Path, tokenizer: Tokenizer, **options: Any) -> TokenizeResult:
    work = {
        name: options.pop(name) for name in ("num_workers", "batch_bytes", "partition") if name in options
    }
    chosen = TokenizeOptions(keep=("id",), unit_bytes=3000, shard_tokens=500, **options)
    return tokenize([folder], store, tokenizer, chosen, max_rejects="50%", **work)


_GOOD = [i for i in range(255) if i not in (2, 40, 92, 130, 152, 157, 195)]


def _value(record: dict[str, Any]) -> float | None:
    try:
        return None if record["score"] is None or record["score"] is True else float(record["score"])
    except ValueError:
        return None


_RECORD = {record["id"]: record for record in _records(255)}
_CHOICES: dict[str, tuple[dict[str, Any], Callable[[int], bool]]] = {
    "numbers, as text too": (
        {"where": "score > 0.5"},
        lambda i: (_value(_RECORD[i]) or 0) > 0.5,
    ),
    "strings, nulls, nested": (
        {"where": "lang in ('en', 'de') and not meta.n == 3"},
        lambda i: i % 3 != 2 and i % 4 != 3,
    ),
    "the text itself": (
        {"where": "length(text) >= 30 or id == 3"},
        lambda i: len(_RECORD[i]["text"]) >= 30 or i == 3,
    ),
    "missing": ({"where": "lang is null"}, lambda i: i % 3 == 2),
    "no fields": ({"where": "1 < 2"}, lambda i: True),
    "sample": ({"sample": 0.3, "seed": 5}, lambda i: True),
    "lengths": ({"min_tokens": 12, "max_tokens": 20}, lambda i: True),
}


@pytest.mark.parametrize("name", _CHOICES)
def test_the_same_documents_in_every_way(
    name: str, folder: Path, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    options, wanted = _CHOICES[name]
    result = _run(folder, tmp_path / "one", tokenizer, **options)
    ids = _ids(tmp_path / "one")
    assert result.documents + sum(result.passed_over.values()) == len(_GOOD)
    assert result.rejected_by_kind == {"missing_text": 7}
    counts = json.loads((tmp_path / "one/store.json").read_bytes())["counts"]
    assert counts.get("passed_over", {}) == result.passed_over
    if name == "sample":
        assert 40 < len(ids) < 110
        assert set(result.passed_over) == {"sample"}
    elif name == "lengths":
        lengths = {i: tokenizer.count_batch([_RECORD[i]["text"]])[0] for i in _GOOD}
        assert ids == [i for i in _GOOD if 12 <= lengths[i] <= 20]
        assert set(result.passed_over) == {"min_tokens", "max_tokens"}
    else:
        assert ids == [i for i in _GOOD if wanted(i)]
    _run(folder, tmp_path / "many", tokenizer, num_workers=2, batch_bytes=100, **options)
    for part in range(3):
        _run(folder, tmp_path / "parts", tokenizer, partition=Partition(part, 3), batch_bytes=777, **options)
    assert _files(tmp_path / "one") == _files(tmp_path / "many") == _files(tmp_path / "parts")


@pytest.mark.parametrize("limit", [1, 3, 60, 88, 89, 150, 248, 1000])
def test_the_first_documents_however_units_are_dealt_out(
    limit: int, folder: Path, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    result = _run(folder, tmp_path / "one", tokenizer, limit=limit)
    assert _ids(tmp_path / "one") == _GOOD[:limit]
    # What stands before the last of them, and nothing else, is counted.
    before = _GOOD[:limit][-1]
    assert result.rejected == sum(bad < before for bad in (2, 40, 92, 130, 152, 157, 195))
    if limit == 1000:
        assert result.rejected == 7
    _run(folder, tmp_path / "many", tokenizer, num_workers=2, batch_bytes=100, limit=limit)
    for part in (2, 1, 0):  # the last units first
        done = _run(folder, tmp_path / "parts", tokenizer, partition=Partition(part, 3), limit=limit)
    assert done.missing_units == ""
    assert _files(tmp_path / "one") == _files(tmp_path / "many") == _files(tmp_path / "parts")
    TokenStore.open(tmp_path / "parts").verify()


def test_a_limit_of_what_is_chosen(folder: Path, tokenizer: Tokenizer, tmp_path: Path) -> None:
    options = {"where": "lang == 'en'", "sample": 0.5, "limit": 30}
    result = _run(folder, tmp_path / "one", tokenizer, **options)
    whole = _run(folder, tmp_path / "whole", tokenizer, **{**options, "limit": None})
    assert _ids(tmp_path / "one") == _ids(tmp_path / "whole")[:30]
    assert whole.documents > 30
    last = _ids(tmp_path / "one")[-1]
    assert result.documents + sum(result.passed_over.values()) == sum(i <= last for i in _GOOD)
    with pytest.raises(OutputError, match="has all that it may have"):
        tokenize([folder], tmp_path / "one", tokenizer, TokenizeOptions(limit=30), retry_rejected=True)


def test_counts_of_a_job_that_was_killed_are_exact(
    folder: Path, tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, Any] = {"sample": 0.4, "where": "id > 10", "min_tokens": 10}
    # One unit of several shards, which keeps a journal of what it has passed over.
    chosen = TokenizeOptions(keep=("id",), shard_tokens=60, **options)
    whole = tokenize([folder], tmp_path / "whole", tokenizer, chosen, max_rejects="50%", batch_bytes=300)
    from pypack.jobs import unit_writer

    appended = unit_writer.UnitJournal.append
    calls = iter([*range(3)])

    def stops(self: Any, entry: Any) -> None:
        appended(self, entry)
        if next(calls, None) is None:
            raise OSError("stopped")

    for _ in range(2):
        calls = iter(range(2))
        monkeypatch.setattr(unit_writer.UnitJournal, "append", stops)
        with pytest.raises(OSError, match="stopped"):
            tokenize([folder], tmp_path / "again", tokenizer, chosen, max_rejects="50%", batch_bytes=1000)
    monkeypatch.undo()
    again = tokenize([folder], tmp_path / "again", tokenizer, chosen, max_rejects="50%")
    assert again.resumed_documents > 0
    assert again.passed_over == whole.passed_over
    assert _files(tmp_path / "whole") == _files(tmp_path / "again")


_NUMBERS = st.integers(0, 2**62)


@given(_NUMBERS, st.text(max_size=8), _NUMBERS, st.lists(_NUMBERS, max_size=20))
def test_draws_are_their_definition(seed: int, name: str, size: int, places: list[int]) -> None:
    found = draws(file_key(seed, name, size), np.array(places, np.int64))
    assert found.tolist() == [draw(seed, name, size, place) for place in places]
    assert all(0 <= one < 1 for one in found.tolist())


def test_a_sample_does_not_depend_on_where_the_corpus_lies(
    tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for number, named in enumerate(["", ".", None]):
        place = tmp_path / str(number)
        write(place / "in/a.jsonl", json_lines([{"text": "t", "id": i} for i in range(500)]))
        monkeypatch.chdir(place)
        folder = place / "in" if named is None else Path(named) / "in"
        tokenize([folder], place / "s", tokenizer, TokenizeOptions(keep=("id",), sample=0.2, seed=3))
        found.append(_ids(place / "s"))
    assert found[0] == found[1] == found[2]
    assert 50 < len(found[0]) < 150


def test_a_sample_does_not_depend_on_units_and_is_fair(tokenizer: Tokenizer, tmp_path: Path) -> None:
    write(tmp_path / "in/a.jsonl", json_lines([{"text": "t", "id": i} for i in range(20_000)]))
    stores = []
    for unit_bytes in (1 << 30, 5000):
        options = TokenizeOptions(keep=("id",), sample=0.1, seed=3, unit_bytes=unit_bytes)
        tokenize([tmp_path / "in"], tmp_path / str(unit_bytes), tokenizer, options)
        stores.append(_ids(tmp_path / str(unit_bytes)))
    assert stores[0] == stores[1]
    assert 1800 < len(stores[0]) < 2200
    assert all(350 < sum(i // 5000 == part for i in stores[0]) < 650 for part in range(4))
    options = TokenizeOptions(keep=("id",), sample=0.1, seed=4)
    tokenize([tmp_path / "in"], tmp_path / "other", tokenizer, options)
    assert len(set(_ids(tmp_path / "other")) & set(stores[0])) < 300


def test_columns_of_parquet_and_cells_of_csv(tokenizer: Tokenizer, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    (tmp_path / "in").mkdir()
    table = pa.table(
        {
            "text": ["a", "b", "c"],
            "score": [0.1, 0.9, None],
            "tag": pa.array(["x", "y", "x"]).dictionary_encode(),
        }
    )
    pq.write_table(table, tmp_path / "in/a.parquet")
    (tmp_path / "in/b.csv").write_bytes(b"text,score,tag\nd,0.95,x\ne,,x\nf,5e-1,y\n")
    (tmp_path / "in/c.txt").write_bytes(b"no fields")
    tokenizer_bytes = TokenizeOptions(where="score >= 0.5 and tag in ('x', 'y')")
    result = tokenize([tmp_path / "in"], tmp_path / "s", tokenizer, tokenizer_bytes)
    store = TokenStore.open(tmp_path / "s")
    assert [store.text(i)[0] for i in range(len(store))] == ["b", "d", "f"]
    assert result.passed_over == {"where": 4}


def test_a_group_is_taken_whole_or_not_at_all(tokenizer: Tokenizer, tmp_path: Path) -> None:
    records = [{"p": "prompt", "c": [f"short {i}", "long " * 90], "id": i} for i in range(6)]
    records[1]["c"] = ["short", "short"]
    write(tmp_path / "a.jsonl", json_lines(records))
    how = RecordOptions(prompt_field="p", completion_fields=("c",))
    for name, options, ids in (
        ("limit", {"limit": 5}, [0, 0, 1, 1]),
        ("max", {"max_tokens": 30}, [1, 1]),
        ("where", {"where": "id >= 4"}, [4, 4, 5, 5]),
    ):
        chosen = TokenizeOptions(keep=("id",), records=how, **options)  # type: ignore[arg-type]
        tokenize([tmp_path / "a.jsonl"], tmp_path / name, tokenizer, chosen)
        assert _ids(tmp_path / name) == ids, name


def test_what_cannot_be_chosen_so(folder: Path, tokenizer: Tokenizer, tmp_path: Path) -> None:
    def refused(kind: type[Exception], word: str, **options: Any) -> None:
        with pytest.raises(kind, match=word):
            tokenize([folder], tmp_path / "s", tokenizer, TokenizeOptions(**options), preflight=True)
        assert not (tmp_path / "s").exists()

    refused(ExpressionError, "equality is written ==", where="id = 3")
    refused(ExpressionError, "not true or false", where="id + 1")
    refused(ExpressionError, "cannot be asked", where="length(id) > lang and lang == 3 + 'x'")
    refused(CorpusError, "--where scor: .* did you mean score", where="scor > 1")
    refused(ValueError, "sample must be above 0", sample=0.0)
    refused(ValueError, "limit must be at least 1", limit=0)
    refused(ValueError, "min_tokens 5 is above max_tokens 3", min_tokens=5, max_tokens=3)
    refused(TransformError, "has no function 'absent'", transform="json:absent")
    refused(TransformError, "cannot be imported", transform="no_such_module:f")
    refused(TransformError, "module:function", transform="json")
    with pytest.raises(
        ValueError, match=r"no document was written.*248 were passed over as asked \(where 248\)"
    ):
        tokenize([folder], tmp_path / "t", tokenizer, TokenizeOptions(where="id < 0"), max_rejects="50%")


def test_options_of_what_is_chosen_are_part_of_the_job(
    folder: Path, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    _run(folder, tmp_path / "s", tokenizer, sample=0.5, partition=Partition(0, 2))
    with pytest.raises(OutputError, match=r"seed \(before 0, now 1\)"):
        _run(folder, tmp_path / "s", tokenizer, sample=0.5, seed=1, partition=Partition(1, 2))
