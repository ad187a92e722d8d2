"""Walking folders: what lies in them, in byte order, and what is left out there, with its reason."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

from pypack.corpus.kinds import is_named_only, is_output

# Told of everything that is left out: its path, the reason (a key of left_out.REASONS), that reason in words,
# and whether it is a folder.
Report: TypeAlias = Callable[[str, str, str, bool], None]

# Spark, Hadoop, Delta and Databricks put these beside their data. What is below `_temporary` was never
# committed: its rows stand in the committed files once more.
_UNFINISHED_FOLDERS = ("_temporary", "_spark_metadata", "_delta_log")
_MARKERS = re.compile(r"_SUCCESS|_metadata|_common_metadata|_(started|committed)_\d+")
# `datasets` keeps the results of map() and filter() beside the data that they were made from.
_CACHE = re.compile(r"cache-[0-9a-f]{8,}(_\d+_of_\d+)?\.arrow")
# On the Hub a data set, like a model, has its description beside its files, with a head in YAML.
CARD, CARD_HEAD = "README.md", b"---\n"
DATASET_MARKS = ("dataset_info.json", "state.json")
# Reasons that the content tells, and their words.
OUTPUT = "pypack_output", "an output of pypack"
DESCRIPTION = "dataset_card", "the card of a dataset or model"
NAMED_ONLY = "json_by_name_only", "name it, or use a pattern, if it is JSON lines"


def walk(
    folder: str, excluded: set[str], report: Report, parents: tuple[str, ...] = ()
) -> Iterator[tuple[str, str]]:
    """(path as it was reached, real path) of all files below a folder, recursively.

    Args:
        excluded: real paths that are passed over without a word.
        parents: real paths of the folders above, for links that lead back up.
    """
    real = os.path.realpath(folder)
    if real in parents:
        report(folder, "link_up", "a link to a folder above it", True)
        return
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: os.fsencode(entry.name))
    names = {entry.name for entry in entries}
    is_dataset = any(mark in names for mark in DATASET_MARKS)
    for entry in entries:
        path = os.path.join(folder, entry.name)  # noqa: PTH118  # keeps "./" and names that are not UTF-8
        # Only a link has a real path that its folder's does not tell.
        own = os.path.realpath(path) if entry.is_symlink() else os.path.join(real, entry.name)  # noqa: PTH118
        if own in excluded:
            continue
        is_folder = entry.is_dir()
        why = _left_out(entry.name, path, is_folder, is_dataset)
        if why is not None:
            report(path, *why, is_folder)
        elif is_folder:
            yield from walk(path, excluded, report, (*parents, real))
        else:
            yield path, own


def _left_out(name: str, path: str, is_folder: bool, is_dataset: bool) -> tuple[str, str] | None:
    """The reason and its words why something is not read; None for what is."""
    why = left_out_by_name(name, is_folder, is_dataset)
    if why is not None:
        return why
    if is_folder and is_output(path):
        return OUTPUT
    if not is_folder and name == CARD and _begins(path, CARD_HEAD):
        return DESCRIPTION
    if not is_folder and is_named_only(name) and Path(path).is_file():
        return NAMED_ONLY
    return None


def left_out_by_name(name: str, is_folder: bool, is_dataset: bool) -> tuple[str, str] | None:
    """The same by what a file or folder is called, alone; `is_dataset`: a DATASET_MARK stands beside."""
    if name.startswith("."):
        return "hidden", "hidden"
    if is_folder and name in _UNFINISHED_FOLDERS:
        if name == "_temporary":
            return "unfinished_output", "an unfinished output of Spark or Hadoop"
        return "marker", "the records of a table, without its rows"
    if not is_folder and _MARKERS.fullmatch(name):
        return "marker", "a marker of Spark or Hadoop"
    if not is_folder and is_dataset and _CACHE.fullmatch(name):
        return "datasets_cache", "a cache of the datasets library"
    return None


def _begins(path: str, head: bytes) -> bool:
    try:
        with Path(path).open("rb", buffering=0) as file:
            return file.read(len(head)) == head
    except OSError:
        return False
