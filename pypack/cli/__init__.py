"""The command `pypack`: one file per subcommand, each with SUMMARY, configure(parser) and run(args)."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

from pypack import __version__
from pypack.cli.errors import describe, exit_status

COMMANDS = ("tokenize", "pack", "inspect", "verify", "demo", "bench", "convert")

_DESCRIPTION = """\
Turns text into full training batches:

  text files  --pypack tokenize-->  token store  --pypack pack-->  plan  --pypack.Loader-->  batches
"""
_EPILOG = """\
pypack COMMAND --help explains a command, with examples.
Exit status: 0 all well, 1 the job or a check failed, 2 it could not begin as asked, 130 interrupted.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `pypack`; returns the exit status, see the end of `pypack --help`."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    modules = {name: import_module(f"pypack.cli.{name}") for name in COMMANDS}
    parser = _parser(modules, arguments[0] if arguments else None)
    try:
        args = parser.parse_args(arguments)
    except SystemExit as leaving:  # argparse has printed the help, or what is wrong
        return leaving.code if isinstance(leaving.code, int) else 2
    if args.command is None:
        parser.print_help(sys.stderr)
        return 2
    try:
        status: int = modules[args.command].run(args)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return _report(args, "interrupted; nothing half-written was left behind", 130)
    except Exception as error:
        told = exit_status(error)
        if told is None or os.environ.get("PYPACK_DEBUG"):
            raise
        return _report(args, describe(error), told)
    return status


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
