"""How `pypack tokenize` runs: workers, threads, partitions; nothing of it changes the store."""

from __future__ import annotations

import argparse
from typing import Any

from pypack.cli.arguments import count_or_auto, positive
from pypack.cli.errors import UsageError
from pypack.cli.subject import Group, Subject


def _add(group: Group) -> None:
    group.add_argument(
        "--workers", type=count_or_auto, default=None, metavar="N",
        help="processes that work on units of the inputs; 1: this one alone; auto: as many as cores, where "
        "there are more than two and more than one unit (default: auto)",
    )  # fmt: skip
    group.add_argument(
        "--threads", type=positive, metavar="N",
        help="threads that encode, in each worker (default: all cores, with several workers one each)",
    )  # fmt: skip
    group.add_argument(
        "--engine", choices=("local", "ray"), default="local",
        help="who works on units: processes of this machine, or tasks of a Ray cluster (default: local)",
    )  # fmt: skip
    group.add_argument(
        "--ray-address", metavar="ADDRESS",
        help="the cluster of --engine ray; auto: that of this machine (default: RAY_ADDRESS, else one "
        "that is started here)",
    )  # fmt: skip
    group.add_argument(
        "--partition", metavar="I/N",
        help="work on every N-th unit alone, beginning with number I from 0 on: N such commands, anywhere, "
        "make one store; slurm: I and N are those of this task of a Slurm array",
    )  # fmt: skip
    group.add_argument(
        "--memory-limit", type=positive, metavar="BYTES",
        help="a worker that has more memory finishes its unit in smaller batches and is replaced",
    )  # fmt: skip
    group.add_argument(
        "--dry-run", action="store_true",
        help="write nothing: read a sample, and predict documents, tokens, disk space and time",
    )  # fmt: skip


def _values(args: argparse.Namespace) -> dict[str, Any]:
    from pypack.jobs.partition import Partition, PartitionError

    try:
        partition = None if args.partition is None else Partition.parse(args.partition)
    except PartitionError as error:
        raise UsageError(f"--{error}") from error
    if args.ray_address is not None and args.engine != "ray":
        raise UsageError("--ray-address goes with --engine ray")
    if args.engine == "ray" and args.workers is not None:
        raise UsageError("--workers are processes of this machine: a Ray cluster knows its own number")
    if args.engine == "ray" and args.memory_limit is not None:
        raise UsageError("--memory-limit goes with --workers; Ray has limits of its own")
    return {
        "num_workers": args.workers,
        "engine": args.engine,
        "ray_address": args.ray_address,
        "num_threads": args.threads,
        "partition": partition,
        "memory_limit": args.memory_limit,
    }


SUBJECT = Subject("how it runs", _add, _values)
