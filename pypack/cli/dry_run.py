"""`pypack tokenize --dry-run`: what the job would make."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

from pypack.cli.progress import ProgressBar, count, duration

if TYPE_CHECKING:
    from pypack.jobs.dry_run import Prediction
    from pypack.jobs.tokenize import TokenizeOptions
    from pypack.tokenizer.tokenizer import Tokenizer


def run_dry(args: argparse.Namespace, tokenizer: Tokenizer, options: TokenizeOptions) -> int:
    """Reads a sample of the inputs and prints what it predicts; returns the exit status."""
    from pypack import corpus
    from pypack.jobs.dry_run import predict
    from pypack.jobs.preflight import look

    found = corpus.find_inputs(args.inputs, exclude=[args.output], format=args.format)
    left_out = found.left_out
    if args.strict and left_out.refused:
        raise corpus.CorpusError(f"--strict: not all files would be read, left out are {left_out.summary()}")
    warnings: tuple[str, ...] = ()
    if args.preflight:
        seen = look(found.files, field=args.field, keep=args.keep, txt_per_line=args.txt_per_line)
        warnings = seen.warnings
    with ProgressBar() as bar:
        if left_out.total:
            bar.say(left_out.told())
        for warning in warnings:
            bar.say(f"warning: {warning}")
        prediction = predict(
            found.files,
            partial(tokenizer.encode_batch, split_special_tokens=options.split_special_tokens),
            tokenizer.vocab_size,
            appends=options.append_eos is not False and tokenizer.eos_id is not None,
            field=options.field,
            keep=options.keep,
            txt_per_line=options.txt_per_line,
            max_document_bytes=options.max_document_bytes,
        )
    streams = sum(file.is_stream for file in found.files)
    if args.json:
        told = {"left_out": left_out.to_json(), "warnings": warnings, "streams": streams, "exit_status": 0}
        print(json.dumps({"dry_run": True, **asdict(prediction), **told}))
    else:
        print(_told(prediction, streams))
    return 0


def _told(found: Prediction, streams: int) -> str:
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
    if streams:
        lines.append("  not counted: pipes and standard input, which can be read only once")
    return "\n".join(lines)
