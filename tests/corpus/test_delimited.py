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
from pypack.corpus.batch import Position

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


@pytest.mark.parametrize("row", [b"\xff", b"\xffbad,x,y,z", b"1,\xe9", b'1,"\xff\n",x,y'])
@pytest.mark.parametrize("compressed", [False, True])
def test_a_row_that_is_wrong_in_two_ways_costs_itself(
    row: bytes, compressed: bool, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = _HEAD + b"1,a,x\r\n" + row + b"\r\n3,c,x\r\n"
    path = tmp_path / ("a.csv.gz" if compressed else "a.csv")
    path.write_bytes(gzip.compress(data) if compressed else data)
    assert read_all(path) == (["a", "c"], [(1, "bad_row")])
    (batch,) = corpus.read([path])
    cells = row.count(b",") + 1
    told = "1 cell" if cells == 1 else f"{cells} cells"
    assert batch.rejects[0].reason == f"the row has {told} where the first has 3"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_line_ends(end: bytes, tmp_path: Path) -> None:
    data = end.join([b"\xef\xbb\xbfid,text", b"1,a", b"", b'2,"b' + end + b'c"', b"3", b"4,\0d\0", b"5,"])
    (tmp_path / "a.csv").write_bytes(data)
    texts = ["a", f"b{end.decode()}c", "\0d\0", ""]
    assert read_all(tmp_path / "a.csv") == (texts, [(2, "bad_row")])
    (tmp_path / "a.csv").write_bytes(end * 3 + data.removeprefix(b"\xef\xbb\xbf") + end)
    assert read_all(tmp_path / "a.csv") == (texts, [(2, "bad_row")])


@pytest.mark.parametrize("place", [0, 1])
def test_a_quote_without_an_end_is_told(place: int, tmp_path: Path) -> None:
    rest = b",x\n2,b,y\n" if place else b"2,b\nx\n"
    data = b"text,id\na,1\n" + (b'"b' if place == 0 else b'b,"') + rest
    (tmp_path / "a.csv").write_bytes(data)
    (tmp_path / "b.jsonl").write_bytes(b'{"text": "after"}\n')
    assert read_all(str(tmp_path)) == (["a", "after"], [(1, "bad_row")])
    (batch, *_) = corpus.read([tmp_path / "a.csv"])
    size = len(rest) + (place == 0)
    assert batch.rejects[0].reason == (
        f"a quote in the row has no end: what is left of the file, {size} bytes, stands behind it"
    )
    assert batch.reached == 2
    assert read_all(tmp_path / "a.csv", max_document_bytes=3)[1] == [(1, "too_long")]
    assert read_all(tmp_path / "a.csv", start=Position(0, 2)) == ([], [])


def test_a_row_above_the_limit_costs_itself(tmp_path: Path) -> None:
    data = b"text,id\na,1\n" + b'"' + b"x,\n" * (1 << 20) + b'",2\n' + b"c,3\n"
    (tmp_path / "a.csv").write_bytes(data)
    assert read_all(tmp_path / "a.csv", max_document_bytes=1 << 10) == (["a", "c"], [(1, "too_long")])


@pytest.mark.parametrize(
    ("data", "what"),
    [
        ("id,text\n1,a\n".encode("utf-16"), "UTF-16 text: pypack reads UTF-8"),
        ("id,text\n1,a\n".encode("utf-16-be"), "UTF-16BE text: pypack reads UTF-8"),
        (b'"text,id\na,1\n', "no column 'text'"),
        (b'text,"id\na,1\n', "opens a quote that has no end"),
        (b"text," + b"c," * (1 << 20) + b"\na\n", "longer than 1048576 bytes"),
    ],
)
def test_first_rows_that_are_none(data: bytes, what: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(data)
    (batch,) = corpus.read([tmp_path / "a.csv"])
    assert len(batch) == 0
    (reject,) = batch.rejects
    assert what in reject.reason
    assert reject.whole_file


def test_what_stands_before_damage_is_read(tmp_path: Path) -> None:
    rows = b"".join(b"%d,text %d\n" % (i, i) for i in range(20_000))
    data = gzip.compress(b"id,text\n" + rows)
    (tmp_path / "a.csv.gz").write_bytes(data[: len(data) // 2])
    texts, rejects = read_all(tmp_path / "a.csv.gz")
    assert texts == [f"text {i}" for i in range(len(texts))]
    assert len(texts) > 5000
    assert rejects[-1] == (len(texts), "damaged_file")


def test_many_bad_rows(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"id,text\n" + b"1\n" * 40_000 + b"1,a\n" + b"1,\xff\n" * 40_000)
    batches = list(corpus.read([tmp_path / "a.csv"]))
    assert max(len(batch.rejects) for batch in batches) <= 1 << 14
    rejects = [(reject.record, reject.kind) for batch in batches for reject in batch.rejects]
    assert [record for record, _ in rejects] == [*range(40_000), *range(40_001, 80_001)]
    assert sum(len(batch) for batch in batches) == 1


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
