"""The parser of a command: argparse without its abbreviations, whose errors say what may have been meant.

argparse, as it is imported in a third of the time of click and less of typer and cyclopts, and as what these
have beyond it is little: `origins.py` (variables and configuration), `suggestions.py` and `completion/`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from pypack.cli.errors import UsageError
from pypack.cli.suggestions import did_you_mean


class Parser(argparse.ArgumentParser):
    """Raises `UsageError` for what it does not understand."""

    def __init__(self, prog: str, **options: Any) -> None:
        super().__init__(
            prog, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **options
        )

    @property
    def actions(self) -> Sequence[argparse.Action]:
        """All arguments, in the order in which they were added."""
        return tuple(self._actions)

    @property
    def alternatives(self) -> list[set[str]]:
        """The names of values of which only one may be given, a set for each such choice."""
        return [{action.dest for action in group._group_actions} for group in self._mutually_exclusive_groups]

    def complete(self) -> Parser:
        """The parser with all its arguments: says in a line what must be given, and lets switches be undone.

        A switch may have been turned on by a file or a variable: --no-NAME turns it off.
        """
        self.usage = self._short_usage().replace("%", "%%")
        for action in self.actions:
            if not isinstance(action, argparse._StoreTrueAction):
                continue
            for name in action.option_strings:
                if name.startswith("--"):
                    self.add_argument(
                        f"--no-{name.removeprefix('--')}", dest=action.dest, action="store_false",
                        default=argparse.SUPPRESS, help=argparse.SUPPRESS,
                    )  # fmt: skip
        return self

    def option_names(self) -> Iterable[str]:
        """Every option as it is written, those that are not shown aside."""
        return (
            name
            for action in self._actions
            if action.help is not argparse.SUPPRESS
            for name in action.option_strings
        )

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """The values of command-line arguments.

        Raises:
            UsageError: they are not understood.
            SystemExit: what they ask for was printed: the help, the version.
        """
        args, unknown = self.parse_known_args(list(arguments))
        if unknown:
            raise UsageError(self._not_known(unknown))
        return args

    def _not_known(self, unknown: Sequence[str]) -> str:
        options = [one.partition("=")[0] for one in unknown if one.startswith("-") and one != "-"]
        if not options:
            return f"unexpected {', '.join(map(repr, unknown))} (all that is no option stands together)"
        near = did_you_mean(options[0], self.option_names())
        return f"there is no option {options[0]}{near or f'; see {self.prog} --help'}"

    def error(self, message: str) -> NoReturn:
        """What argparse calls for every fault."""
        raise UsageError(message.removeprefix("argument "))

    def convert(self, action: argparse.Action, text: str) -> Any:
        """The value of one text given to an argument.

        Raises:
            UsageError: it does not fit.
        """
        try:
            value = self._get_value(action, text)
            self._check_value(action, value)
        except argparse.ArgumentError as error:
            self.error(str(error))
        return value

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        # Nothing was given, see `origins.py`; before 3.12, argparse takes the mark for a value.
        if arg_string is argparse.SUPPRESS:
            return arg_string
        return super()._get_value(action, arg_string)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices or value is argparse.SUPPRESS:
            return
        choices = [str(choice) for choice in action.choices]
        message = f"must be one of {', '.join(choices)}, got {str(value)!r}"
        raise argparse.ArgumentError(action, message + did_you_mean(str(value), choices))

    def _short_usage(self) -> str:
        needed = [action for action in self._actions if action.required and action.option_strings]
        parts = [self.prog]
        for action in self._actions:
            if not action.option_strings:
                parts.append(_positional(action))
        parts += [f"{action.option_strings[0]} {action.metavar or action.dest.upper()}" for action in needed]
        return " ".join([*parts, "[OPTIONS]"])


def _positional(action: argparse.Action) -> str:
    name = action.metavar if isinstance(action.metavar, str) else action.dest
    if action.choices is not None and action.metavar is None:
        name = "{" + ",".join(map(str, action.choices)) + "}"
    return {"?": f"[{name}]", "+": f"{name}...", "*": f"[{name}...]"}.get(str(action.nargs), name)
