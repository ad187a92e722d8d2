"""What there is to complete: the commands, their options, and what these take."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from pypack.cli.arguments import file_path, input_name
from pypack.cli.commands import COMMANDS, module_of, parser_of

_PATHS = ("FILE", "FOLDER", "STORE", "PLAN", "DIR", "OUT", "IN")


@dataclass(frozen=True)
class Taken:
    """What an argument takes.

    Attributes:
        name: for a person.
        choices: all that it may be, where that is known.
        is_path: a file or folder.
    """

    name: str
    choices: tuple[str, ...] = ()
    is_path: bool = False


@dataclass(frozen=True)
class Option:
    """An option with its names; `takes` is None of a switch."""

    names: tuple[str, ...]
    help: str
    takes: Taken | None


@dataclass(frozen=True)
class Command:
    """A command, its options, and what its other arguments are (the last may be repeated)."""

    name: str
    help: str
    options: tuple[Option, ...]
    arguments: tuple[Taken, ...]


def all_commands() -> list[Command]:
    """Every command with all that its help shows."""
    return [_command(name) for name in COMMANDS]


def _command(name: str) -> Command:
    shown = [action for action in parser_of(name).actions if action.help is not argparse.SUPPRESS]
    return Command(
        name,
        module_of(name).SUMMARY,
        tuple(_option(action) for action in shown if action.option_strings),
        tuple(_taken(action) for action in shown if not action.option_strings),
    )


def _option(action: argparse.Action) -> Option:
    is_switch = action.nargs == 0 or isinstance(action, argparse.BooleanOptionalAction)
    return Option(tuple(action.option_strings), _brief(action), None if is_switch else _taken(action))


def _brief(action: argparse.Action) -> str:
    """The beginning of the help, in one line."""
    text = (action.help or "").replace("%%", "%").partition(" (default")[0]
    return text.partition("; ")[0].partition(": ")[0]


def _taken(action: argparse.Action) -> Taken:
    name = action.metavar if isinstance(action.metavar, str) else action.dest
    is_path = action.type in (file_path, input_name) or (
        "=" not in name and any(word in _PATHS for word in name.split("|"))
    )
    return Taken(name, tuple(map(str, action.choices or ())), is_path)
