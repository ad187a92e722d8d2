"""What can be wrong with an input, as exceptions and as rejects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# Kinds that say that (the rest of) a file was lost, not one document of it.
WHOLE_FILE_KINDS = frozenset(
    {
        "unreadable_file",
        "damaged_file",
        "expands_too_far",
        "no_text_column",
        "text_column_type",
        "column_twice",
        "column_type",
        "kills_its_reader",
    }
)


class CorpusError(ValueError):
    """A corpus that cannot be read as asked; the message names the input and the mend."""


@dataclass(frozen=True, slots=True)
class Reject:
    """One thing that was refused, and where it stands.

    Attributes:
        file: the input as it was named or found.
        index: number of the file in the list of inputs.
        record: 0-based line or row in that file; for a whole file, where reading ended.
        unit: what `record` counts: "line", "element" (of a JSON array) or "row".
        offset: byte offset of the line or element in the uncompressed file; 0 for rows.
        kind: a short word for counting, such as "bad_json" or "null_text".
        reason: one sentence for a person.
    """

    file: str
    index: int
    record: int
    unit: str
    offset: int
    kind: str
    reason: str

    @property
    def whole_file(self) -> bool:
        return self.kind in WHOLE_FILE_KINDS

    def to_json(self) -> dict[str, Any]:
        """The object of `rejected.jsonl`: lines are counted from 1 as editors do, others from 0."""
        if self.unit == "line":
            place = {"line": self.record + 1, "offset": self.offset}
        else:
            place = {"row": self.record} | ({"offset": self.offset} if self.unit == "element" else {})
        return {
            "file": self.file,
            **place,
            "kind": self.kind,
            "whole_file": self.whole_file,
            "reason": self.reason,
        }

    def __str__(self) -> str:
        at_byte = f" (byte {self.offset})"
        place = {
            "line": f"line {self.record + 1}{at_byte}",
            "element": f"element {self.record}{at_byte}",
            "row": f"row {self.record}",
        }[self.unit]
        return f"{self.file}: {place}: {self.reason}"


class RejectedInputError(CorpusError):
    """Raised at the first reject under `on_error="stop"`."""

    def __init__(self, reject: Reject) -> None:
        super().__init__(f"{reject} (--on-error reject sets such documents aside and goes on)")
        self.reject = reject


class ChangedInputError(CorpusError):
    """An input is not what it was when the job began, or when it was interrupted."""


class DamagedInputError(Exception):
    """A file whose rest cannot be read. Every whole document before the damage has been handed out."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason
