"""What `pypack tokenize` says of a job that has ended."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pypack._common.words import counted
from pypack.cli.common import tell_result
from pypack.cli.figures import duration, rates
from pypack.jobs.reject_limit import RejectLimit, too_many

if TYPE_CHECKING:
    from pypack.jobs.places import PlacedFile
    from pypack.jobs.progress import Appended
    from pypack.jobs.tokenize import TokenizeResult


def tell(result: TokenizeResult, args: argparse.Namespace) -> int:
    """Prints the result, and what is wrong with it; returns the exit status."""
    fault = _units_failed(result) or _too_many_rejects(result, args.max_rejects)
    values = _as_dict(result) | {"error": fault, "exit_status": 1 if fault else 0}
    tell_result(args, values, "\n".join(_in_words(result)))
    if fault:
        print(f"pypack tokenize: {fault}", file=sys.stderr)
    return 1 if fault else 0


def _units_failed(result: TokenizeResult) -> str | None:
    if not result.failed_units:
        return None
    return (
        f"units {result.failed_units} could not be made: the workers die of them, and of none of their files "
        "alone; run again, with --workers 1 to see more"
    )


def _too_many_rejects(result: TokenizeResult, limit: RejectLimit) -> str | None:
    if not result.is_finished:
        return None  # which units are done by now is luck: who finishes the store looks at all of them
    from pypack.jobs.open_place import place_at

    log = place_at(result.output).file("rejected.jsonl")
    if result.appended is not None:  # the others were judged when they came
        return _too_many_appended(result.appended, limit, log)
    if result.rejected_files:
        return f"{counted(result.rejected_files, 'input')} could not be read to the end; see {log}"
    read = result.documents + sum(result.passed_over.values())
    return too_many(limit, result.rejected_by_kind, read, log)


def _too_many_appended(appended: Appended, limit: RejectLimit, log: PlacedFile) -> str | None:
    if appended.rejected_files:
        return f"{counted(appended.rejected_files, 'new input')} could not be read to the end; see {log}"
    return too_many(limit, appended.rejected_by_kind, appended.documents + appended.passed_over, log)


def _as_dict(result: TokenizeResult) -> dict[str, Any]:
    return asdict(result) | {"output": str(result.output)}


def _appended_in_words(appended: Appended) -> Iterator[str]:
    known = f"; {counted(appended.known_inputs, 'input')} had been" if appended.known_inputs else ""
    if not appended.inputs and not appended.shards:
        yield "  appended: nothing, as all inputs are in it already"
        return
    yield (
        f"  appended: {counted(appended.documents, 'document')}, {counted(appended.tokens, 'token')} in "
        f"{counted(appended.shards, 'shard')} of {counted(appended.inputs, 'new input')}{known}"
    )


def _in_words(result: TokenizeResult) -> Iterator[str]:
    progress = result.progress
    yield (
        f"{result.output}: {counted(result.documents, 'document')}, {counted(result.tokens, 'token')} in "
        f"{counted(result.shards, 'shard')}"
    )
    if result.appended is not None:
        yield from _appended_in_words(result.appended)
    if not result.is_finished:
        yield (
            f"  not finished: units {result.missing_units} of {result.units:,} are missing; who makes the "
            "last of them finishes the store"
        )
    if result.dead_workers:
        yield f"  workers that died and were replaced: {result.dead_workers:,}"
    if result.replaced_workers:
        yield f"  workers that passed --memory-limit and were replaced: {result.replaced_workers:,}"
    if result.resumed_documents:
        resumed = counted(result.resumed_documents, "document was", "documents were")
        yield f"  of them {resumed} finished by an earlier run"
    yield f"  this run: {duration(progress.seconds)}, {rates(progress)} (engine: {result.engine})"
    if progress.blank_lines:
        yield f"  blank lines passed over: {progress.blank_lines:,}"
    if result.passed_over:
        reasons = ", ".join(f"{reason} {number:,}" for reason, number in result.passed_over.items())
        yield f"  passed over as asked: {sum(result.passed_over.values()):,} ({reasons})"
    if result.look_alikes:
        yield f"  text that looks like a special token, and is plain text: {result.look_alikes:,}"
    if result.rejected:
        kinds = ", ".join(f"{kind} {number:,}" for kind, number in sorted(result.rejected_by_kind.items()))
        listed = f", listed in {result.output}/rejected.jsonl" if result.is_finished else " so far"
        yield f"  rejected: {result.rejected:,} ({kinds}){listed}"
