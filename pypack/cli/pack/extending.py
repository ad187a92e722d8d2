"""`pypack pack --extend`: the plan of a store that has grown."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pypack.cli.errors import UsageError
from pypack.cli.pack import selection
from pypack.cli.remote import PLAN_FILE, opened_plan

if TYPE_CHECKING:
    from pypack.plan.plan import Plan
    from pypack.store.remote_index import RemoteIndex
    from pypack.store.store import TokenStore


def check_extends(args: argparse.Namespace) -> None:
    """Raises UsageError for what the old plan says already."""
    given = {
        "--sequence-length": args.sequence_length,
        "--strategy": args.strategy,
        "--max-documents": args.max_documents,
        "--set": args.set,
        "--compare": args.compare,
        "--overflow": args.overflow != "split",
        "--align": args.align != 1,
        "--drop-shorter-than": args.drop_shorter_than,
        "--divisible-by": args.divisible_by != 1,
        "--drop-unlearned": args.drop_unlearned,
    }
    for name, value in given.items():
        if value:
            raise UsageError(f"{name} does not go with --extend, which packs as the old plan was packed")
    selection.refuse_with_extend(args)


def extends_with_more(args: argparse.Namespace) -> bool:
    """Whether the old plan was packed with more of a store than the lengths of its documents."""
    from pypack._common.schema import parse_json
    from pypack.remote import NoObjectError, Url, objects

    try:
        if isinstance(args.extend, Url):
            data = objects().read(args.extend / PLAN_FILE)
        else:
            data = (args.extend / PLAN_FILE).read_bytes()
        options = parse_json(data).get("options", {})
        return bool(options.get("keep_together") or options.get("drop_unlearned"))
    except (FileNotFoundError, NoObjectError, ValueError, AttributeError):
        return False  # opening it says what is wrong


@contextmanager
def extended(store: TokenStore | RemoteIndex, args: argparse.Namespace) -> Iterator[tuple[Plan, float]]:
    """The plan of a grown store, and the seconds that it took; of an old one at a URL there is a copy on this
    machine meanwhile."""
    from pypack.packing.extending import extend_plan
    from pypack.store.store import TokenStore

    began = time.perf_counter()
    with opened_plan(args.extend) as old:
        keeps, learns = old.options.get("keep_together"), old.options.get("drop_unlearned")
        if keeps and args.keep_together is None:
            raise UsageError("the old plan keeps groups together: name them again with --keep-together")
        groups = learned = None
        if isinstance(store, TokenStore):
            groups = None if args.keep_together is None else store.groups_by(args.keep_together)
            learned = store.learned_lengths if learns else None
        plan = extend_plan(
            old,
            store.lengths,
            keep_together=groups,
            learned=learned,
            num_threads=args.threads or args.workers,
        )
        if store.has_loss_mask:
            plan.count_learned(store)
        yield plan, time.perf_counter() - began
