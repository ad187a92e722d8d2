"""Best fit beside public packers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.common.lengths import GENERATORS
from bench.common.printing import Row
from bench.common.timing import measure_in_turns
from bench.pack.fills import fills_of, padding_of
from bench.peers.packers import PEERS, Fills, Lengths, Peer
from pypack.best_fit import best_fit_documents

_MEASURED = ("peer ns", "CSR ns", "ratio", "peer padding %", "padding %")


def against_peers(kind: str, documents: int, sequence_length: int) -> list[Row]:
    """Each peer and the CSR form, one thread.

    Ours packs all `documents`, in turns with the peers that do; those that crawl get a slice, and are
    compared by time a document. That is to their favour: they take longer a document the more there are.
    """
    rows: list[Row] = []
    everything = np.minimum(GENERATORS[kind](documents, 0), sequence_length)
    whole_ns: float | None = None
    for peer in PEERS:
        count = min(documents, peer.documents)
        if documents > 10**6 and count < documents:
            continue  # the slice is in the table of a million
        row: Row = {"lengths": kind, "L": sequence_length, "peer": peer.name, "documents": count}
        try:
            run, theirs = _prepared(peer, everything[:count], sequence_length)
        except ImportError as error:
            reason = (str(error).strip() or repr(error)).splitlines()[0]
            rows.append(row | dict.fromkeys(_MEASURED) | {"note": f"does not import: {reason}"})
            continue
        compared = _compared(peer, everything[:count], theirs, sequence_length)
        runs = {"peer": run}
        if count == documents or whole_ns is None:
            runs["ours"] = lambda: best_fit_documents(everything, sequence_length, num_threads=1)
        timings = measure_in_turns(runs, repeats=3 if count == documents else 1)
        if "ours" in timings:
            whole_ns = timings["ours"].median / documents * 1e9
        assert whole_ns is not None
        peer_ns = timings["peer"].median / count * 1e9
        rows.append(row | {"peer ns": peer_ns, "CSR ns": whole_ns, "ratio": peer_ns / whole_ns} | compared)
    return rows


def _prepared(peer: Peer, lengths: Lengths, sequence_length: int) -> tuple[Callable[[], Any], Fills]:
    """The peer's call, and the fills of what it gives."""
    run, fills_of_result = peer.prepare(lengths, sequence_length)
    return run, fills_of_result(run())


def _compared(peer: Peer, lengths: Lengths, theirs: Fills, sequence_length: int) -> Row:
    """Checks that they and we place every token once and overfill no row; how our rows differ."""
    ours = fills_of(lengths, *best_fit_documents(lengths, sequence_length))
    for fills in (theirs, ours):
        assert fills.sum() == lengths.sum(), peer.name
        assert fills.max() <= sequence_length, peer.name
    same = np.array_equal(np.sort(theirs), ours)
    return {
        "peer padding %": padding_of(theirs, sequence_length),
        "padding %": padding_of(ours, sequence_length),
        "note": "equal fills"
        if same
        else "moves the tokens too"
        if peer.moves_tokens
        else "packs differently",
    }
