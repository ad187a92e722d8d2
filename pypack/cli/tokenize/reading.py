"""What `pypack tokenize` reads: fields, kinds of files, what is done with what is malformed."""

from __future__ import annotations

import argparse
from typing import Any

from pypack.cli.arguments import names, positive, reject_limit
from pypack.cli.subject import Group, Subject
from pypack.jobs.reject_limit import RejectLimit

# As `pypack.corpus.kinds.FORMATS` has them, whose package takes numpy along.
FORMATS = (
    "json_lines", "json_array", "text", "page", "csv", "tsv", "parquet", "arrow", "tar", "warc",
)  # fmt: skip


def _add(group: Group) -> None:
    group.add_argument(
        "--field", type=names, action="extend", metavar="NAME,...",
        help="the field or column that holds the text; a dotted path for nested ones; several are joined, "
        "those that a record has (default: text)",
    )  # fmt: skip
    group.add_argument(
        "--joiner", default="\\n\\n", metavar="TEXT",
        help="what stands between several fields; \\n and \\t are a newline and a tab (default: \\n\\n)",
    )  # fmt: skip
    group.add_argument(
        "--keep", type=names, default=(), metavar="NAME,...",
        help="fields kept beside the tokens, as a parquet file for each shard; also names of folders such as "
        "lang=en/",
    )  # fmt: skip
    group.add_argument(
        "--format", choices=FORMATS,
        help="what the files named as IN hold, pipes, /dev/stdin and - among them (default: by their names; "
        "- holds JSON lines)",
    )  # fmt: skip
    group.add_argument(
        "--txt-per-line", action="store_true", help="text files hold one document a line, not one a file"
    )
    group.add_argument(
        "--max-document-bytes", type=positive, default=1 << 28, metavar="N",
        help="longer lines, text files and rows (with what is kept of them) are rejected (default: 256M)",
    )  # fmt: skip
    group.add_argument(
        "--on-error", choices=("reject", "stop"), default="reject",
        help="what is malformed: set it aside and go on, or stop there (default: reject)",
    )  # fmt: skip
    group.add_argument(
        "--max-rejects", type=reject_limit, default=RejectLimit("1%"), metavar="N",
        help="stop once more documents than this were rejected: a number, or a percentage (of at least "
        "10,000 records); exit status 1 if all in all there were more, or any whole file (default: 1%%)",
    )  # fmt: skip
    group.add_argument(
        "--strict", action="store_true", help="what a folder holds and would not be read is an error"
    )
    group.add_argument(
        "--preflight", action=argparse.BooleanOptionalAction, default=True,
        help="look at the first documents of the inputs before any work (default: yes)",
    )  # fmt: skip


def _values(args: argparse.Namespace) -> dict[str, Any]:
    return {
        "field": args.field[0] if args.field and len(args.field) == 1 else tuple(args.field or ["text"]),
        "joiner": args.joiner.replace("\\n", "\n").replace("\\t", "\t"),
        "keep": args.keep,
        "format": args.format,
        "txt_per_line": args.txt_per_line,
        "max_document_bytes": args.max_document_bytes,
        "on_error": args.on_error,
        "max_rejects": args.max_rejects.text,
        "strict": args.strict,
        "preflight": args.preflight,
    }


SUBJECT = Subject("what is read", _add, _values)
