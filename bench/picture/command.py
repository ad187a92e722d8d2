"""Draws docs/images/throughput.svg from bench/results/tokenize.json and job_peers.json.

python bench picture            writes it
python bench picture --check    exits with 1 if it is not what the result files give
"""

from __future__ import annotations

import sys

from bench.common.arguments import parser
from bench.common.record import ROOT
from bench.picture.throughput import picture

_PATH = ROOT / "docs" / "images" / "throughput.svg"


def main(arguments: list[str]) -> int:
    """Writes or checks the picture; returns the exit status."""
    options = parser("picture", __doc__)
    options.add_argument("--check", action="store_true", help="change nothing")
    args = options.parse_args(arguments)
    drawn = picture()
    if not args.check:
        _PATH.parent.mkdir(parents=True, exist_ok=True)
        _PATH.write_text(drawn, encoding="utf-8")
        return 0
    if _PATH.is_file() and _PATH.read_text(encoding="utf-8") == drawn:
        return 0
    print(f"{_PATH}: not what bench/results give; run python bench picture", file=sys.stderr)
    return 1
