"""`pypack verify`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pypack.cli.arguments import file_path, place
from pypack.cli.artifact import kind_of
from pypack.cli.common import tell_result
from pypack.cli.errors import UsageError
from pypack.remote.url import Url

if TYPE_CHECKING:
    from pypack.store.store import TokenStore

_MOST_TOLD = 5
SUMMARY = "prove that a store or a plan is whole"

_DESCRIPTION = """\
Reads everything and proves it.

A store: the headers fit the files, every checksum is the recorded one (store.json, tokenizer.json and
rejected.jsonl have theirs, too), no file is missing, no shard is there that the store does not name, every id
is below the vocabulary size.
A plan: no token stands in it twice, no sequence is over-full, and all figures that it records are those of
its arrays. With --store also: every token of the store stands in the plan exactly once or is counted as left
out, and the plan was made for that very store.
"""
_EPILOG = """\
examples:
  pypack verify corpus.store
  pypack verify s3://lake/corpus.store
  pypack verify corpus.plan
  pypack verify corpus.plan --store corpus.store
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `pypack verify`."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.add_argument("path", type=place, metavar="STORE|PLAN", help="what to prove")
    parser.add_argument("--store", type=file_path, metavar="STORE", help="the store that a plan is for")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Proves it; returns the exit status. What is wrong is raised as a ValueError."""
    from pypack.store.contents import extra_files
    from pypack.store.store import TokenStore

    if isinstance(args.path, Url):
        from pypack.cli.remote import remote_kind, verified

        if remote_kind(args.path) != "store" or args.store is not None:
            raise UsageError(f"{args.path}: at URLs stores are verified; copy a plan to this machine")
        found: dict[str, Any] = verified(args.path)
    elif kind_of(args.path) == "plan":
        from pypack.plan.plan import Plan

        plan = Plan.open(args.path)
        plan.verify(None if args.store is None else TokenStore.open(args.store).lengths)
        found = {
            "kind": "plan",
            "against_store": args.store is not None,
            "sequences": plan.num_sequences,
            "tokens": plan.counts.tokens,
            "planned": plan.num_tokens,
            "dropped": plan.counts.dropped_tokens,
            "truncated": plan.counts.truncated_tokens,
        }
    else:
        if args.store is not None:
            raise UsageError("--store goes with a plan, and this is a store")
        store = TokenStore.open(args.path)
        unchecked = store.verify()
        found = {
            "kind": "store",
            "unchecked": unchecked,
            "strangers": [] if store.info is None else extra_files(store.path, store.info)[1],
            "documents": store.num_documents,
            "tokens": store.num_tokens,
            "largest_id": _check_ids(store),
        }
    found |= {"path": str(args.path), "ok": True, "exit_status": 0}
    tell_result(args, found, _in_words(found))
    return 0


def _in_words(found: Mapping[str, Any]) -> str:
    figures = (
        f"{name} {value:,}" for name, value in found.items() if type(value) is int and name != "exit_status"
    )
    unchecked, strangers = found.get("unchecked", []), found.get("strangers", [])
    lines = [f"{found['path']}: {'no fault found' if unchecked else 'whole'} ({', '.join(figures)})"]
    if unchecked:
        lines.append(f"  not proved, as no checksum is recorded: {', '.join(unchecked)}")
    if strangers:
        more = f" and {len(strangers) - _MOST_TOLD:,} more" if len(strangers) > _MOST_TOLD else ""
        lines.append(f"  no part of the store: {', '.join(strangers[:_MOST_TOLD])}{more}")
    return "\n".join(lines)


def _check_ids(store: TokenStore) -> int:
    """The largest id; -1 if there is no token."""
    import numpy as np

    if store.info is None:
        files = [store.path.with_name(store.path.name + ".bin")]
    else:
        files = [store.path / f"{shard.name}.bin" for shard in store.info.shards]
    largest = -1
    for file in files:
        if file.stat().st_size == 0:
            continue
        ids = np.memmap(file, store.dtype, mode="r")
        low, high = int(ids.min()), int(ids.max())
        if low < 0 or (store.vocab_size is not None and high >= store.vocab_size):
            bad = int(np.flatnonzero((ids < 0) | (ids >= (store.vocab_size or ids.max() + 1)))[0])
            raise ValueError(
                f"{file}: token {bad} is id {int(ids[bad])}; ids of this store are from 0 to "
                f"{'any' if store.vocab_size is None else store.vocab_size - 1}"
            )
        largest = max(largest, high)
    return largest
