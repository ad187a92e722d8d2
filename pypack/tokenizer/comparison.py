"""Whether two tokenizers give the same ids, and where not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

Encode = Callable[[str], Sequence[int]]


@dataclass(frozen=True)
class Difference:
    """A text to which two tokenizers give other ids."""

    text: str
    first: list[int]
    second: list[int]

    def __str__(self) -> str:
        return f"{self.text!r}: {_some(self.first)} against {_some(self.second)}"


def differences(
    first: Encode, second: Encode, texts: Sequence[str], *, most: int | None = None
) -> list[Difference]:
    """The texts to which two tokenizers give other ids, in the order given, the first `most` of them.

    Args:
        first, second: text → ids, without a template around it.
    """
    found: list[Difference] = []
    for text in texts:
        if most is not None and len(found) == most:
            break
        one, other = list(map(int, first(text))), list(map(int, second(text)))
        if one != other:
            found.append(Difference(text, one, other))
    return found


def _some(ids: list[int], most: int = 12) -> str:
    shown = ", ".join(map(str, ids[:most]))
    return f"[{shown}, ... {len(ids)} in all]" if len(ids) > most else f"[{shown}]"
