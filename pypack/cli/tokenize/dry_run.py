"""`pypack tokenize --dry-run`: what the job would make."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pypack.cli.progress import ProgressBar, count, duration

if TYPE_CHECKING:
    from pypack.jobs.dry_run import Prediction
    from pypack.jobs.tokenize import TokenizeOptions
    from pypack.tokenizer.tokenizer import Tokenizer


# Of how a job is done, what a look at a sample needs.
_NEEDED = ("format", "num_threads", "strict", "preflight")


def run_dry(
    args: argparse.Namespace, tokenizer: Tokenizer, options: TokenizeOptions, work: Mapping[str, Any]
) -> int:
    """Reads a sample of the inputs and prints what it predicts; returns the exit status.

    Args:
        work: how the job would be done: arguments of `pypack.jobs.tokenize.tokenize`.
    """
    from pypack.jobs.tokenize import predict

    with ProgressBar() as bar:
        found = predict(
            args.inputs,
            args.output,
            tokenizer,
            options,
            **{name: work[name] for name in _NEEDED},
            on_message=bar.say,
        )
    if args.json:
        print(json.dumps({"dry_run": True, **asdict(found), "exit_status": 0}))
    else:
        print(_told(found))
    return 0


def _told(found: Prediction) -> str:
    about = "" if found.is_complete else "about "
    if found.error is None:
        within = " (of one file alone, which says nothing of the others)" if found.files > 1 else ""
    else:
        within = f" (within {found.error:.1%})" if found.error else ""
    sample = (
        f"all {found.files:,} files read"
        if found.is_complete
        else f"from {count(found.sampled_bytes)}B of {count(found.bytes)}B on disk: the beginnings of "
        f"{found.sampled_files:,} of {found.files:,} files"
    )
    lines = [
        f"{about}{found.documents:,} documents, {about}{found.tokens:,} tokens{within}",
        f"  on disk: {about}{count(found.disk_bytes)}B",
        f"  time on this machine, in one process: about {duration(found.seconds)}",
        f"  rejected: {about}{found.rejected:,}",
        f"  sample: {sample}; nothing was written",
    ]
    if found.streams:
        lines.append("  not counted: pipes and standard input, which can be read only once")
    return "\n".join(lines)
