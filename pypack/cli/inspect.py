"""`pypack inspect`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from pypack.cli import inspect_objective, inspect_plan, inspect_remote, inspect_schedule, inspect_store
from pypack.cli.arguments import file_path, natural, place
from pypack.cli.artifact import is_texts, kind_of
from pypack.cli.errors import UsageError
from pypack.cli.remote import is_artifact, opened_plan, remote_kind
from pypack.cli.tokenizers import load_tokenizer
from pypack.remote.url import Url

if TYPE_CHECKING:
    from pypack.store.store import TokenStore
    from pypack.tokenizer.tokenizer import Tokenizer

SUMMARY = "what a store or a plan holds, or what a schedule would draw"

_DESCRIPTION = """\
Shows what a token store, a plan, or a bare Megatron-Core dataset (.bin/.idx) holds: its totals, the lengths
of its documents or spans, how full its sequences are, and the first of them.
Of a schedule (YAML, see pypack.Schedule) it shows phase by phase what a run would draw: steps, tokens, epochs
of every source, row lengths, and what attention would cost.
"""
_EPILOG = """\
examples:
  pypack inspect corpus.store
  pypack inspect corpus.plan --first 10
  pypack inspect s3://lake/corpus.store
  pypack inspect s3://lake/a.plan --store s3://lake/a.store --batch-tokens 1M --locality 1000 --ranks 64
  pypack inspect corpus.store --fertility
  pypack inspect texts/ --fertility --tokenizer a/tokenizer.json --tokenizer b/tokenizer.json
  pypack inspect corpus.store --objective 'MaskedLM(rate=0.3)'
  pypack inspect my_megatron_corpus_text_document --tokenizer tokenizer.json
  pypack inspect mix.yaml --batch-tokens 1M --source web=web.store,web.plan --source code=code.store,code.plan
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `pypack inspect`."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.add_argument("path", type=place, metavar="STORE|PLAN|SCHEDULE", help="what to look at")
    parser.add_argument(
        "--first", type=natural, default=3, metavar="N", help="documents or sequences to show (default: 3)"
    )
    parser.add_argument(
        "--tokenizer",
        type=file_path,
        metavar="FILE",
        action="append",
        default=[],
        help="decode with this tokenizer.json, not the store's own; with --fertility one more to compare",
    )
    parser.add_argument(
        "--fertility",
        nargs="*",
        type=file_path,
        metavar="TOKENIZER",
        help="tokens a word and a byte of a store's documents, or of texts, by script, source, tokenizer",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    inspect_objective.configure(parser)
    inspect_schedule.configure(parser)
    inspect_remote.configure(parser)


def run(args: argparse.Namespace) -> int:
    """Shows it; returns the exit status."""
    if args.fertility is not None:
        return _fertility(args)
    if isinstance(args.path, Url):
        return _at_url(args)
    kind = kind_of(args.path)
    if len(args.tokenizer) > 1:
        raise UsageError("several --tokenizer are for --fertility")
    if args.objective is not None and kind in ("schedule", "plan"):
        raise UsageError(f"--objective is of a store, and {args.path} is a {kind}")
    inspect_remote.check(args, kind)
    if kind == "schedule":
        return inspect_schedule.run(args)
    if kind == "plan":
        return _show_plan(args)
    return _show_store(args)


def _show_store(args: argparse.Namespace) -> int:
    """Of one at a URL through a cache."""
    from pypack.store.store import TokenStore

    store = TokenStore.open(str(args.path), cache=args.cache)
    tokenizer = _tokenizer(store, args.tokenizer[0] if args.tokenizer else None)
    found = inspect_store.described(store, args.path, tokenizer, args.first)
    if args.objective is not None:
        found["objective"] = args.objective
        found["learns"] = inspect_objective.preview(store, tokenizer, args.objective, args.first)
    if args.json:
        print(json.dumps(found))
    else:
        inspect_store.print_store(found)
    return 0


def _show_plan(args: argparse.Namespace) -> int:
    """Of a plan at a URL what its plan.json says is shown, and the first sequences."""
    from pypack.plan.plan import Plan

    plan = Plan.open(args.path, cache=args.cache)
    found = inspect_plan.described(plan, args.path, args.first)
    if args.store is not None:
        found["remote"] = inspect_remote.cost(plan, args)
    if args.json:
        print(json.dumps(found))
    else:
        inspect_plan.print_plan(found)
    return 0


def _at_url(args: argparse.Namespace) -> int:
    """Of a store at a URL its descriptions and lengths are read, and of its tokens those of the first; a plan
    is copied for the while, or read through a cache with its --store."""
    kind = remote_kind(args.path)
    inspect_remote.check(args, kind)
    if len(args.tokenizer) > 1:
        raise UsageError("several --tokenizer are for --fertility")
    if args.objective is not None:
        if kind == "plan":
            raise UsageError(f"--objective is of a store, and {args.path} is a {kind}")
        return _show_store(args)
    if kind == "plan" and args.store is not None:
        return _show_plan(args)
    if kind == "plan":
        with opened_plan(args.path) as plan:
            found = inspect_plan.described(plan, args.path, args.first)
    else:
        found = inspect_store.described_at_url(args.path, next(iter(args.tokenizer), None), args.first)
    if args.json:
        print(json.dumps(found))
    else:
        (inspect_plan.print_plan if kind == "plan" else inspect_store.print_store)(found)
    return 0


def _fertility(args: argparse.Namespace) -> int:
    from pypack.cli.fertility import fertility_of_store, fertility_of_texts, shown
    from pypack.store.store import TokenStore

    others = [*args.fertility, *args.tokenizer]
    if isinstance(args.path, Url) and is_artifact(args.path):
        kind = remote_kind(args.path)
        if kind != "store":
            raise UsageError(f"--fertility is of a store or of texts, and {args.path} is a {kind}")
        found = fertility_of_store(TokenStore.open(str(args.path), cache=args.cache), others)
    elif isinstance(args.path, Url) or is_texts(args.path):
        if not others:
            raise UsageError(f"--fertility of texts ({args.path}) needs a tokenizer: --tokenizer FILE")
        found = fertility_of_texts(args.path, others)
    else:
        kind = kind_of(args.path)
        if kind != "store":
            raise UsageError(f"--fertility is of a store or of texts, and {args.path} is a {kind}")
        found = fertility_of_store(TokenStore.open(args.path), others)
    print(json.dumps({"path": str(args.path), "fertility": found}) if args.json else shown(found))
    return 0


def _tokenizer(store: TokenStore, path: Path | None) -> Tokenizer | None:
    if path is None:
        try:
            return store.tokenizer()
        except FileNotFoundError:
            return None
    return load_tokenizer(path)
