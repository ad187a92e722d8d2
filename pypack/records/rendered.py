"""What a record becomes: a text with spans that are learned or not."""

from __future__ import annotations

from dataclasses import dataclass, field

Spans = list[tuple[int, int]]


@dataclass(slots=True)
class Rendered:
    """One document as text. Spans are [begin, end) in characters of `text`.

    Attributes:
        text: what the tokenizer sees, all of it at once.
        learned: spans whose tokens are learned; a token is learned if it meets one of them. None: all are.
        plain: spans that came from the record's own content and spell a special token: plain text. They rise
            and do not overlap.
    """

    text: str
    learned: Spans | None = None
    plain: Spans = field(default_factory=list)
