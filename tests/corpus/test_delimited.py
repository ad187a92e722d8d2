"""CSV and TSV: cells as they are, rows that are none, long rows, encodings."""

from __future__ import annotations

import csv
import gzip
import io
import tempfile
from pathlib import Path

import pytest
from fixtures.corpus_files import read_all
from hypothesis import given, settings
from hypothesis import strategies as st

from pypack import corpus

_HEAD = b"\xef\xbb\xbfid,text,lang\r\n"


@pytest.mark.parametrize(("name", "delimiter"), [("a.csv", b","), ("a.tsv", b"\t"), ("a.csv.gz", b",")])
def test_cells_are_texts(name: str, delimiter: bytes, tmp_path: Path) -> None:
    data = (_HEAD + b'1,"a\nb ""c""",en\r\n2,NA,\r\n\r\n007,,"x,y"\r\n').replace(b",", delimiter)
    data = data.replace(b"x\ty", b"x,y")
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    assert read_all(str(tmp_path)) == (['a\nb "c"', "NA", ""], [])
    (batch,) = corpus.read([tmp_path], keep=["id", "lang", "none"])
    kept = {name: column.to_pylist() for name, column in batch.columns.items()}
    assert kept == {"id": ["1", "2", "007"], "lang": ["en", "", "x,y"], "none": [None] * 3}


def test_rows_that_are_none(tmp_path: Path) -> None:
    data = _HEAD + b"1,a,x\n2,b\n3,c,d,e\n4,\xff,x\n5,long text,x\n6,f,x\n7"
    (tmp_path / "a.csv").write_bytes(data)
    texts, rejects = read_all(str(tmp_path), max_document_bytes=8)
    assert texts == ["a", "f"]
    assert rejects == [(1, "bad_row"), (2, "bad_row"), (3, "invalid_utf8"), (4, "too_long"), (6, "bad_row")]
    (batch, *_) = corpus.read([tmp_path], max_document_bytes=8)
    assert batch.records.tolist() == [0, 5]
    assert "2 cells where the first has 3" in batch.rejects[0].reason
    assert read_all(str(tmp_path), start=batch.position_after(0))[0] == ["long text", "f"]


@pytest.mark.parametrize("data", [b"", b"\r\n", b"\xef\xbb\xbf", _HEAD])
def test_nothing_is_no_fault(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(data)
    assert read_all(str(tmp_path)) == ([], [])


def test_files_that_are_not_what_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"id,body\n1,x\n")
    (batch,) = corpus.read([tmp_path])
    assert batch.rejects[0].reason == "no column 'text'; the file has 'id', 'body'"
    (tmp_path / "a.csv").write_bytes(b"text,text\n1,x\n")
    assert read_all(str(tmp_path))[1] == [(0, "column_twice")]
    (tmp_path / "a.csv").write_bytes(b'id,text\n1,x\n2,"no end\n' + b"3,y\n" * (1 << 20))
    assert read_all(str(tmp_path), max_document_bytes=1 << 10)[1][-1][1] in ("damaged_file", "too_long")


def test_rows_longer_than_a_block_and_many_blocks(tmp_path: Path) -> None:
    texts = [("x" * (3 << 20 if i == 40_000 else i % 97)) + f"\n{i}" for i in range(60_000)]
    with (tmp_path / "a.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "n"])
        for i, text in enumerate(texts):
            writer.writerow([text, i] if i % 10_000 != 5 else [text])
    found = list(corpus.read([tmp_path], keep=["n"]))
    assert [text for batch in found for text in batch.text_list()] == [
        text for i, text in enumerate(texts) if i % 10_000 != 5
    ]
    assert [n for batch in found for n in batch.columns["n"].to_pylist()] == [
        str(n) for batch in found for n in batch.records.tolist()
    ]
    assert [reject.record for batch in found for reject in batch.rejects] == list(range(5, 60_000, 10_000))
    middle = found[1].position_after(3)
    rest = list(corpus.read([tmp_path], start=middle))
    numbers = [n for batch in found for n in batch.records.tolist()]
    assert [n for batch in rest for n in batch.records.tolist()] == numbers[
        numbers.index(middle.record - 1) + 1 :
    ]


_CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=8)


@given(rows=st.lists(st.tuples(_CELLS, _CELLS), max_size=8), delimiter=st.sampled_from([",", "\t"]))
@settings(max_examples=60)
def test_what_pythons_csv_writes(rows: list[tuple[str, str]], delimiter: str) -> None:
    sink = io.StringIO(newline="")
    csv.writer(sink, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([("id", "text"), *rows])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.csv" if delimiter == "," else "a.tsv")
        path.write_bytes(sink.getvalue().encode())
        batches = list(corpus.read([path], keep=["id"]))
    found = [
        (n, text)
        for batch in batches
        for n, text in zip(batch.columns["id"].to_pylist(), batch.text_list(), strict=True)
    ]
    assert found == rows
