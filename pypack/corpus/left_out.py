"""What a folder walk leaves out, counted by reason and suffix: nothing is passed over without a trace."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable

from pypack.corpus.kinds import suffix_of

# Words for each reason; the keys stand in store.json.
REASONS = {
    "unknown_kind": "unknown kind",
    "json_by_name_only": "name them, or use a pattern, if they are JSON lines",
    "hidden": "hidden",
    "special": "a pipe, socket or device",
    "pypack_output": "an output of pypack",
    "same_file": "the same file as another",
    "dataset_card": "the card of a dataset or model",
    "datasets_cache": "a cache of the datasets library",
    "unfinished_output": "an unfinished output of Spark or Hadoop",
    "marker": "a marker of Spark, Hadoop or Delta",
    "link_up": "a link to a folder above it",
}
# They hold no text of their own, so that leaving them out loses nothing, not even under --strict.
_HARMLESS = frozenset({"marker", "pypack_output"})
FOLDER = "(folder)"
_NONE, _OTHER = "(no suffix)", "(others)"
_MOST_SUFFIXES = 50
_LONGEST_SUFFIX = 16
_TOLD_SUFFIXES = 4


class LeftOut:
    """Counts of files and folders that are not read, by reason and by suffix.

    Attributes:
        counts: reason → suffix → how many. "(folder)" stands for a whole folder.
        examples: reason → the first path.
    """

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = {}
        self.examples: dict[str, str] = {}
        self._first = ""

    def add(self, path: str, reason: str, words: str, *, is_folder: bool = False) -> None:
        """Counts one; `reason` is a key of REASONS, `words` say it of this one."""
        self._first = self._first or f"{path}: {words}"
        counts = self.counts.setdefault(reason, Counter())
        self.examples.setdefault(reason, path)
        suffix = FOLDER if is_folder else suffix_of(os.path.basename(path)) or _NONE  # noqa: PTH119
        odd = len(suffix) > _LONGEST_SUFFIX or not suffix.isprintable() or not suffix.isascii()
        if odd or (suffix not in counts and len(counts) >= _MOST_SUFFIXES):
            suffix = _OTHER
        counts[suffix] += 1

    @property
    def total(self) -> int:
        """How many were left out."""
        return sum(sum(counts.values()) for counts in self.counts.values())

    @property
    def refused(self) -> int:
        """How many of them may hold text: what `--strict` does not allow."""
        return sum(sum(c.values()) for reason, c in self.counts.items() if reason not in _HARMLESS)

    def to_json(self) -> dict[str, dict[str, int]]:
        """Reason → suffix → how many, in an order that depends on nothing else."""
        return {reason: dict(sorted(self.counts[reason].items())) for reason in sorted(self.counts)}

    def told(self) -> str:
        """One line for a person: the file and why, or how many of what."""
        return f"left out {self._first}" if self.total == 1 else f"left out: {self.summary()}"

    def summary(self) -> str:
        """One line: how many of what, and why, with an example of each."""
        parts = []
        for reason, counts in sorted(self.counts.items(), key=lambda item: (-item[1].total(), item[0])):
            such_as = ", such as" if counts.total() > 1 else ":"
            parts.append(f"{_listed(counts)} ({REASONS[reason]}{such_as} {self.examples[reason]})")
        return "; ".join(parts)


def _listed(counts: Counter[str]) -> str:
    most = counts.most_common(_TOLD_SUFFIXES)
    rest = counts.total() - sum(number for _, number in most)
    words = {FOLDER: "folder", _NONE: "without suffix", _OTHER: "others"}
    parts = [f"{number:,} {words.get(suffix, suffix)}{_plural(suffix, number)}" for suffix, number in most]
    return _and([*parts, f"{rest:,} more"] if rest else parts)


def _plural(suffix: str, number: int) -> str:
    return "s" if suffix == FOLDER and number > 1 else ""


def _and(parts: Iterable[str]) -> str:
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last
