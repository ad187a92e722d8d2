"""`pypack inspect SCHEDULE.yaml`: what a run of the schedule would draw."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from pypack.cli.arguments import file_path, positive
from pypack.cli.errors import UsageError
from pypack.cli.opened_source import opened_source

if TYPE_CHECKING:
    from pypack.source.source import Source


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments that are for schedules."""
    group = parser.add_argument_group("schedules")
    group.add_argument(
        "--source",
        action="append",
        default=[],
        metavar="NAME=STORE,PLAN[,PLAN...]",
        help="a source that the schedule names, with its store and the plans over it; once for each",
    )
    size = group.add_mutually_exclusive_group()
    size.add_argument("--batch-tokens", type=positive, metavar="N", help="tokens of the global batch")
    size.add_argument("--batch-sequences", type=positive, metavar="N", help="or its sequences")
    group.add_argument(
        "--plot", type=file_path, metavar="FILE", help="also draw mixture and lengths over the steps"
    )


def run(args: argparse.Namespace) -> int:
    """Shows the preview; returns the exit status."""
    from pypack.schedule.schedule import Schedule

    if not args.source:
        raise UsageError(
            f"{args.path}: a schedule needs its sources: --source NAME=STORE,PLAN for each name in it"
        )
    try:
        schedule = Schedule.from_yaml(args.path)
    except ImportError as error:
        raise UsageError(
            "reading a schedule needs pyyaml: pip install pyyaml, or pypack-engine's extra [report]"
        ) from error
    except ValueError as error:
        # The file is at fault, not what was asked; and it is named once.
        raise ValueError(f"{args.path}: {str(error).removeprefix(f'{args.path}: ')}") from error
    sources = _sources(args.source)
    batch = {"batch_tokens": args.batch_tokens, "batch_sequences": args.batch_sequences}
    try:
        preview = schedule.preview(sources, **batch)
    except ValueError as error:
        raise UsageError(f"{args.path}: {error}") from error
    if args.json:
        print(json.dumps({"kind": "schedule", "path": str(args.path), **preview.to_dict()}))
    else:
        print(f"{args.path}: schedule of {len(schedule.phases)} phases")
        print(preview)
    if args.plot is not None:
        try:
            schedule.plot(args.plot, sources, **batch)
        except ValueError as error:  # matplotlib's, of names whose ending is no format
            raise UsageError(f"--plot {args.plot}: {error}") from error
    return 0


def _sources(texts: list[str]) -> dict[str, Source]:
    """The sources by name.

    Raises:
        UsageError: one is not written so, or comes twice, or its plan is not of its store.
    """
    sources: dict[str, Source] = {}
    for text in texts:
        name, _, paths = text.partition("=")
        store, *plans = paths.split(",")
        if not name or not store or not plans or not all(plans):
            raise UsageError(f"--source must be NAME=STORE,PLAN[,PLAN...], got {text!r}")
        if name in sources:
            raise UsageError(f"--source {name} is given twice: name each source once, with all of its plans")
        sources[name] = opened_source(f"--source {name}", store, plans)
    return sources
