"""`pypack verify --repair`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

from pypack._common.words import counted
from pypack.cli.common import tell_result
from pypack.cli.errors import UsageError
from pypack.cli.tokenizers import load_tokenizer
from pypack.remote.url import Url

_MOST_TOLD = 5


def run_repair(
    args: argparse.Namespace,
    look_deep: Callable[[], dict[str, Any]],
    in_words: Callable[[dict[str, Any]], str],
) -> int:
    """Repairs a store, and verifies it; returns the exit status.

    Args:
        look_deep: with --deep, made of what is whole again: returns what it finds, and raises what is wrong.
        in_words: what it has found.
    """
    from pypack.jobs.open_place import place_at
    from pypack.jobs.repair import repair_store
    from pypack.store.remote_index import RemoteIndex
    from pypack.store.store import TokenStore

    if args.store is not None or place_at(args.path).exists("plan.json"):
        raise UsageError("--repair is for stores: a plan that is broken is packed again")
    tokenizer = None if args.tokenizer is None else load_tokenizer(args.tokenizer)

    def say(message: str) -> None:
        args.events.write("message", message=message)
        if not args.quiet:
            print(f"pypack verify: {message}", file=sys.stderr)

    done = repair_store(args.path, tokenizer=tokenizer, on_message=say)
    fault, looked = None, dict[str, Any]()
    if done.not_repaired:
        names = list(done.not_repaired)
        told = "; ".join(f"{name}: {done.not_repaired[name]}" for name in names[:_MOST_TOLD])
        more = f" (and {len(names) - _MOST_TOLD:,} more)" if len(names) > _MOST_TOLD else ""
        fault = f"{args.path}: not repaired, and left as it was: {told}{more}"
    elif args.deep:
        looked = look_deep()
    else:
        RemoteIndex(args.path).verify() if isinstance(args.path, Url) else TokenStore.open(args.path).verify()
    status = 1 if fault else 0
    found: dict[str, Any] = looked | {
        "path": str(args.path),
        "kind": "store",
        "ok": fault is None,
        "repaired": done.repaired,
        "not_repaired": done.not_repaired,
        "units": done.units,
        **({"error": fault} if fault else {}),
        "exit_status": status,
    }
    what = counted(len(done.repaired), "file was", "files were")
    lines = [f"{args.path}: {f'{what} made again' if done.repaired else 'nothing was made again'}"]
    if looked:
        lines.append(in_words(found))
    elif fault is None:
        lines[0] += ", and it is whole"
    tell_result(args, found, "\n".join(lines))
    if fault:
        print(f"pypack verify: {fault}", file=sys.stderr)
    return status
