"""`pypack verify`."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pypack._common.words import counted
from pypack.cli.arguments import file_path, place
from pypack.cli.artifact import kind_of
from pypack.cli.common import tell_result
from pypack.cli.errors import UsageError
from pypack.cli.remote import opened_plan, remote_kind, verified
from pypack.remote.url import Url

if TYPE_CHECKING:
    from pypack.plan.plan import Plan

_MOST_TOLD = 5
SUMMARY = "prove that a store or a plan is whole, or mend it"

_DESCRIPTION = """\
Reads everything and proves it.

A store: the headers fit the files, every checksum is the recorded one (store.json, tokenizer.json and
rejected.jsonl have theirs, too), no file is missing, no shard is there that the store does not name, every id
is below the vocabulary size.
A plan: no token stands in it twice, no sequence is over-full, and all figures that it records are those of
its arrays. With --store also: every token of the store stands in the plan exactly once or is counted as left
out, and the plan was made for that very store, or for it as it was before it grew.

Exit status 1 says that something is not what it should be, or could not be mended.
"""
_EPILOG = """\
examples:
  pypack verify corpus.store
  pypack verify s3://lake/corpus.store --deep
  pypack verify corpus.store --quick
  pypack verify corpus.store --repair
  pypack verify corpus.store --deep --repair
  pypack verify corpus.plan
  pypack verify corpus.plan --store corpus.store
  pypack verify s3://lake/corpus.plan --store s3://lake/corpus.store
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `pypack verify`."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.add_argument("path", type=place, metavar="STORE|PLAN", help="what to prove")
    parser.add_argument("--store", type=place, metavar="STORE", help="the store that a plan is for")
    level = parser.add_mutually_exclusive_group()
    level.add_argument(
        "--quick", action="store_true",
        help="read descriptions, and the names and sizes of files, alone: a store of 100,000 shards takes a "
        "second",
    )  # fmt: skip
    level.add_argument(
        "--deep", action="store_true",
        help="look also for what was wrong from the beginning: ids around documents, masks, groups, weights, "
        "columns; and read and encode some documents of the inputs again, where these are still there",
    )  # fmt: skip
    parser.add_argument(
        "--repair", action="store_true",
        help="make broken and missing files of a store again from its inputs; what comes out must have the "
        "recorded checksums, or all stays as it is; with --deep, that looks at what is whole again",
    )  # fmt: skip
    parser.add_argument(
        "--tokenizer", type=file_path, metavar="FILE",
        help="with --repair: the tokenizer of the store, where its own file is broken",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Proves it; returns the exit status. What is wrong is raised as a ValueError."""
    if args.tokenizer is not None and not args.repair:
        raise UsageError("--tokenizer goes with --repair")
    if args.repair:
        from pypack.cli.repair import run_repair

        if args.quick:
            raise UsageError("--repair reads all that --quick does not read: name one of them")
        return run_repair(args, lambda: _store_at(args.path, quick=False, deep=True), _in_words)
    if (remote_kind(args.path) if isinstance(args.path, Url) else kind_of(args.path)) == "plan":
        if args.deep:
            raise UsageError("--deep is for stores: of a plan everything is proved without it")
        found: dict[str, Any] = _plan(args.path, args.store, quick=args.quick)
    elif args.store is not None:
        raise UsageError("--store goes with a plan, and this is a store")
    else:
        found = _store_at(args.path, quick=args.quick, deep=args.deep)
    found |= {"path": str(args.path), "ok": True, "exit_status": 0}
    tell_result(args, found, _in_words(found))
    return 0


def _store_at(where: Path | Url, *, quick: bool, deep: bool) -> dict[str, Any]:
    if isinstance(where, Url):
        return verified(where, quick=quick, deep=deep)
    return _store(where, quick=quick, deep=deep)


def _plan(path: Path | Url, store: Path | Url | None, *, quick: bool) -> dict[str, Any]:
    with opened_plan(path) as plan:
        behind = _quick_plan(plan, store) if quick else _prove_plan(plan, store)
        return {
            "kind": "plan",
            **({"documents_behind": behind} if behind else {}),
            "against_store": store is not None,
            **({"level": "quick"} if quick else {}),
            "sequences": plan.num_sequences,
            "tokens": plan.counts.tokens,
            "planned": plan.num_tokens,
            "dropped": plan.counts.dropped_tokens,
            "truncated": plan.counts.truncated_tokens,
        }


def _prove_plan(plan: Plan, path: Path | Url | None) -> int:
    """Proves a plan; returns how many documents its store has got since it was made."""
    from pypack._common.fingerprint import is_of_lengths
    from pypack.store.remote_index import RemoteIndex
    from pypack.store.store import TokenStore

    if path is None:
        plan.verify()
        return 0
    made_for = plan.counts.documents
    if isinstance(path, Url):
        lengths = RemoteIndex(path).lengths
        begins = made_for < len(lengths) and is_of_lengths(plan.lengths_fingerprint, lengths[:made_for])
    else:
        store = TokenStore.open(path)
        lengths = store.lengths
        begins = made_for < len(lengths) and store.begins_with(made_for, plan.lengths_fingerprint)
    has_grown = plan.documents is None and made_for > 0 and begins
    plan.verify(lengths[:made_for] if has_grown else lengths)
    return len(lengths) - made_for if has_grown else 0


def _quick_plan(plan: Plan, path: Path | Url | None) -> int:
    """Compares what a plan and a store say of one another; opening the plan has looked at its arrays."""
    from pypack.source.plan_documents import chosen_documents
    from pypack.store.quick_check import quick_check
    from pypack.store.remote_index import RemoteIndex
    from pypack.store.store import TokenStore

    if path is None:
        return 0
    recorded = plan.lengths_fingerprint if plan.documents is None else plan.store_fingerprint
    if isinstance(path, Url):
        is_same = recorded == RemoteIndex(path).info.lengths_fingerprint
        return 0 if is_same else _prove_plan(plan, path)
    if path.is_dir() and recorded == quick_check(path).lengths_fingerprint:
        return 0
    store = TokenStore.open(path)
    with warnings.catch_warnings():  # of what is returned
        warnings.simplefilter("ignore")
        chosen_documents(store, [plan], None)
    return 0 if plan.documents is not None else len(store) - plan.counts.documents


def _store(path: Path, *, quick: bool, deep: bool) -> dict[str, Any]:
    from pypack.store.contents import extra_files, is_growing
    from pypack.store.deep_check import largest_id
    from pypack.store.quick_check import quick_check
    from pypack.store.store import TokenStore

    if quick and path.is_dir():
        looked = quick_check(path)
        return {
            "kind": "store",
            "level": "quick",
            "growing": is_growing(path),
            "documents": looked.documents,
            "tokens": looked.tokens,
            "shards": looked.shards,
            "files": looked.files,
        }
    store = TokenStore.open(path)
    unchecked = store.verify("quick" if quick else "deep" if deep else "full")
    found = {
        "kind": "store",
        **({"level": "quick" if quick else "deep"} if quick or deep else {}),
        "unchecked": unchecked,
        "strangers": [] if store.info is None else extra_files(store.path, store.info)[1],
        "growing": is_growing(path) if path.is_dir() else False,
        "documents": store.num_documents,
        "tokens": store.num_tokens,
        **({} if quick else {"largest_id": largest_id(store)}),
    }
    if deep:
        from pypack.jobs.recheck import compare_with_inputs

        found |= compare_with_inputs(store).told()
    return found


_FIGURES = (
    "documents", "sequences", "tokens", "planned", "dropped", "truncated", "largest_id", "shards", "files",
)  # fmt: skip


def _in_words(found: Mapping[str, Any]) -> str:
    figures = (f"{name} {found[name]:,}" for name in _FIGURES if name in found)
    unchecked, strangers = found.get("unchecked", []), found.get("strangers", [])
    verdict = "no fault found" if unchecked or found.get("level") == "quick" else "whole"
    lines = [f"{found['path']}: {verdict} ({', '.join(figures)})"]
    if behind := found.get("documents_behind"):
        lines.append(
            f"  the store has grown since: its last {counted(behind, 'document')} are not in the plan "
            "(pypack pack --extend adds them)"
        )
    if found.get("growing"):
        lines.append("  an append has begun, and has not ended: the same command goes on with it")
    if "compared_documents" in found:
        lines.append(
            f"  read and encoded again: {counted(found['compared_documents'], 'document')} of "
            f"{counted(found['compared_units'], 'unit')}, the same"
        )
    if not_compared := found.get("not_compared"):
        more = f" and {len(not_compared) - 1:,} more" if len(not_compared) > 1 else ""
        decoded = counted(found["decoded_documents"], "document was", "documents were")
        lines.append(f"  not compared: {not_compared[0]}{more}; {decoded} decoded")
    if unchecked:
        lines.append(f"  not proved, as no checksum is recorded: {', '.join(unchecked)}")
    if strangers:
        more = f" and {len(strangers) - _MOST_TOLD:,} more" if len(strangers) > _MOST_TOLD else ""
        lines.append(f"  no part of the store: {', '.join(strangers[:_MOST_TOLD])}{more}")
    return "\n".join(lines)
