"""What a folder walk leaves out, how it is counted, and what the first bytes of a file decide."""

from __future__ import annotations

import gzip
import io
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from fixtures.corpus_files import TEXTS, json_lines, read_all, write, write_arrow

from pypack.corpus import CorpusError, find_inputs

_LINES = json_lines([{"text": text} for text in TEXTS])
_TABLE = pa.table({"text": TEXTS})


def _left_out(folder: Path) -> tuple[list[str], dict[str, dict[str, int]]]:
    found = find_inputs([folder])
    return [os.path.relpath(file.path, folder) for file in found.files], found.left_out.to_json()


def test_counts_by_reason_and_suffix_in_one_line(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.xls", "c.XLS", "d.rar.gz", "README", ".git/x.jsonl", "config.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(_LINES)
    for i in range(5000):
        (tmp_path / f"{i:04}.xyz").touch()
    found = find_inputs([tmp_path])
    assert [Path(file.path).name for file in found.files] == ["a.jsonl"]
    assert found.left_out.to_json() == {
        "hidden": {"(folder)": 1},
        "json_by_name_only": {".json": 1},
        "unknown_kind": {"(no suffix)": 1, ".rar.gz": 1, ".xls": 2, ".xyz": 5000},
    }
    line = found.left_out.summary()
    assert "5,000 .xyz, 2 .xls" in line
    assert f"1 folder (hidden: {tmp_path}/.git)" in line
    assert f"(unknown kind, such as {tmp_path}/0000.xyz)" in line
    assert "\n" not in line
    assert len(line) < 500


def test_suffixes_are_bounded(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", _LINES)
    for i in range(200):
        (tmp_path / f"x.v{i}").touch()
    (tmp_path / "y.a suffix that is a sentence of its own").touch()
    _, left_out = _left_out(tmp_path)
    assert len(left_out["unknown_kind"]) == 51
    assert sum(left_out["unknown_kind"].values()) == 201


@pytest.mark.parametrize(
    "name",
    [
        "a.json.gz",
        "a.json.zst",
        "a.jsonl.zstd",
        "a.jsonlines",
        "a.ndjson.gz",
        "a.JSONL.GZIP",
        "a.jsonlines.zst",
    ],
)
def test_kinds_that_corpora_are_published_in(name: str, tmp_path: Path) -> None:
    data = _LINES
    if name.lower().endswith((".gz", ".gzip")):
        data = gzip.compress(data)
    elif name.endswith(("zst", "zstd")):
        data = zstandard.ZstdCompressor().compress(data)
    (tmp_path / name).write_bytes(data)
    assert read_all(str(tmp_path)) == (TEXTS, [])


def _parquet() -> bytes:
    sink = io.BytesIO()
    pq.write_table(_TABLE, sink)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.jsonl", gzip.compress(_LINES)),
        ("a.jsonl", zstandard.ZstdCompressor().compress(_LINES)),
        ("a.jsonl.gz", zstandard.ZstdCompressor().compress(_LINES)),
        ("a.jsonl.zst", gzip.compress(_LINES)),
        ("a.jsonl", _parquet()),
        ("a.arrow", _parquet()),
    ],
    ids=range(6),
)
def test_first_bytes_decide(name: str, data: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    assert read_all(str(tmp_path)) == (TEXTS, [])


def test_a_text_that_begins_like_a_table_is_a_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"PAR1 is how Parquet files begin.")
    (tmp_path / "b.txt").write_bytes(b"ARROW1")
    (tmp_path / "b.txt").write_bytes(b"ARROW1, too.")
    assert read_all(str(tmp_path))[0] == ["PAR1 is how Parquet files begin.", "ARROW1, too."]


def test_outputs_are_known_by_content(tmp_path: Path) -> None:
    # Names that pypack uses, in a corpus: no reason to leave anything out.
    for name in ("journal.jsonl", "plan.jsonl", "sub/journal.jsonl", "rejected.jsonl"):
        write(tmp_path / name, _LINES)
    for name in ("store.json", "plan.json", "job.json"):
        (tmp_path / name).write_bytes(b'{"text": "a corpus of its own"}\n')
    for name, kind in (("s", "store"), ("p", "plan"), ("j", "job")):
        write(tmp_path / name / f"{kind}.json", f'{{"format": "pypack.{kind}", "version": 2}}'.encode())
        write(tmp_path / name / "rejected.jsonl", _LINES)
    write(tmp_path / "k/journal.jsonl", b'{"format": "pypack.journal", "version": 1, "job": {}}\n')
    files, left_out = _left_out(tmp_path)
    assert files == ["journal.jsonl", "plan.jsonl", "rejected.jsonl", "sub/journal.jsonl"]
    assert left_out == {"json_by_name_only": {".json": 3}, "pypack_output": {"(folder)": 4}}


def test_the_same_file_twice_is_read_once(tmp_path: Path) -> None:
    write(tmp_path / "data/a.jsonl", _LINES)
    (tmp_path / "data/b.jsonl").hardlink_to(tmp_path / "data/a.jsonl")
    (tmp_path / "data/c.jsonl").symlink_to("a.jsonl")
    (tmp_path / "data/again").symlink_to(tmp_path / "data2")
    write(tmp_path / "data2/d.jsonl", _LINES)
    (tmp_path / "data/again2").symlink_to(tmp_path / "data2")
    assert _left_out(tmp_path / "data") == (["a.jsonl", "again/d.jsonl"], {"same_file": {".jsonl": 3}})
    with pytest.raises(CorpusError, match="named twice"):
        find_inputs([tmp_path / "data/a.jsonl", tmp_path / "data/b.jsonl"])
    # A name and a folder that holds it: once.
    assert len(find_inputs([tmp_path / "data/a.jsonl", tmp_path / "data"]).files) == 2


def test_caches_of_datasets_and_what_spark_did_not_commit(tmp_path: Path) -> None:
    write_arrow_into(tmp_path / "set/data-00000-of-00001.arrow")
    write_arrow_into(tmp_path / "set/cache-1f0a9b8c7d6e5f40.arrow")
    write_arrow_into(tmp_path / "set/cache-1f0a9b8c7d6e5f41_00000_of_00002.arrow")
    (tmp_path / "set/state.json").write_bytes(b"{}")
    write_arrow_into(tmp_path / "own/cache-1f0a9b8c7d6e5f40.arrow")  # no dataset: somebody's name for it
    write(tmp_path / "spark/_temporary/0/part-0.jsonl", _LINES)
    write(tmp_path / "spark/part-0.jsonl", _LINES)
    (tmp_path / "spark/_SUCCESS").touch()
    write(tmp_path / "spark/_delta_log/0.checkpoint.parquet", b"")
    files, left_out = _left_out(tmp_path)
    assert files == [
        "own/cache-1f0a9b8c7d6e5f40.arrow",
        "set/data-00000-of-00001.arrow",
        "spark/part-0.jsonl",
    ]
    assert left_out == {
        "datasets_cache": {".arrow": 2},
        "json_by_name_only": {".json": 1},
        "marker": {"(folder)": 1, "(no suffix)": 1},
        "unfinished_output": {"(folder)": 1},
    }
    assert find_inputs([tmp_path]).left_out.refused == 4


def write_arrow_into(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_arrow(path, _TABLE)


def test_a_folder_of_nothing_says_what_lies_there(tmp_path: Path) -> None:
    for i in range(3):
        (tmp_path / f"{i}.xls").touch()
    with pytest.raises(
        CorpusError, match=r"no file to read in it but 3 \.xls \(unknown kind, .*0\.xls\); pypack reads"
    ):
        find_inputs([tmp_path])


@pytest.mark.parametrize("rows", [0, 5])
def test_an_arrow_stream_without_its_end_marker_was_cut(rows: int, tmp_path: Path) -> None:
    # The library reads what is there and says nothing.
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, _TABLE.schema) as writer:
        if rows:
            writer.write_table(_TABLE)
        cut = sink.tell()
    path = tmp_path / "a.arrow"
    path.write_bytes(sink.getvalue())
    assert read_all(str(path)) == (TEXTS[:rows], [])
    path.write_bytes(sink.getvalue()[:cut])
    assert read_all(str(path)) == (TEXTS[:rows], [(rows, "damaged_file")])
