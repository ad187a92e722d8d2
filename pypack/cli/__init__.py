"""The command `pypack`: one file per subcommand, each with SUMMARY, configure(parser) and run(args)."""

from __future__ import annotations

import argparse
import errno
import json
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType

from pypack import __version__
from pypack.cli.errors import describe, exit_status
from pypack.cli.terminal import patient_streams

COMMANDS = (
    "tokenize",
    "merge",
    "pack",
    "inspect",
    "verify",
    "check-tokenizer",
    "demo",
    "bench",
    "convert",
    "upgrade",
    "join",
    "dedup",
)

_DESCRIPTION = """\
Turns text into full training batches:

  text files  --pypack tokenize-->  token store  --pypack pack-->  plan  --pypack.Loader-->  batches
"""
_EPILOG = """\
pypack COMMAND --help explains a command, with examples.
Exit status: 0 all well, 1 the job or a check failed, 2 it could not begin as asked, 130 interrupted.
PYPACK_DEBUG=1 in the environment shows where an error came from.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `pypack`; returns the exit status, see the end of `pypack --help`."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    # numpy's linear algebra, of which no command makes use, starts a thread a core that spins for a while.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with patient_streams() as out:
        status = _main(arguments)
        out.flush()
    # Of what only shows something, the output is all there is. A reader who left has seen enough.
    shows = arguments[:1] in (["inspect"], ["check-tokenizer"], ["bench"])
    return 1 if shows and out.lost not in (None, errno.EPIPE) else status


def _main(arguments: list[str]) -> int:
    modules = {name: import_module(f"pypack.cli.{name.replace('-', '_')}") for name in COMMANDS}
    parser = _parser(modules, arguments[0] if arguments else None)
    try:
        args = parser.parse_args(arguments)
    except SystemExit as leaving:  # argparse has printed the help, or what is wrong
        return leaving.code if isinstance(leaving.code, int) else 2
    if args.command is None:
        parser.print_help(sys.stderr)
        return 2
    try:
        with _told_warnings(args.command):
            status: int = modules[args.command].run(args)
    except KeyboardInterrupt:
        return _report(args, "interrupted; nothing half-written was left behind", 130)
    except BaseException as error:  # panics of Rust are no Exception
        if isinstance(error, (SystemExit, GeneratorExit)) or os.environ.get("PYPACK_DEBUG"):
            raise
        return _report(args, describe(error, _subject(args)), exit_status(error))
    return status


@contextmanager
def _told_warnings(command: str) -> Iterator[None]:
    """Warnings in one line each, without the place in the code that they come from."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = lambda message, *_: print(
            f"pypack {command}: warning: {message}", file=sys.stderr
        )
        yield


def _subject(args: argparse.Namespace) -> str:
    """The file that a command is about."""
    values = (getattr(args, name, None) for name in ("path", "source", "store", "inputs"))
    found = next((value for value in values if value), "the input")
    return ", ".join(map(str, found[:3])) if isinstance(found, list) else str(found)


def _parser(modules: dict[str, ModuleType], command: str | None) -> argparse.ArgumentParser:
    """The parser of `pypack`, with the arguments of the one command that is called."""
    parser = argparse.ArgumentParser(
        "pypack",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"pypack {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, module in modules.items():
        subparser = commands.add_parser(
            name, help=module.SUMMARY, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        if name == command:  # the arguments of some commands take imports to list
            module.configure(subparser)
    return parser


def _report(args: argparse.Namespace, message: str, status: int) -> int:
    print(f"pypack {args.command}: {message}", file=sys.stderr)
    if getattr(args, "json", False):
        print(json.dumps({"error": message, "exit_status": status}))
    return status
