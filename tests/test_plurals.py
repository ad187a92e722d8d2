"""Counts in messages are words that agree with them: "1 document", not "1 documents"."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

import pypack
from pypack import corpus

_PACKAGE = Path(pypack.__file__).parent
_ROOMS = ("jobs", "corpus", "columnar")
_NOUNS = re.compile(
    r" (?:good |kept |other |whole )?(documents|files|rows|lines|tokens|units|rejects|bytes|shards|columns|"
    r"records|cells|values|texts|results|others|inputs|members|elements|objects|workers|partitions)\b"
)
# What is never one.
_ALWAYS_SEVERAL = {
    ("corpus/delimited.py", "{names.count(name)} columns"): "asked where there are two",
    ("corpus/delimited.py", "{_HEADER_BYTES} bytes"): "a megabyte",
    ("columnar/fields.py", "{schema.names.count(name)} columns"): "asked where there are two",
    ("columnar/files.py", "{most} bytes"): "megabytes",
}


def _bare_counts(path: Path) -> Iterator[str]:
    """Values in f-strings with a plural right behind them."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.JoinedStr):
            continue
        for value, behind in zip(node.values, node.values[1:], strict=False):
            if not isinstance(value, ast.FormattedValue) or not isinstance(behind, ast.Constant):
                continue
            noun = _NOUNS.match(str(behind.value))
            if noun:
                yield f"{{{ast.unparse(value.value)}}} {noun[1]}"


@pytest.mark.parametrize("room", _ROOMS)
def test_counts_go_through_the_one_helper(room: str) -> None:
    found = [
        (path.relative_to(_PACKAGE).as_posix(), text)
        for path in sorted((_PACKAGE / room).rglob("*.py"))
        for text in _bare_counts(path)
    ]
    assert [one for one in found if one not in _ALWAYS_SEVERAL] == []


def test_a_bare_count_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text('f"{n:,} documents and {m} of them, {len(x)} good rows"')
    assert list(_bare_counts(tmp_path / "a.py")) == ["{n} documents", "{len(x)} rows"]


_ONE = re.compile(r"\b1 (\w+s)\b")

_FILES = {
    "a row with one cell": ("a.csv", b"text,id\n1\n"),
    "one byte behind a quote": ("a.csv", b'text,id\n1,"2'),
    "a text": ("a.txt", b"ab"),
    "a line": ("a.jsonl", b'{"text": "ab"}\n'),
    "an element": ("a.json", b'[{"text": "ab"}]'),
    "a record": ("a.warc", b"WARC/1.0\r\nWARC-Type: conversion\r\nContent-Length: 2\r\n\r\nab\r\n\r\n"),
}


@pytest.mark.parametrize("kind", _FILES)
def test_reasons_with_one(kind: str, tmp_path: Path) -> None:
    name, data = _FILES[kind]
    (tmp_path / name).write_bytes(data)
    reasons = [
        reject.reason
        for batch in corpus.read([tmp_path / name], max_document_bytes=1)
        for reject in batch.rejects
    ]
    assert reasons
    assert not [reason for reason in reasons if _ONE.search(reason)]


def test_a_job_with_one_of_everything(tmp_path: Path, tokenizer_file: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n{"no": 1}\n')
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        pypack.tokenize(tmp_path / "a.jsonl", tmp_path / "a.store", tokenizer_file)
    assert any("1 document or file was rejected" in str(one.message) for one in told)
    with pytest.raises(ValueError, match="rejected") as refused:
        pypack.tokenize(tmp_path / "a.jsonl", tmp_path / "b.store", tokenizer_file, max_rejects="0")
    messages = [*(str(one.message) for one in told), str(refused.value)]
    assert not [message for message in messages if _ONE.search(message)]
