"""`pypack convert`."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

from pypack._common.words import counted
from pypack.cli.arguments import natural, path_here, place, positive
from pypack.cli.common import tell_result
from pypack.cli.errors import UsageError
from pypack.remote.url import Url

if TYPE_CHECKING:
    from pypack.formats.opening import Opened

SUMMARY = "token stores to and from the formats of other libraries"

_DESCRIPTION = """\
Writes the documents of a token store, or the sequences of a plan over it, in the format of another library;
or, with --to store, reads such files into a token store, and their packed rows into a plan. Megatron-Core
datasets (.bin/.idx) are read as they are by every command of pypack, and a store's own shards are such
datasets.

What the format has no place for (a loss mask, groups, weights, columns) is told and counted, and nothing is
written, unless --allow-loss is given. The result is written whole or not at all.
"""
_EPILOG = """\
examples:
  pypack convert corpus.store corpus.hf --to datasets --plan corpus.plan
  pypack convert s3://lake/corpus.store corpus.hf --to datasets --plan s3://lake/corpus.plan
  pypack convert corpus.store corpus.npy --to nemo --plan corpus.plan
  pypack convert corpus.npy sft.store --to store
  pypack convert train.bin gpt2.store --to store --dtype uint16 --end-id 50256 --vocab-size 50257
  pypack convert packed.npy sft.store --to store --vocab-size 32000 --plan sft.plan
  pypack convert tokens.parquet my.store --to store --column input_ids --vocab-size 32000
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `pypack convert`."""
    from pypack.formats.formats import FORMATS

    formats = "\n".join(f"  {name:11} {form.summary}" for name, form in FORMATS.items())
    parser.description = _DESCRIPTION + "\nformats:\n" + formats + "\n  store       a token store\n"
    parser.epilog = _EPILOG
    parser.add_argument(
        "source", type=place, metavar="SRC", help="store, also at a URL; Megatron-Core dataset, or files"
    )
    parser.add_argument(
        "destination",
        type=path_here("what is converted is written on this machine: name a folder, and upload it"),
        metavar="DST",
        help="what to write; must not exist",
    )
    parser.add_argument(
        "--to", required=True, choices=(*FORMATS, "store"), metavar="FORMAT", help="the format to write"
    )
    parser.add_argument(
        "--plan",
        type=place,
        metavar="PLAN",
        help="write its sequences, not the documents; to store: where to write the plan of packed rows "
        "(default: DST with .plan)",
    )
    parser.add_argument("--mask", metavar="NAME", help="a column of SRC that says what is not learned")
    parser.add_argument(
        "--loss-mask", metavar="NAME", help="a column of SRC, 1 for each token that is learned"
    )
    parser.add_argument(
        "--allow-loss",
        action="store_true",
        help="write what the format has a place for, and leave out the rest",
    )
    parser.add_argument(
        "--split", metavar="NAME", help="datasets: the split of a DatasetDict, read or written"
    )
    parser.add_argument("--column", metavar="NAME", help="to store: the column with the token ids")
    parser.add_argument("--dtype", metavar="TYPE", help="to store: type of bare tokens, such as uint16")
    parser.add_argument("--end-id", type=natural, metavar="ID", help="to store: token that ends a document")
    parser.add_argument(
        "--vocab-size",
        type=positive,
        metavar="N",
        help="to store: every id is below it; what pypack wrote says it itself",
    )
    parser.add_argument(
        "--sequence-length",
        type=positive,
        metavar="N",
        help="to store: tokens that packed rows have room for (default: as described, else the longest row)",
    )
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Converts; returns the exit status."""
    begin = time.perf_counter()
    result = _to_store(args) if args.to == "store" else _from_store(args)
    result = {"path": str(args.destination), **result, "seconds": time.perf_counter() - begin}
    rows = counted(result["rows"], "row")
    lines = [f"{args.destination}: {rows} as {args.to} in {result['seconds']:.1f} s"]
    if result.get("plan"):
        lines.append(f"{result['plan']}: the plan of its rows")
    lines += [f"left out: {one['text']}" for one in result.get("lost", ())]
    tell_result(args, result, "\n".join([*lines, *result.get("notes", [])]))
    return 0


def _from_store(args: argparse.Namespace) -> dict[str, Any]:
    from pypack.formats.convert import write
    from pypack.formats.from_store import stream_of
    from pypack.plan.plan import Plan
    from pypack.store.store import TokenStore

    reading = ("column", "dtype", "end_id", "vocab_size", "sequence_length")
    given = [f"--{name.replace('_', '-')}" for name in reading if getattr(args, name) is not None]
    if given:
        raise UsageError(f"{', '.join(given)}: for reading other formats, with --to store")
    if args.split is not None and args.to != "datasets":
        raise UsageError("--split is for datasets folders")
    store = TokenStore.open(args.source)
    plan = None if args.plan is None else Plan.open(args.plan)
    stream = stream_of(store, plan, mask=args.mask, loss_mask=args.loss_mask)
    done = write(
        stream, args.destination, args.to, str(args.source), allow_loss=args.allow_loss, split=args.split
    )
    lost = [{"part": loss.part, "count": loss.count, "text": loss.text} for loss in done.losses]
    return {"rows": done.rows, "lost": lost}


def _to_store(args: argparse.Namespace) -> dict[str, Any]:
    from pypack.formats.convert import import_store
    from pypack.formats.output import clean_leftovers, refuse_existing

    if args.mask is not None or args.loss_mask is not None:
        raise UsageError("--mask and --loss-mask are for writing a store in another format")
    if isinstance(args.source, Url):
        raise UsageError(f"{args.source}: files of other libraries are read on this machine: copy them here")
    if isinstance(args.plan, Url):
        raise UsageError(f"{args.plan}: the plan of packed rows is written on this machine: name a folder")
    if (args.source / "store.json").is_file():
        raise UsageError(f"{args.source} is a token store already: --to names the format to write it in")
    clean_leftovers(args.destination)
    refuse_existing(args.destination.parent, [args.destination.name], into_empty=True)
    opened = _opened(args)
    vocab_size = args.vocab_size or opened.stream.about.vocab_size
    if vocab_size is None:
        raise UsageError(_VOCAB_SIZE)
    done = import_store(
        opened.stream,
        args.destination,
        vocab_size=vocab_size,
        found=opened.found,
        plan=args.plan,
        sequence_length=args.sequence_length,
    )
    plan = None if done.plan is None else str(done.plan)
    return {"rows": done.documents, "packed_rows": done.rows, "plan": plan, "notes": list(done.notes)}


_VOCAB_SIZE = "--to store needs --vocab-size: the store refuses ids that are not below it"


def _opened(args: argparse.Namespace) -> Opened:
    """Opens the files; what is missing is asked for in one message."""
    from pypack.formats.opening import opened

    try:
        return opened(args.source, column=args.column, dtype=args.dtype, end_id=args.end_id, split=args.split)
    except ValueError as error:
        from pypack.formats.about_file import MissingOptionsError

        if isinstance(error, MissingOptionsError) and args.vocab_size is None:
            raise UsageError(f"{error}; and {_VOCAB_SIZE}") from None
        raise
