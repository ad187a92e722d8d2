"""Which tokens `pypack tokenize` puts around documents, and what it makes of text that looks like one."""

from __future__ import annotations

import argparse
from typing import Any

from pypack.cli.errors import UsageError
from pypack.cli.subject import Group, Subject


def _add(group: Group) -> None:
    group.add_argument(
        "--append-eos", action=argparse.BooleanOptionalAction, default=None,
        help="end every document with the end-of-document token (default: if the tokenizer has one)",
    )  # fmt: skip
    group.add_argument(
        "--prepend-bos", action="store_true", help="begin every document with the begin-of-document token"
    )
    group.add_argument(
        "--add-special-tokens", action="store_true",
        help="put around every document what the tokenizer's own template does ([CLS], <s>, </s> ...)",
    )  # fmt: skip
    group.add_argument("--bos-token", metavar="TOKEN", help="which token that is, if pypack cannot tell")
    group.add_argument("--eos-token", metavar="TOKEN", help="which token that is, if pypack cannot tell")
    group.add_argument(
        "--parse-special-tokens", action="store_true",
        help="text that looks like a special token becomes that token (default: it is plain text, and "
        "counted); what templates write is always tokens",
    )  # fmt: skip
    group.add_argument(
        "--split-special-tokens", action="store_true",
        help="text that looks like a special token is plain text, which is the default",
    )  # fmt: skip


def _values(args: argparse.Namespace) -> dict[str, Any]:
    if args.parse_special_tokens and args.split_special_tokens:
        raise UsageError("--split-special-tokens says the contrary of --parse-special-tokens: leave one out")
    return {
        "append_eos": args.append_eos,
        "prepend_bos": args.prepend_bos,
        "add_special_tokens": args.add_special_tokens,
        "split_special_tokens": not args.parse_special_tokens,
    }


SUBJECT = Subject("how it is tokenized", _add, _values)
