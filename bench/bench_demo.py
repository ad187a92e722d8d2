"""The table at the top of the README: `pypack demo` on this machine.

python bench/bench_demo.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from harness import print_table, write_results

from pypack.demo.run import run_demo


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        result = run_demo(Path(directory), print).as_dict()
    for way in result["ways"]:
        del way["picture"]
    del result["store"], result["batch_start"]
    print_table(result["ways"])
    print(write_results("demo", result, "tokenizers"))


if __name__ == "__main__":
    main()
