"""`pypack inspect STORE --objective ...`: what an objective makes of the first documents."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from pypack.cli.errors import UsageError

if TYPE_CHECKING:
    from pypack.store.store import TokenStore
    from pypack.tokenizer.tokenizer import Tokenizer

_SHOWN = 48  # tokens, and labels


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the argument."""
    parser.add_argument(
        "--objective",
        metavar="NAME(...)",
        help="what an objective makes of a store's first documents, as 'MaskedLM(rate=0.3)'",
    )


def preview(store: TokenStore, tokenizer: Tokenizer | None, text: str, first: int) -> list[dict[str, Any]]:
    """What a loader with seed 0 gives of the first documents, one in a row.

    Args:
        text: the objective, as `pypack.objectives.from_text` reads it.

    Raises:
        UsageError: there is no such objective, or it does not fit the store.
    """
    import numpy as np

    from pypack.loader import Loader
    from pypack.objectives import from_text
    from pypack.packing import pack
    from pypack.source import Source

    chosen = np.flatnonzero(store.lengths[: 4 * first + 64])[:first]
    if not len(chosen):
        raise UsageError(f"{store.path}: none of the first documents has a token to show")
    lengths = store.lengths[chosen]
    plan = pack(lengths, int(lengths.max()), "pad")
    source = Source(store, plan, documents=chosen, store_mask=True)
    try:
        objective = from_text(text)
        loader = Loader(source, batch_sequences=len(plan), shuffle=False, objective=objective, num_threads=1)
    except ValueError as error:
        raise UsageError(f"--objective: {error}") from error
    batch = loader.batch_at(0)
    spans = zip(batch.document_ids.tolist(), batch.span_lengths.tolist(), strict=True)
    rows = sorted(zip(spans, batch.input_ids, batch.labels, strict=True), key=lambda row: row[0])
    return [_shown(tokenizer, *span, ids, labels) for span, ids, labels in rows]


def _shown(
    tokenizer: Tokenizer | None, document: int, length: int, input_ids: Any, labels: Any
) -> dict[str, Any]:
    ids, learned = input_ids[:length], labels[:length]
    places = (learned != -100).nonzero()[0]

    def named(token: int) -> str:
        return (tokenizer and tokenizer.id_to_token(token)) or f"[{token}]"

    return {
        "document": document,
        "tokens": length,
        "learned": len(places),
        "input_ids": ids[:_SHOWN].tolist(),
        "input": [named(int(i)) for i in ids[:_SHOWN]],
        "labels": [[int(place), named(int(learned[place]))] for place in places[:_SHOWN]],
    }


def print_preview(objective: str, rows: list[dict[str, Any]]) -> None:
    """Shows it under the store."""
    print(f"\n{objective}")
    for row in rows:
        more = " ..." if row["tokens"] > len(row["input"]) else ""
        share = row["learned"] / row["tokens"]
        print(f"document {row['document']}: {row['learned']:,} of {row['tokens']:,} learned ({share:.1%})")
        print(f"  {' '.join(row['input'])}{more}")
        labels = [f"{place}: {name}" for place, name in row["labels"] if place < len(row["input"])]
        print(f"  learned: {', '.join(labels)}{more}")
