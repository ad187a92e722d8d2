"""Draws the pictures of docs/images/ from bench/results.

python bench picture            writes them
python bench picture --check    exits with 1 if they are not what the result files give
"""

from __future__ import annotations

import sys

from bench.common.arguments import parser
from bench.common.record import ROOT
from bench.picture.jobs import pictures
from bench.picture.throughput import picture

_FOLDER = ROOT / "docs" / "images"


def main(arguments: list[str]) -> int:
    """Writes or checks the pictures; returns the exit status."""
    options = parser("picture", __doc__)
    options.add_argument("--check", action="store_true", help="change nothing")
    args = options.parse_args(arguments)
    status = 0
    for name, drawn in {"throughput": picture(), **pictures()}.items():
        path = _FOLDER / f"{name}.svg"
        if not args.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(drawn, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != drawn:
            print(f"{path}: not what bench/results give; run python bench picture", file=sys.stderr)
            status = 1
    return status
