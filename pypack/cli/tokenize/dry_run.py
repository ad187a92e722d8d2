"""`pypack tokenize --dry-run`: what the job would make."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pypack._common.words import counted
from pypack.cli.common import tell_result
from pypack.cli.figures import count, duration
from pypack.cli.origins import as_json, told
from pypack.cli.progress import ProgressBar

if TYPE_CHECKING:
    from pypack.jobs.dry_run import Prediction
    from pypack.jobs.tokenize import TokenizeOptions
    from pypack.tokenizer.tokenizer import Tokenizer


# Of how a job is done, what a look at a sample needs.
_NEEDED = ("format", "num_threads", "strict", "preflight", "append")


def run_dry(
    args: argparse.Namespace, tokenizer: Tokenizer, options: TokenizeOptions, work: Mapping[str, Any]
) -> int:
    """Reads a sample of the inputs and prints what it predicts; returns the exit status.

    Args:
        work: how the job would be done: arguments of `pypack.jobs.tokenize.tokenize`.
    """
    from pypack.jobs.tokenize import predict

    with ProgressBar(quiet=args.quiet) as bar:
        found = predict(
            args.inputs,
            args.output,
            tokenizer,
            options,
            **{name: work[name] for name in _NEEDED},
            on_message=bar.say,
        )
    figures = asdict(found)
    if not args.append:
        for name in ("known_inputs", "moved_inputs", "begun_inputs"):
            del figures[name]
    values = {"dry_run": True, **figures, "options": as_json(args), "exit_status": 0}
    tell_result(
        args, values, "\n".join([*_told(found, append=args.append), *(f"  {line}" for line in told(args))])
    )
    return 0


def _told(found: Prediction, *, append: bool) -> list[str]:
    known = []
    if append:
        moved = f", {found.moved_inputs:,} of them at another place before" if found.moved_inputs else ""
        known = [f"  in the store already: {counted(found.known_inputs, 'input')}{moved}, passed over"]
        if found.begun_inputs:
            known.append(
                f"  begun before, and finished first: {counted(found.begun_inputs, 'input')}, in these figures"
            )
        if not found.files and not found.streams:
            return ["nothing to add: the store has all inputs", *known]
    about = "" if found.is_complete else "about "
    if found.error is None:
        within = " (of one file alone, which says nothing of the others)" if found.files > 1 else ""
    else:
        within = f" (within {found.error:.1%})" if found.error else ""
    sample = (
        ("the one file read" if found.files == 1 else f"all {found.files:,} files read")
        if found.is_complete
        else f"from {count(found.sampled_bytes)}B of {count(found.bytes)}B on disk: the beginnings of "
        f"{found.sampled_files:,} of {counted(found.files, 'file')}"
    )
    lines = [
        f"{'to add: ' if append else ''}{about}{counted(found.documents, 'document')}, {about}{counted(found.tokens, 'token')}{within}",
        f"  on disk: {about}{count(found.disk_bytes)}B",
        f"  time on this machine, in one process: about {duration(found.seconds)}",
        f"  rejected: {about}{found.rejected:,}",
        f"  sample: {sample}; nothing was written",
    ]
    lines += known
    if found.streams:
        lines.append("  not counted: pipes and standard input, which can be read only once")
    return lines
