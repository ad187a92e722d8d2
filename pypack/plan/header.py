"""What plan.json says of a plan: written of one, and read into what makes one again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pypack.plan import chosen
from pypack.plan import files as plan_files
from pypack.plan.sides import read_sides
from pypack.plan.stats import PlanCounts, PlanPart, PlanStats

if TYPE_CHECKING:
    from pypack.plan.plan import Plan

# plan.json keeps where the sequences of each capacity stand, so that a loader starts without reading them
# all; a plan whose capacities alternate has too many runs for that.
_MAX_SAVED_RUNS = 1000


def header_of(plan: Plan) -> dict[str, Any]:
    """The fields of plan.json of a plan, but for format, version and checksums."""
    header = {
        "strategy": plan.strategy,
        "options": plan.options,
        "sequence_length": plan.sequence_length,
        "num_sequences": plan.num_sequences,
        "num_spans": plan.num_spans,
        "lengths_fingerprint": plan.lengths_fingerprint,
        "fingerprint": plan.fingerprint,
        "counts": dataclasses.asdict(plan.counts),
        "totals": plan._totals,
        "stats": plan.stats.as_dict(),
    }
    if plan.extends:
        header["extends"] = [dataclasses.asdict(part) for part in plan.extends]
    header |= chosen.header_of(plan)
    if len(plan._runs) <= _MAX_SAVED_RUNS:
        header["capacity_runs"] = plan._runs
    return header


def fields_of(
    directory: Path, header: Mapping[str, Any], documents: NDArray[np.int64] | None
) -> dict[str, Any]:
    """What `Plan` takes beside the arrays, from the header of the plan.json in a folder.

    Raises:
        ValueError: names the file and the field that is wrong.
    """
    return {
        "sequence_length": header["sequence_length"],
        "strategy": header["strategy"],
        "options": header["options"],
        "counts": plan_files.read_record(directory, header, "counts", PlanCounts),
        "lengths_fingerprint": header["lengths_fingerprint"],
        "extends": [PlanPart(**part) for part in header.get("extends", ())],
        "documents": documents,
        "repeats": plan_files.read_repeats(directory, header, header["num_sequences"]),
        "selection": header.get("selection"),
        "store_fingerprint": header.get("documents", {}).get("store_fingerprint"),
        "sides": read_sides(directory, header),
    }


def figures_of(directory: Path, header: Mapping[str, Any]) -> dict[str, Any]:
    """What plan.json says and would else be computed of the arrays, by the attribute of `Plan` that keeps
    it.

    Raises:
        ValueError: names the file and the field that is wrong.
    """
    figures = {
        "learned_tokens": header["stats"].get("learned_tokens"),
        "_totals": header["totals"],
        "fingerprint": header["fingerprint"],
        "stats": plan_files.read_record(directory, header, "stats", PlanStats),
    }
    if "documents" in header:
        figures["documents_fingerprint"] = header["documents"]["fingerprint"]
    if "capacity_runs" in header:
        figures["_runs"] = sorted(plan_files.read_runs(directory, header, header["num_sequences"]))
    return figures
