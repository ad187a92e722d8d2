"""Which files a corpus is made of."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fixtures.corpus_files import write

from pypack.corpus import CorpusError, list_inputs


def _names(folder: Path, *arguments: str) -> tuple[list[str], list[str]]:
    skipped: list[str] = []
    files = list_inputs([str(folder / a) for a in arguments], on_skip=skipped.append)
    cut = len(str(folder)) + 1
    return [file.path[cut:] for file in files], [message[cut:] for message in skipped]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in (
        "b.jsonl", "a.jsonl.gz", "Z.txt", "sub/c.parquet", "sub/é.arrow", "sub-x/d.jsonl", "README.rst",
        ".hidden/e.jsonl", "sub/.f.jsonl", "old.store/store.json", "old.store/rejected.jsonl",
        "g.rar.gz", "h.parquet.gz", "sub/tokenizer.json",
    ):  # fmt: skip
        write(tmp_path / name, b"")
    (tmp_path / "old.store/store.json").write_bytes(b'{\n "format": "pypack.store",\n')
    return tmp_path


def test_directories_are_sorted_recursive_and_say_what_they_leave_out(tree: Path) -> None:
    files, skipped = _names(tree, "")
    assert files == ["Z.txt", "a.jsonl.gz", "b.jsonl", "sub/c.parquet", "sub/é.arrow", "sub-x/d.jsonl"]
    assert set(skipped) == {
        ".hidden: hidden",
        "sub/.f.jsonl: hidden",
        "README.rst: unknown kind of file",
        "g.rar.gz: unknown kind of file",
        "h.parquet.gz: unknown kind of file",
        "old.store: an output of pypack",
        "sub/tokenizer.json: name it, or use a pattern, if it is JSON lines",
    }


def test_globs_are_sorted_and_arguments_keep_their_order(tree: Path) -> None:
    found = ["sub/c.parquet", "sub/tokenizer.json", "sub/é.arrow", "a.jsonl.gz", "b.jsonl"]
    assert _names(tree, "sub/*", "*.jsonl*")[0] == found
    assert _names(tree, "**/*.jsonl")[0] == ["b.jsonl", "old.store/rejected.jsonl", "sub-x/d.jsonl"]


def test_a_name_with_glob_characters_is_a_file_first(tmp_path: Path) -> None:
    write(tmp_path / "a[1].jsonl", b"")
    assert _names(tmp_path, "a[1].jsonl")[0] == ["a[1].jsonl"]


def test_excluded_paths(tree: Path) -> None:
    files = list_inputs([str(tree)], exclude=[tree / "sub", tree / "Z.txt"])
    assert [Path(file.path).name for file in files] == ["a.jsonl.gz", "b.jsonl", "d.jsonl"]


def test_links(tmp_path: Path) -> None:
    write(tmp_path / "data/a.jsonl", b"")
    write(tmp_path / "elsewhere/b.jsonl", b"")
    os.symlink(tmp_path / "elsewhere", tmp_path / "data/linked")  # noqa: PTH211
    os.symlink(tmp_path / "data", tmp_path / "data/up")  # noqa: PTH211
    files, skipped = _names(tmp_path, "data")
    assert files == ["data/a.jsonl", "data/linked/b.jsonl"]
    assert skipped == ["data/up: a link to a folder above it"]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ([], "no inputs"),
        (["absent.jsonl"], "no such file"),
        (["README.rst"], "unknown kind"),
        (["*.csv"], "matches no file"),
        (["old.store"], "an output of pypack"),
        (["b.jsonl", "b.jsonl"], "twice"),
        (["", "sub/../b.jsonl"], "twice"),
    ],
)
def test_refused(arguments: list[str], word: str, tree: Path) -> None:
    with pytest.raises(CorpusError, match=word):
        list_inputs([str(tree / a) for a in arguments])


def test_a_directory_without_inputs_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "x/README.rst", b"")
    with pytest.raises(CorpusError, match="no file to read"):
        list_inputs([tmp_path / "x"])
