"""The command `pypack`: one module per subcommand, each with SUMMARY, configure(parser) and run(args)."""

from __future__ import annotations

import argparse
import errno
import json
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pypack._common.version import VERSION
from pypack.cli import commands, origins
from pypack.cli.commands import COMMANDS
from pypack.cli.common import notice
from pypack.cli.errors import UsageError, describe, exit_status
from pypack.cli.event_log import EventLog
from pypack.cli.stopping import stop_status, stop_word, terminable
from pypack.cli.suggestions import did_you_mean
from pypack.cli.terminal import patient_streams

__all__ = ["COMMANDS", "main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `pypack`; returns the exit status, see the end of `pypack --help`."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    # numpy's linear algebra, of which no command makes use, starts a thread a core that spins for a while.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with patient_streams() as out, terminable():
        status = _main(arguments)
        out.flush()
    # Of what only shows something, the output is all there is. A reader who left has seen enough.
    shows = bool(arguments) and arguments[0] in commands.SHOWING
    return 1 if shows and out.lost not in (None, errno.EPIPE) else status


def _main(arguments: list[str]) -> int:
    """Understands the arguments, and runs the command."""
    command = arguments[0] if arguments else None
    args = argparse.Namespace(command=command, json="--json" in arguments)
    try:
        if command is None or command not in COMMANDS:
            return _without_command(command)
        args = _parsed(command, arguments[1:])
        check = getattr(commands.module_of(command), "check", None)
        if check is not None:  # of what must hold before anything is written
            check(args)
        args.events = EventLog(args.log_json, command)
        return _run(args)
    except SystemExit as leaving:  # the help was printed, or the like
        return leaving.code if isinstance(leaving.code, int) else 2
    except KeyboardInterrupt as error:
        return _report(args, f"{stop_word(error)}; nothing half-written was left behind", stop_status(error))
    except BaseException as error:  # panics of Rust are no Exception
        if isinstance(error, GeneratorExit) or os.environ.get("PYPACK_DEBUG"):
            raise
        return _report(args, describe(error, _subject(args)), exit_status(error))


def _without_command(word: str | None) -> int:
    if word in ("-h", "--help"):
        print(commands.top_help(), end="")
        return 0
    if word in ("-V", "--version"):
        print(f"pypack {VERSION}")
        return 0
    if word is None:
        print(commands.top_help(), end="", file=sys.stderr)
        return 2
    what = "option before a command" if word.startswith("-") else "command"
    near = did_you_mean(word, COMMANDS) or f"; the commands are {', '.join(COMMANDS)}"
    print(f"pypack: there is no {what} {word}{near}", file=sys.stderr)
    return 2


def _parsed(command: str, arguments: list[str]) -> argparse.Namespace:
    """Raises UsageError, or SystemExit when the help or the version was printed."""
    parser = commands.parser_of(command)
    known = origins.variables_of(parser, command)
    if origins.unknown_variable(os.environ, known) is not None:
        # Almost that of an option of this command; perhaps it is that of another command.
        for other in COMMANDS:
            known |= origins.variables_of(commands.parser_of(other), other)
        wrong = origins.unknown_variable(os.environ, known)
        if wrong is not None:
            raise UsageError(wrong)
    return origins.parse(parser, command, arguments, os.environ, COMMANDS)


def _run(args: argparse.Namespace) -> int:
    for line in origins.told(args):
        notice(args, line)
    args.events.write("begin", options=origins.as_json(args))
    status = 1
    try:
        with _told_warnings(args):
            status = int(commands.module_of(args.command).run(args))
    except KeyboardInterrupt as error:
        status = stop_status(error)
        raise
    except BaseException as error:
        status = exit_status(error)
        args.events.write("error", error=describe(error, _subject(args)))
        raise
    finally:
        args.events.write("end", exit_status=status)
        args.events.close()
    return status


@contextmanager
def _told_warnings(args: argparse.Namespace) -> Iterator[None]:
    """Warnings in one line each, without the place in the code that they come from."""

    def show(message: Warning | str, *_: Any) -> None:
        args.events.write("warning", message=str(message))
        print(f"pypack {args.command}: warning: {message}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = show  # type: ignore[assignment]
        yield


def _subject(args: argparse.Namespace) -> str:
    """The file that a command is about."""
    values = (getattr(args, name, None) for name in ("path", "source", "store", "inputs"))
    found = next((value for value in values if value), "the input")
    return ", ".join(map(str, found[:3])) if isinstance(found, list) else str(found)


def _report(args: argparse.Namespace, message: str, status: int) -> int:
    print(f"pypack {args.command}: {message}", file=sys.stderr)
    if getattr(args, "json", False):
        print(json.dumps({"error": message, "exit_status": status}))
    return status
