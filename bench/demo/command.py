"""The table of `pypack demo` on this machine, for the pages.

python bench demo
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.common.arguments import parser
from bench.common.printing import print_table
from bench.common.record import write_results
from pypack.demo.run import run_demo


def main(arguments: list[str]) -> None:
    """Runs the demo and writes its figures into the result file."""
    options = parser("demo", __doc__)
    options.add_argument("--no-results", action="store_true", help="do not write bench/results")
    args = options.parse_args(arguments)
    with tempfile.TemporaryDirectory() as directory:
        result = run_demo(Path(directory), print).as_dict()
    for way in result["ways"]:
        del way["picture"]
    del result["store"], result["batch_start"]
    print_table(result["ways"])
    if not args.no_results:
        print(write_results("demo", result, "tokenizers"))
