"""The command of every benchmark: `python bench NAME [options]`; `python bench NAME --help` says the rest."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

_FOLDER = Path(__file__).resolve().parent

COMMANDS = {
    "tokenize": "text to ids beside other libraries; scaling, loading, hostile inputs, memory",
    "read": "texts out of JSON lines beside other parsers",
    "corpus": "texts out of files of every kind beside other readers, processor time and memory",
    "job": "the whole way from JSON lines to a store, beside what others write",
    "convert": "stores into other libraries' formats and back, beside the disk and those libraries",
    "chat": "conversations to ids and loss masks beside datasets.map",
    "strategies": "what each packing strategy costs and keeps, on the same documents",
    "pack": "packing beside public packers: speed, fill, bias, balance",
    "select": "selections, orders and repeats beside a whole store",
    "load": "packed batches beside the bare work and other loaders",
    "remote": "packed batches from a server, through an empty and a full cache",
    "objectives": "batches with an objective beside plain ones and transformers' collator",
    "moving": "batches whose tokens or positions are moved beside plain ones and reference code",
    "prefill": "packed prompts in a transformers model beside padded ones",
    "demo": "the table of `pypack demo`",
    "tables": "put the tables of bench/results into the pages, or check them",
    "picture": "draw the pictures of docs/images/ from bench/results, or check them",
}


def _import_as_a_package() -> None:
    """Makes `bench` importable, behind all that is installed.

    Python has put this folder first on the path, where bench/tokenize would stand for the library's tokenize;
    and in front of an installed pypack the checkout's pypack/ would have no compiled extension.
    """
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != _FOLDER]
    sys.path.append(str(_FOLDER.parent))


def main(arguments: list[str]) -> int | None:
    """Runs the benchmark named first; returns the exit status."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print("usage: python bench NAME [options]\n")
        for name, text in COMMANDS.items():
            print(f"  {name:11}{text}")
        return 0
    name = arguments[0]
    if name not in COMMANDS:
        print(
            f"python bench: no benchmark is called {name!r}; there are {', '.join(COMMANDS)}", file=sys.stderr
        )
        return 2
    _import_as_a_package()
    status: int | None = importlib.import_module(f"bench.{name}.command").main(arguments[1:])
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
