"""A plan for a store that has grown: the old sequences as they were, and behind them those of the new
documents."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pypack import _core
from pypack._common.fingerprint import is_of_lengths, lengths_fingerprint
from pypack.packing.knots import OPTIONS as KNOT_OPTIONS
from pypack.packing.knots import Knots, tie_knots
from pypack.packing.packing import pack
from pypack.packing.strategies import STRATEGIES
from pypack.plan.lengths import as_lengths
from pypack.plan.literals import refuse_literals
from pypack.plan.plan import Plan, PlanCounts
from pypack.plan.stats import PlanPart

_SHARED = ("overflow", "max_documents", "align", "drop_shorter_than", "divisible_by", "room")


def extend_plan(
    plan: Plan,
    lengths: ArrayLike,
    *,
    keep_together: ArrayLike | None = None,
    learned: ArrayLike | None = None,
    num_threads: int | None = None,
) -> Plan:
    """The plan of a store whose documents were those of `plan`, and that has got more behind them.

    The sequences of `plan` stay as they are, in their places; the new documents are packed among one another,
    with the strategy and the options of `plan`, and stand behind. A `Loader` with the extended plan goes on
    with a state of the old one: what was given out is not given again, and the rest, then the new sequences,
    end the epoch.

    Args:
        plan: made by `pack`, or by this function.
        lengths: tokens of each document of the grown store (`store.lengths`).
        keep_together: the group of every document of the grown store, where `plan` was packed with groups.
        learned: its learned tokens, where `plan` was packed with them.
        num_threads: as for `pack`.

    Returns:
        The new plan, whose `extends` names the old one; `plan` itself, if no document was added.

    Raises:
        ValueError: the first documents are not those that the plan was made for, or the plan is of no
            strategy of `pack`, or was packed with groups or what is learned, and these are not given.
    """
    if plan.repeats:
        raise ValueError(
            "the plan repeats sequences, among which new ones have no place: give the new documents as a "
            "source of their own"
        )
    if plan.strategy != "knots":
        refuse_literals(plan, "nothing says how they were made", "pack the store anew, and make them again")
    documents = as_lengths(lengths)
    old = plan.counts.documents
    if len(documents) < old or not is_of_lengths(
        plan.lengths_fingerprint, np.ascontiguousarray(documents[:old])
    ):
        raise ValueError(
            f"the plan was made for {old} documents with lengths fingerprint {plan.lengths_fingerprint}, and "
            f"the first of these {len(documents)} are others: a store grows by documents behind its old "
            "ones; pack the store anew"
        )
    if len(documents) == old:
        return plan
    strategy, options, knots = _made_by(plan)
    if strategy not in STRATEGIES:
        raise ValueError(
            f"the plan was made by {plan.strategy!r}, none of pypack's strategies: pack the store anew, or "
            "give the new documents as a source of their own"
        )
    beside: dict[str, Any] = {}
    for argument, option, values in (
        ("keep_together", "keep_together", keep_together),
        ("learned", "drop_unlearned", learned),
    ):
        was_given = bool(options.pop(option, False))
        if was_given != (values is not None):
            raise ValueError(
                f"the plan was packed {'with' if was_given else 'without'} {argument}: "
                f"{'give' if was_given else 'leave out'} {argument}="
            )
        if values is not None:
            beside[argument] = np.asarray(values)[old:]
    shared = {name: options.pop(name) for name in _SHARED if name in options}
    chosen = STRATEGIES[strategy]  # type: ignore[index]  # just seen
    length = plan.sequence_length
    if knots is not None:
        shared["room"] = knots.most_literals
        length = knots.packed_length(length)
    if chosen.longest is not None:
        length -= chosen.longest({**chosen.defaults, **plan.options}) - int(plan.options["max_length"])
    added = pack(
        documents[old:],
        length,
        strategy,  # type: ignore[arg-type]
        num_threads=num_threads,
        **shared,
        **options,
        **beside,
    )
    if knots is not None:  # of each part with other draws
        seed = _core.random_bits(knots.seed, plan.num_sequences, 0)
        added = tie_knots(
            added,
            documents[old:],
            dataclasses.replace(knots, seed=seed),
            sequence_length=plan.sequence_length if knots.chunk_size else None,
        )
    return _joined(plan, added, lengths_fingerprint(documents))


def _made_by(plan: Plan) -> tuple[str, dict[str, Any], Knots | None]:
    """The strategy of a plan, and its options; of knots, those of the plan that they were tied in, and the
    knots.

    Raises:
        ValueError: it does not say with which knots it was made.
    """
    options = {name: value for name, value in plan.options.items() if value is not None}
    if plan.strategy != "knots":
        return plan.strategy, options, None
    told = options.pop("knots").get("asked")
    if told is None:
        refuse_literals(plan, "it does not say by which chances they were tied", "pack the store anew")
        raise ValueError("the plan does not say by which chances its knots were tied: pack the store anew")
    if "max_documents" in told:
        options["max_documents"] = told["max_documents"]
    return options.pop("over"), options, Knots(**{n: v for n, v in told.items() if n in KNOT_OPTIONS})


def _joined(plan: Plan, added: Plan, fingerprint: str) -> Plan:
    counts = {
        field.name: getattr(plan.counts, field.name) + getattr(added.counts, field.name)
        for field in dataclasses.fields(PlanCounts)
    }
    part = PlanPart(
        documents=plan.counts.documents,
        sequences=plan.num_sequences,
        lengths_fingerprint=plan.lengths_fingerprint,
        fingerprint=plan.fingerprint,
    )
    return Plan(
        np.concatenate([plan.sequence_offsets, plan.sequence_offsets[-1] + added.sequence_offsets[1:]]),
        np.concatenate([plan.span_document, plan.counts.documents + added.span_document]),
        np.concatenate([plan.span_start, added.span_start]),
        np.concatenate([plan.span_length, added.span_length]),
        np.concatenate([plan.sequence_capacity, added.sequence_capacity]),
        sequence_length=max(plan.sequence_length, added.sequence_length),
        strategy=plan.strategy,
        options=plan.options,
        counts=PlanCounts(**counts),
        lengths_fingerprint=fingerprint,
        extends=[*plan.extends, part],
        literals=None
        if plan.literals is None or added.literals is None
        else plan.literals.joined(added.literals),
    )
