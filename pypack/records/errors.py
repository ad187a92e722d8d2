"""Why a record gives no document."""

from __future__ import annotations


class RecordError(ValueError):
    """A record that cannot be made a document.

    Attributes:
        kind: a short word for counting, such as "bad_messages" or "nothing_learned".
    """

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


class TemplateSourceError(ValueError):
    """A template that cannot be used at all; the message names it and the place in it."""
