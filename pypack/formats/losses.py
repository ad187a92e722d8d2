"""What a format cannot hold of what is to be written: told and counted before anything is written."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pypack.formats.stream import Stream

# What formats can hold beside documents of ids. What is known of the tokens as a whole (the tokenizer,
# special ids, the vocabulary size, capacities of rows) every format keeps, in `pypack.json`.
PARTS = ("rows", "masks", "groups", "weights", "words", "columns")


@dataclass(frozen=True)
class Loss:
    """One kind of what is lost.

    Attributes:
        part: of `PARTS`.
        count: how much of it.
        text: both in words.
    """

    part: str
    count: int
    text: str


class LossError(ValueError):
    """A format cannot hold all that is to be written; `losses` says what, nothing is written."""

    def __init__(self, what: str, losses: Collection[Loss]) -> None:
        told = "; ".join(loss.text for loss in losses)
        super().__init__(
            f"{what}: {told}. Nothing is written; --allow-loss (allow_loss=True) writes the rest"
        )
        self.losses = tuple(losses)


def losses_of(stream: Stream, holds: Collection[str], reserved: Collection[str], name: str) -> list[Loss]:
    """What is lost.

    Args:
        holds: of `PARTS`, what the format can hold.
        reserved: names of its own, which no kept column may have.
        name: of the format.
    """
    contents = stream.contents
    if contents.joined_documents:
        holds = set(holds) - {"groups", "weights"}
    lost = []
    if contents.packed_rows and "rows" not in holds:
        text = f"the borders between documents in {contents.packed_rows:,} packed rows"
        lost.append(Loss("rows", contents.packed_rows, text))
    if contents.masked_tokens and "masks" not in holds:
        text = f"the loss mask ({contents.masked_tokens:,} tokens that are not learned)"
        lost.append(Loss("masks", contents.masked_tokens, text))
    if contents.grouped_documents and "groups" not in holds:
        text = f"the groups of {contents.grouped_documents:,} documents"
        lost.append(Loss("groups", contents.grouped_documents, text))
    elif contents.parted_groups:
        text = f"{contents.parted_groups:,} groups whose documents the plan parts"
        lost.append(Loss("groups", contents.parted_groups, text))
    if contents.weighted_documents and "weights" not in holds:
        text = f"the weights of {contents.weighted_documents:,} documents"
        lost.append(Loss("weights", contents.weighted_documents, text))
    if contents.bordered_tokens and "words" not in holds:
        text = f"where words begin ({contents.bordered_tokens:,} tokens)"
        lost.append(Loss("words", contents.bordered_tokens, text))
    names = [] if contents.columns is None else list(contents.columns.names)
    missing = names if "columns" not in holds else [one for one in names if one in reserved]
    if missing:
        why = "" if "columns" not in holds else f" (a name that {name} needs itself)"
        lost.append(_columns(missing, why))
    if contents.joined_columns:
        lost.append(_columns(contents.joined_columns, " (of documents, and rows join several)"))
    return lost


def _columns(names: Sequence[str], why: str) -> Loss:
    told = ", ".join(map(repr, names[:10])) + (", ..." if len(names) > 10 else "")
    noun = "column" if len(names) == 1 else "columns"
    return Loss("columns", len(names), f"{len(names)} kept {noun}{why}: {told}")
