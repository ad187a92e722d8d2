"""`pypack inspect STORE --objective ...`: what an objective makes of the first documents."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from pypack.cli.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pypack.batch import PackedBatch
    from pypack.objectives.objective import Objective
    from pypack.plan.plan import Plan
    from pypack.store.store import TokenStore
    from pypack.tokenizer.tokenizer import Tokenizer

_ROOM = 16  # tokens that an objective may put into a document
_SHOWN = 48  # tokens, and labels


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the argument."""
    parser.add_argument(
        "--objective",
        metavar="NAME(...)",
        help="what an objective makes of a store's first documents, as 'MaskedLM(rate=0.3)' or "
        "'SpanCorruption(rate=0.15, mean=3)': MaskedLM, ReplacedTokens, PrefixLM, SpanCorruption, UL2, "
        "FillInMiddle, PoSE, RandPos, LOGO",
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
    from pypack.source import Source

    chosen = np.flatnonzero(store.lengths[: 4 * first + 64])[:first]
    if not len(chosen):
        raise UsageError(f"{store.place}: none of the first documents has a token to show")
    lengths = store.lengths[chosen]
    try:
        objective = from_text(text)
        plan = _plan(store, lengths, objective)
        source = Source(store, plan, documents=chosen, store_mask=True)
        loader = Loader(source, batch_sequences=len(plan), shuffle=False, objective=objective, num_threads=1)
        batch = loader.batch_at(0)
    except ValueError as error:
        raise UsageError(f"--objective: {error}") from error
    labels = batch.labels
    if getattr(objective, "method", None) in ("random", "clusters"):  # which tell where, not what stood there
        labels = np.where(labels == 1, batch.original_ids, -100)
    rows = []
    for row, (document, length) in enumerate(
        zip(batch.document_ids.tolist(), batch.span_lengths.tolist(), strict=True)
    ):
        if plan.sides is not None:
            rows.append(_shown_pair(tokenizer, document, length, batch, row))
        else:
            shown = _shown(tokenizer, document, length, batch.input_ids[row], labels[row])
            if "position_ids" in objective.needs:
                shown["positions"] = batch.position_ids[row, : min(length, _SHOWN)].tolist()
            rows.append(shown)
    return sorted(rows, key=lambda row: int(row["document"]))


def _plan(store: TokenStore, lengths: NDArray[np.int32], objective: Objective) -> Plan:
    """One document in a row, whole."""
    from pypack.objectives.packed_pairs import pack_pairs
    from pypack.objectives.pair_objective import PairObjective
    from pypack.packing import pack

    longest = int(lengths.max())
    if not objective.needs_pairs:
        room = _ROOM if objective.moves_tokens else 0
        return pack(lengths, longest + room, "pad", room=room)
    assert isinstance(objective, PairObjective)
    room = 2 * longest + 64
    return pack_pairs(
        lengths,
        objective.resolved_for_pairs([store]),
        room,
        room,
        max_documents=1,
        drop_shorter_than=1,
        open_sequences=1,
    )


def _names(tokenizer: Tokenizer | None, ids: NDArray[Any]) -> list[str]:
    """The first tokens by name."""
    return [(tokenizer and tokenizer.id_to_token(i)) or f"[{i}]" for i in ids[:_SHOWN].tolist()]


def _shown_pair(
    tokenizer: Tokenizer | None, document: int, length: int, batch: PackedBatch, row: int
) -> dict[str, Any]:
    inputs = batch.input_ids[row][batch.segment_ids[row] > 0]
    targets = batch.labels[row][batch.decoder_segment_ids[row] > 0]
    return {
        "document": document,
        "tokens": length,
        "inputs": len(inputs),
        "targets": len(targets),
        "input_ids": inputs[:_SHOWN].tolist(),
        "input": _names(tokenizer, inputs),
        "target_ids": targets[:_SHOWN].tolist(),
        "target": _names(tokenizer, targets),
    }


def _shown(
    tokenizer: Tokenizer | None, document: int, length: int, input_ids: Any, labels: Any
) -> dict[str, Any]:
    ids, learned = input_ids[:length], labels[:length]
    places = (learned != -100).nonzero()[0]

    return {
        "document": document,
        "tokens": length,
        "learned": len(places),
        "input_ids": ids[:_SHOWN].tolist(),
        "input": _names(tokenizer, ids),
        "labels": [
            [int(place), name]
            for place, name in zip(places[:_SHOWN], _names(tokenizer, learned[places]), strict=True)
        ],
    }


def print_preview(objective: str, rows: list[dict[str, Any]]) -> None:
    """Shows it under the store."""
    print(f"\n{objective}")
    for row in rows:
        if "targets" in row:
            _print_pair(row)
            continue
        more = " ..." if row["tokens"] > len(row["input"]) else ""
        share = row["learned"] / row["tokens"]
        print(f"document {row['document']}: {row['learned']:,} of {row['tokens']:,} learned ({share:.1%})")
        print(f"  {' '.join(row['input'])}{more}")
        if "positions" in row:
            print(f"  positions: {' '.join(map(str, row['positions']))}{more}")
            continue
        labels = [f"{place}: {name}" for place, name in row["labels"] if place < len(row["input"])]
        print(f"  learned: {', '.join(labels)}{more}")


def _print_pair(row: dict[str, Any]) -> None:
    print(
        f"document {row['document']}: {row['tokens']:,} tokens, {row['inputs']:,} inputs, "
        f"{row['targets']:,} targets"
    )
    for name in ("input", "target"):
        more = " ..." if row[f"{name}s"] > len(row[name]) else ""
        print(f"  {name}s: {' '.join(row[name])}{more}")
