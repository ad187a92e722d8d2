"""What `pypack tokenize` writes: the sizes of units and shards, and what stands there already."""

from __future__ import annotations

import argparse
from typing import Any

from pypack.cli.arguments import positive
from pypack.cli.subject import Group, Subject


def _add(group: Group) -> None:
    group.add_argument(
        "--unit-bytes", type=positive, default=1 << 30, metavar="N",
        help="how the inputs are cut into units, each of which begins a shard: files are gathered to so many "
        "bytes, larger ones of plain lines cut; compressed bytes count four times (default: 1G)",
    )  # fmt: skip
    group.add_argument(
        "--shard-tokens", type=positive, default=1 << 28, metavar="N",
        help="tokens in a shard (default: 256M)",
    )  # fmt: skip
    group.add_argument(
        "--word-borders", action="store_true",
        help="keep a bit a token beside the tokens: whether a word begins with it, by the tokenizer's "
        "pre-tokenizer; for MaskedLM(whole_word=True)",
    )  # fmt: skip
    group.add_argument(
        "--overwrite", action="store_true", help="start over, replacing what OUT holds of pypack's"
    )
    group.add_argument(
        "--append", action="store_true",
        help="OUT is finished: put the documents of those IN that it has not yet behind its own, whose "
        "numbers stay; tokenizer and options must be those that it was made with. What was begun before is "
        "finished first; IN that changed since they were read are an error",
    )  # fmt: skip
    group.add_argument(
        "--retry-rejected", action="store_true",
        help="OUT is finished, and files of which something was refused are mended: read that again, and put "
        "it behind the documents that are there, whose numbers stay; IN may be the mended files alone",
    )  # fmt: skip


def _values(args: argparse.Namespace) -> dict[str, Any]:
    return {
        "unit_bytes": args.unit_bytes,
        "shard_tokens": args.shard_tokens,
        "word_borders": args.word_borders,
        "overwrite": args.overwrite,
        "retry_rejected": args.retry_rejected,
        "append": args.append,
    }


SUBJECT = Subject("what is written", _add, _values)
