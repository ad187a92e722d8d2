"""The proof that a plan holds every token of its documents exactly once, and says so rightly."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from pypack import _core
from pypack._common.fingerprint import is_of_lengths, lengths_fingerprint
from pypack._common.mapped import check_not_cut
from pypack.plan.chosen import check_recorded, chosen_lengths

if TYPE_CHECKING:
    from pypack.plan.plan import Plan
    from pypack.plan.stats import PlanPart


_FEW_DOCUMENTS = 1 << 20


def prove(plan: Plan, lengths: ArrayLike | None) -> None:
    """`Plan.verify`."""
    check_not_cut(plan._files)
    try:
        _prove(plan, lengths)
    except ValueError as error:
        if plan._path is None or str(plan._path) in str(error):
            raise
        raise ValueError(f"{plan._path}: {error}") from error


def _prove(plan: Plan, lengths: ArrayLike | None) -> None:
    unlimited = np.iinfo(np.int32).max
    max_documents = min(plan.options.get("max_documents") or unlimited, unlimited)
    if lengths is None:
        found = _verify_alone(plan, max_documents)
        stated: dict[str, int] = {
            "documents without span": plan.counts.empty_documents + plan.counts.dropped_documents,
            "split_documents": plan.counts.split_documents,
            "tokens in spans": plan.num_tokens,
        }
    else:
        documents = chosen_lengths(plan, lengths)
        if not is_of_lengths(plan.lengths_fingerprint, documents):
            raise ValueError(
                f"{plan._path or 'the plan'} was made for {plan.counts.documents} documents with lengths "
                f"fingerprint {plan.lengths_fingerprint}, these {len(documents)} have "
                f"{lengths_fingerprint(documents)}: use the "
                "store it was made for, or pack again"
            )
        found = plan._view.verify(documents, plan.align, max_documents)
        stated = dataclasses.asdict(plan.counts)
        del stated["added_sequences"]  # of which the arrays tell nothing
        for part in plan.extends:
            if not is_of_lengths(part.lengths_fingerprint, np.ascontiguousarray(documents[: part.documents])):
                raise ValueError(
                    f"the plan extends one of {part.documents} documents with lengths fingerprint "
                    f"{part.lengths_fingerprint}, and its first ones are others"
                )
    for name, value in stated.items():
        if value != found[name]:
            raise ValueError(f"the plan states {name}={value}, but its spans give {found[name]}")
    for part in plan.extends:
        _compare_part(plan, part)
    check_recorded(plan)
    if plan.sides is not None:
        plan.sides.prove(plan)
    if plan._path is not None:
        _compare_records(plan, plan._path / "plan.json")


def _verify_alone(plan: Plan, max_documents: int) -> dict[str, int]:
    """What the kernel finds, with memory for the documents that have spans: a plan may claim any number."""
    documents = plan.counts.documents
    if documents <= _FEW_DOCUMENTS + 4 * plan.num_spans:
        return plan._view.verify_alone(documents, plan.align, max_documents)
    if plan.num_spans and not 0 <= plan.span_document.min() <= plan.span_document.max() < documents:
        span = int(np.flatnonzero((plan.span_document < 0) | (plan.span_document >= documents))[0])
        raise ValueError(
            f"span {span} (document {plan.span_document[span]}) leaves the {documents} documents of the plan"
        )
    present, numbers = np.unique(plan.span_document, return_inverse=True)
    arrays = {**plan.arrays(), "span_document": numbers.astype(np.int64)}
    beside: dict[str, Any] = {} if plan.literals is None else plan.literals.arrays()
    view = _core.PlanView(*arrays.values(), room=plan.room, **beside)
    found = view.verify_alone(len(present), plan.align, max_documents)
    return {**found, "documents without span": documents - len(present)}


def _compare_part(plan: Plan, part: PlanPart) -> None:
    """Raises ValueError unless the plan begins with that one."""
    if part.sequences <= plan.num_sequences:
        beside: dict[str, Any] = {}
        offsets = plan.sequence_offsets[: part.sequences + 1]
        spans = int(offsets[-1])
        if plan.literals is not None:
            beside = plan.literals.first(spans, part.sequences).arrays()
        view = _core.PlanView(
            offsets,
            plan.span_document[:spans],
            plan.span_start[:spans],
            plan.span_length[:spans],
            plan.sequence_capacity[: part.sequences],
            **beside,
        )
        if f"{view.fingerprint():016x}" == part.fingerprint:
            return
    raise ValueError(
        f"the plan extends one of {part.sequences} sequences with fingerprint {part.fingerprint}, and its "
        "first ones are others"
    )


def _compare_records(plan: Plan, path: Path) -> None:
    """Compares what plan.json records with what the arrays give."""
    anew = type(plan)(
        *plan.arrays().values(),
        sequence_length=plan.sequence_length,
        strategy=plan.strategy,
        options=plan.options,
        counts=plan.counts,
        lengths_fingerprint=plan.lengths_fingerprint,
        literals=plan.literals,
    )
    records: list[tuple[str, Any, Any]] = [
        ("fingerprint", plan.fingerprint, anew.fingerprint),
        ("sequence_length", plan.sequence_length, max([plan.sequence_length, *anew.buckets])),
        ("capacity_runs", plan._runs, anew._runs),
    ]
    records += [(f"totals.{name}", plan._totals.get(name), value) for name, value in anew._totals.items()]
    stats = anew.stats.as_dict()  # without learned tokens, which a plan without its store cannot tell
    records += [(f"stats.{name}", getattr(plan.stats, name), value) for name, value in stats.items()]
    for name, recorded, computed in records:
        if isinstance(computed, float) and isinstance(recorded, (int, float)):
            same = math.isclose(recorded, computed, rel_tol=1e-9, abs_tol=1e-12)
        else:
            same = recorded == computed
        if not same:
            raise ValueError(f"{path}: field {name!r} is {recorded!r}, but the arrays give {computed!r}")
