"""Plans with two capacities, for objectives whose batches have inputs and targets."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pypack import _core
from pypack._common.arguments import number_within, whole_number
from pypack._common.fingerprint import lengths_fingerprint
from pypack.objectives.pair_objective import PairObjective
from pypack.objectives.unknown_ids import warn_of_ids
from pypack.packing.strategies import Overflow
from pypack.plan.lengths import as_lengths
from pypack.plan.plan import Plan, Sides
from pypack.plan.stats import PlanCounts
from pypack.store.store import TokenStore

_MOST_TOKENS = 1 << 26  # of a piece


def pack_pairs(
    store: TokenStore | ArrayLike,
    objective: PairObjective,
    input_length: int,
    target_length: int | None = None,
    *,
    overflow: Overflow = "split",
    max_documents: int | None = None,
    drop_shorter_than: int = 2,
    open_sequences: int = 256,
) -> Plan:
    """Packs documents into sequences with room for so many inputs of an encoder and targets of a decoder.

    Documents are cut into pieces that fit on both sides, of the length that T5's code takes for inputs of
    this length (568 tokens for 512 inputs at a rate of 0.15 and runs of 3 tokens), or shorter where the
    tokenizer has too few sentinels for so many runs; several pieces share a
    sequence where there is room on both sides. In order, and deterministic: a piece goes into the open
    sequence that it fills best.

    Args:
        store: the documents; or the tokens of each, int [D].
        objective: what makes inputs and targets; the `Loader` is to be given the same.
        input_length: items of a sequence for the encoder.
        target_length: and for the decoder; None: the most that one piece can have, as T5 has it (114 for
            512).
        overflow: what happens to a document that is more than one piece: "split" takes all its pieces,
            "truncate" the first, "drop" leaves it out, "error" refuses the job. All is counted.
        max_documents: the most spans in a sequence; None: any number.
        drop_shorter_than: pieces with fewer tokens are left out and counted; of one token nothing can be left
            out.
        open_sequences: into so many sequences a piece may still go; more fill them better, slower.

    Returns:
        A plan whose `sides` hold both capacities; `verify` proves that every token is in it once, or
        counted, and that every sequence fits on both sides.

    Raises:
        ValueError: an argument is out of its range, a document is too long under `overflow="error"`, or the
            rooms are too small for a piece.
        TypeError: the objective makes no inputs and targets.
    """
    if not isinstance(objective, PairObjective):
        raise TypeError(f"objective must make inputs and targets, as SpanCorruption(), got {objective!r}")
    given = objective.sentinel_ids
    if isinstance(store, TokenStore):
        objective, lengths = objective.resolved_for_pairs([store]), store.lengths
        warn_of_ids(objective, [store], stacklevel=2)
    else:
        lengths = as_lengths(store)
    size = objective.pair_size()
    # A list that was given is not known to be the one that the loader will have.
    found = objective.sentinel_ids if given is None else None
    most_runs = _MOST_TOKENS if found is None else len(found)
    inputs = number_within("input_length", input_length, 27)
    if target_length is None:
        targets = _targets_of(size.kernel, inputs)
    else:
        targets = number_within("target_length", target_length, 27)
    unlimited = np.iinfo(np.int32).max
    most = unlimited if max_documents is None else whole_number("max_documents", max_documents)
    drop_shorter_than = number_within("drop_shorter_than", drop_shorter_than, 32)
    open_sequences = number_within("open_sequences", open_sequences, 32)
    offsets, document, start, length, capacity, counts = _core.pack_pairs(
        lengths,
        size.kernel,
        inputs=inputs,
        targets=targets,
        overflow=overflow,
        max_documents=min(most, unlimited),
        drop_shorter_than=drop_shorter_than,
        open_sequences=open_sequences,
        most_runs=most_runs,
    )
    return Plan(
        offsets,
        document,
        start,
        length,
        capacity,
        sequence_length=inputs + targets,
        strategy="pairs",
        options={
            "overflow": overflow,
            "max_documents": None if max_documents is None else int(max_documents),
            "drop_shorter_than": drop_shorter_than,
            "open_sequences": open_sequences,
        },
        counts=PlanCounts(**counts),
        lengths_fingerprint=lengths_fingerprint(lengths),
        sides=Sides(inputs, targets, size),
    )


def _targets_of(size: _core.PairSizes, inputs: int) -> int:
    """The most targets of a piece that is as long as inputs of this length allow."""
    longest = size.longest(inputs, _MOST_TOKENS)
    most = size.most_targets(longest)
    if most < 1:
        raise ValueError(f"input_length={inputs} holds no piece of a document: make it larger")
    return most
