"""Several fields as one text, in every kind of input; pages; patterns with braces."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from fixtures.corpus_files import json_lines, read_all, write, write_arrow, write_parquet

from pypack.corpus import CorpusError, find_inputs, list_inputs

_RECORDS = [
    {"title": "T", "body": "B"},
    {"title": None, "body": "only body"},
    {"title": "only title", "body": ""},
    {"title": "", "body": ""},
    {"title": None, "body": None},
]
_TEXTS = ["T\n\nB", "only body", "only title", ""]


def test_joined_in_every_kind(tmp_path: Path) -> None:
    table = pa.Table.from_pylist(_RECORDS)
    paths = [
        write(tmp_path / "a.jsonl", json_lines(_RECORDS)),
        write_parquet(tmp_path / "a.parquet", table),
        write_arrow(tmp_path / "a.arrow", table),
        write_parquet(
            tmp_path / "b.parquet", table.cast(pa.schema({"title": pa.binary(), "body": pa.string()}))
        ),
    ]
    for path in paths:
        assert read_all(path, field=["title", "body"]) == (_TEXTS, [(4, "null_text")]), path
    csv = write(tmp_path / "a.csv", b"title,body\nT,B\n,only body\nonly title,\n,\n")
    assert read_all(csv, field=("title", "body")) == (_TEXTS, [])


def test_a_joiner_and_dotted_names(tmp_path: Path) -> None:
    records = [{"a": {"b": "x"}, "c": "y"}, {"c": "z"}, {"d": 1}, {"a": {"b": 1}, "c": "z"}]
    path = write(tmp_path / "a.jsonl", json_lines(records))
    found = read_all(path, field=["c", "a.b"], joiner=" | ")
    assert found == (["y | x", "z"], [(2, "missing_text"), (3, "not_string")])
    with pytest.raises(CorpusError, match="each once"):
        read_all(path, field=["c", "c"])


def test_a_column_may_be_missing_in_a_file_and_not_both(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", pa.table({"body": ["b"]}))
    write_parquet(tmp_path / "b.parquet", pa.table({"other": ["b"]}))
    write_parquet(tmp_path / "c.parquet", pa.table({"body": ["b"], "title": [1]}))
    texts, rejects = read_all(str(tmp_path), field=["title", "body"])
    assert (texts, rejects) == (["b"], [(0, "no_text_column"), (0, "text_column_type")])


def test_pages_are_text_as_they_stand(tmp_path: Path) -> None:
    page = "<!doctype html>\n<p>a &amp; b\n"
    for name in ("a.html", "b.htm", "notes.md", "d.markdown", "e.html.gz"):
        write(tmp_path / name, b"\xef\xbb\xbf" + page.encode())
    assert read_all(str(tmp_path), txt_per_line=True) == ([page] * 5, [])  # that is for .txt
    (tmp_path / "page").write_bytes(page.encode())
    assert read_all(str(tmp_path / "page")) == ([page], [])


def test_the_card_of_a_dataset_is_no_text_of_it(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", json_lines([{"text": "t"}]))
    write(tmp_path / "README.md", b"---\nlicense: mit\n---\n# A dataset\n")
    write(tmp_path / "docs/README.md", b"# Documentation\n")
    found = find_inputs([tmp_path])
    assert [Path(file.path).name for file in found.files] == ["a.jsonl", "README.md"]
    assert found.left_out.to_json() == {"dataset_card": {".md": 1}}
    assert found.left_out.refused == 1


def test_braces_in_patterns(tmp_path: Path) -> None:
    for name in ("en/a.jsonl", "de/b.txt", "fr/c.jsonl", "en/d.csv", "x{y}.jsonl"):
        write(tmp_path / name, b"")

    def names(pattern: str) -> list[str]:
        return [Path(file.path).name for file in list_inputs([f"{tmp_path}/{pattern}"])]

    assert names("{en,de}/*.{jsonl,txt}") == ["b.txt", "a.jsonl"]
    assert names("{e{n,m},fr}/{a,c}.jsonl") == ["a.jsonl", "c.jsonl"]
    assert names("x{y}.jsonl") == ["x{y}.jsonl"]
    with pytest.raises(CorpusError, match="matches no file"):
        names("{a,b}.jsonl")
    with pytest.raises(CorpusError, match="more than 10,000 patterns"):
        names("{a,b}" * 14)
