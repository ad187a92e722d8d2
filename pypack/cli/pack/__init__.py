"""`pypack pack`: what it can be asked is in the modules beside this one."""

from __future__ import annotations

import argparse
import time
import warnings
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from pypack.cli.arguments import place, positive
from pypack.cli.common import tell_result
from pypack.cli.errors import UsageError
from pypack.cli.pack import pairs, selection, sequences
from pypack.cli.pack.comparing import ListStrategies, check_strategy, compare
from pypack.cli.pack.extending import check_extends, extended, extends_with_more
from pypack.cli.pack.result import plan_in_words
from pypack.cli.pack.sequences import own_options
from pypack.cli.remote import check_free, save_plan
from pypack.cli.subject import add_subjects, values_of
from pypack.remote.url import Url

if TYPE_CHECKING:
    from pypack.plan.plan import Plan
    from pypack.store.remote_index import RemoteIndex
    from pypack.store.store import TokenStore

SUMMARY = "token store to a plan of training sequences"

_DESCRIPTION = """\
Decides which tokens of a store stand in which training sequence, and writes that as a plan: a directory of
small arrays. The plan is proved before it is written: every token stands in it exactly once or is counted as
left out. --compare shows what every strategy would give, side by side.
"""
_EPILOG = """\
examples:
  pypack pack corpus.store --sequence-length 8192 --compare
  pypack pack corpus.store -o corpus.plan --sequence-length 8192
  pypack pack corpus.store -o corpus.plan --sequence-length 8192 --strategy concat --set border=truncate
  pypack pack s3://lake/corpus.store -o s3://lake/corpus.plan --sequence-length 8192
  pypack pack corpus.store -o grown.plan --extend corpus.plan
  pypack pack s3://lake/corpus.store -o s3://lake/grown.plan --extend s3://lake/corpus.plan
  pypack pack corpus.store -o t5.plan --sequence-length 512 --objective "SpanCorruption(rate=0.15, mean=3)"
  pypack pack corpus.store -o good.plan --sequence-length 8192 --where "score > 0.7 and lang == 'en'"
"""


# Their values are the arguments that `pypack.pack` has for every strategy.
SUBJECTS = (sequences.SUBJECT, pairs.SUBJECT, selection.SUBJECT)


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `pypack pack`."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.add_argument(
        "store",
        type=place,
        metavar="STORE",
        help="store, by path or URL, or a Megatron-Core .bin/.idx prefix",
    )
    parser.add_argument("-o", "--output", type=place, metavar="PLAN", help="the plan to write")
    parser.add_argument("--overwrite", action="store_true", help="replace the plan that stands at PLAN")
    parser.add_argument(
        "--extend", type=place, metavar="OLD",
        help="the plan of the store before it grew: its sequences stay, new documents come behind; OLD stays",
    )  # fmt: skip
    parser.add_argument("--compare", action="store_true", help="show what every strategy would give")
    parser.add_argument(
        "--list", action=ListStrategies, help="list the strategies and their options, and leave"
    )
    parser.add_argument("--threads", type=positive, metavar="N", help="threads (default: all cores)")
    parser.add_argument("--workers", type=positive, metavar="N", help=argparse.SUPPRESS)  # its old name
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    add_subjects(parser, SUBJECTS)


def run(args: argparse.Namespace) -> int:
    """Makes, proves and writes the plan; returns the exit status."""
    if args.output is None and not args.compare:
        raise UsageError("name the plan to write with -o PLAN, or see what strategies give with --compare")
    if args.extend is not None:
        check_extends(args)
    elif args.sequence_length is None:
        raise UsageError("give --sequence-length, the tokens of a training sequence")
    if args.workers is not None:
        warnings.warn("--workers is called --threads now, and goes on working", stacklevel=1)
    pairs.check(args, selection.selects(args))
    check_strategy(args.strategy)
    store: Any = _opened(args)
    if isinstance(args.output, Url):
        check_free(args.output)
    elif args.output is not None and args.output.exists():
        if not args.overwrite:
            raise UsageError(f"{args.output} exists: choose another path or add --overwrite")
        if not (args.output / "plan.json").is_file():
            raise UsageError(f"{args.output} exists and is not a plan: it is not replaced")
    result: dict[str, Any] = {"store": str(args.store), "exit_status": 0}
    if args.compare:
        result["compared"] = compare(store, args, values_of(args, SUBJECTS))
    words: list[str] = []
    if args.output is not None:
        made = extended(store, args) if args.extend is not None else nullcontext(_packed(store, args))
        with made as (plan, seconds):
            plan.verify(store.lengths)
            if isinstance(args.output, Url):
                save_plan(plan, args.output)
            else:
                plan.save(args.output, overwrite=args.overwrite)
            result |= {"output": str(args.output), "seconds": seconds, **plan.summary()}
            words = plan_in_words(args.output, plan)
    tell_result(args, result, "\n".join(words))
    return 0


def _opened(args: argparse.Namespace) -> TokenStore | RemoteIndex:
    """The store. Of one at a URL the lengths are read, and nothing else, unless an option asks for more, or
    it says which tokens are learned: then it is read through a cache (PYPACK_CACHE, or the usual)."""
    from pypack.store.store import TokenStore

    if not isinstance(args.store, Url):
        return TokenStore.open(args.store)
    from pypack.store.beside import MASK
    from pypack.store.remote_index import RemoteIndex

    index = RemoteIndex(args.store)
    needs_more = args.keep_together or args.drop_unlearned or selection.selects(args) or args.objective
    if needs_more or (args.extend is not None and extends_with_more(args)):
        return TokenStore.open(str(args.store))
    if any(MASK in shard.beside for shard in index.info.shards):
        try:
            return TokenStore.open(str(args.store))
        except ValueError as error:  # of an older version
            warnings.warn(f"the learned tokens of the plan are not counted: {error}", stacklevel=1)
    return index


def _packed(store: Any, args: argparse.Namespace) -> tuple[Plan, float]:
    from pypack.packing.packing import pack

    began = time.perf_counter()
    options: dict[str, Any] = {**values_of(args, SUBJECTS), **own_options(args.set)}
    if args.strategy is not None:
        options["strategy"] = args.strategy
    try:
        if args.objective is not None:
            plan = pairs.packed(store, args)
        elif selection.selects(args):
            plan = selection.packed(store, args, options)
        else:
            if args.keep_together is not None:
                options["keep_together"] = store.groups_by(args.keep_together)
            if args.drop_unlearned:
                options["learned"] = store.learned_lengths
            plan = pack(store.lengths, args.sequence_length, **options)
        if store.has_loss_mask:
            plan.count_learned(store)
    except TypeError as error:
        raise UsageError(f"{error} (pypack pack --list)") from error
    except ValueError as error:
        if args.overflow == "error":  # it may be a document that is too long
            raise
        raise UsageError(str(error)) from error
    return plan, time.perf_counter() - began
