"""How much the losses of a batch's tokens count, in plain Python."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence


@dataclasses.dataclass
class WeightedSpan:
    """A span of a batch.

    Attributes:
        items: labels that it has.
        room: items from its first one to the next span's; of targets as many.
        weight: what all of it counts,
        of_tokens: or what each of its tokens counts; None: all alike.
    """

    items: int
    room: int
    weight: float = 1.0
    of_tokens: Sequence[float] | None = None


def weights_of_row(
    spans: Sequence[WeightedSpan], learned: Sequence[bool], row_length: int | None
) -> list[float]:
    """One weight a label of a row: 0 where nothing is learned, and behind the spans.

    Args:
        spans: of the row, in their order.
        learned: whether each item of the row is learned.
        row_length: items of a row; None: as many as the spans take up.
    """
    found: list[float] = []
    for span in spans:
        values = [span.weight] * span.items if span.of_tokens is None else list(span.of_tokens)
        found += values + [0.0] * (span.room - span.items)
    if row_length is not None:
        found += [0.0] * (row_length - len(found))
    return [value if is_learned else 0.0 for value, is_learned in zip(found, learned, strict=True)]
