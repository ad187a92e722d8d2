"""Where the value of an option comes from: the command line, the environment, a configuration, the default.

The first of them that names an option decides. Each is turned into arguments as they would stand on the
command line and parsed alone, so that a value means the same wherever it was written.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pypack.cli.config_file import read_config
from pypack.cli.errors import UsageError
from pypack.cli.parser import Parser
from pypack.cli.suggestions import close_names, did_you_mean

PREFIX = "PYPACK_"
COMMAND_LINE = "command line"
DEFAULT = "default"
# Variables that are no options.
_OTHERS = frozenset({"PYPACK_DEBUG", "PYPACK_CRASH_AT"})
_ALIKE = 0.8  # more than for options, as variables may be others' own
_YES, _NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


def parse(
    parser: Parser,
    command: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    commands: Collection[str],
) -> argparse.Namespace:
    """The values of a command's arguments, and as `origins` where each comes from, by its name.

    Raises:
        UsageError: something is not understood, unknown or missing.
        SystemExit: what was asked for was printed.
    """
    given = _parsed_alone(parser, arguments)
    sources = [(dict.fromkeys(given, COMMAND_LINE), given)]
    from_environment, variables = _environment(parser, command, environment)
    config = given.get("config", from_environment.get("config"))
    sources.append((variables, from_environment))
    if config is not None:
        values = _config(parser, config, command, commands)
        sources.append((dict.fromkeys(values, str(config)), values))
    args = argparse.Namespace(command=command, origins={})
    taken: set[str] = set()
    for names, values in sources:
        new = [name for name in values if name not in taken]
        for name in new:
            setattr(args, name, values[name])
            args.origins[name] = names[name]
        taken |= _with_alternatives(parser, new)
    _add_defaults(parser, args)
    return args


def _with_alternatives(parser: Parser, names: Sequence[str]) -> set[str]:
    """The names, and those of which only one of the group may be given."""
    found = set(names)
    for group in parser.alternatives:
        if len(both := found & group) > 1:
            raise UsageError(f"only one of {', '.join(sorted(both))} may be given")
        if found & group:
            found |= group
    return found


def _add_defaults(parser: Parser, args: argparse.Namespace) -> None:
    missing = []
    for action in parser.actions:
        if action.dest in (argparse.SUPPRESS, "help") or action.dest in args.origins:
            continue
        if action.required:
            missing.append("/".join(action.option_strings) or str(action.metavar or action.dest))
        elif action.default is not argparse.SUPPRESS and not hasattr(args, action.dest):
            default = action.default
            setattr(args, action.dest, parser.convert(action, default) if type(default) is str else default)
            args.origins[action.dest] = DEFAULT
    if missing:
        raise UsageError(f"missing: {', '.join(missing)} ({parser.prog} --help)")


def _parsed_alone(parser: Parser, arguments: Sequence[str]) -> dict[str, Any]:
    """Name → value of what is given there, and of nothing else."""
    with _nothing_needed(parser):
        return vars(parser.parse(arguments))


@contextmanager
def _nothing_needed(parser: Parser) -> Iterator[None]:
    before = [(action, action.required, action.default) for action in parser.actions]
    try:
        for action in parser.actions:
            action.required, action.default = False, argparse.SUPPRESS
            if action.help:  # up to 3.12 argparse adds it to switches, and it asks for the default
                action.help = action.help.replace(" (default: %(default)s)", "")
        yield
    finally:
        for action, required, default in before:
            action.required, action.default = required, default


def _settable(parser: Parser) -> dict[str, argparse.Action]:
    """Name → argument, of those that files and variables may give; options by their long names."""
    found = {}
    for action in parser.actions:
        if action.dest in (argparse.SUPPRESS, "help", "version") or action.help is argparse.SUPPRESS:
            continue
        found[_name(action)] = action
    return found


def _name(action: argparse.Action) -> str:
    """An option's long name; the name of what has none."""
    long = [one for one in action.option_strings if one.startswith("--")]
    return long[0].removeprefix("--") if long else action.dest


def variable(option: str, command: str | None = None) -> str:
    """The environment variable of an option by its long name, for one command or for all."""
    parts = [*([] if command is None else [command]), option]
    return PREFIX + "_".join(parts).replace("-", "_").upper()


def _environment(
    parser: Parser, command: str, environment: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Name → value, and name → variable."""
    values: dict[str, Any] = {}
    variables: dict[str, str] = {}
    for name, action in _settable(parser).items():
        if not action.option_strings:
            continue
        for key in (variable(name, command), variable(name)):
            text = environment.get(key, "")
            if text and action.dest not in variables:
                arguments = _as_arguments(action, _words(action, text), key)
                values |= _told_of(parser, arguments, key)
                variables[action.dest] = key
    return values, variables


def unknown_variable(environment: Mapping[str, str], known: Collection[str]) -> str | None:
    """What to say of a variable that is almost that of an option; None if there is none.

    Others may use the prefix for their own: what resembles no option is not looked at.
    """
    for key in sorted(environment):
        if key.startswith(PREFIX) and key not in known and key not in _OTHERS and environment[key]:
            names = (one.removeprefix(PREFIX) for one in known)
            near = close_names(key.removeprefix(PREFIX), names, _ALIKE)
            if near:
                return f"{key}: no option has this variable; did you mean {PREFIX}{near[0]}?"
    return None


def variables_of(parser: Parser, command: str) -> set[str]:
    """The variables of all options of a command."""
    names = [name for name, action in _settable(parser).items() if action.option_strings]
    return {variable(name) for name in names} | {variable(name, command) for name in names}


def _words(action: argparse.Action, text: str) -> Any:
    """The value of a variable in the terms of a configuration."""
    if action.nargs == 0 or isinstance(action, argparse.BooleanOptionalAction):
        if text.lower() in _YES + _NO:
            return text.lower() in _YES
        return text
    if isinstance(action, argparse._AppendAction):
        return text.splitlines()
    return shlex.split(text) if action.nargs in ("*", "+") else text


def _config(parser: Parser, path: Path, command: str, commands: Collection[str]) -> dict[str, Any]:
    settable = _settable(parser)
    del settable["config"]
    found: dict[str, Any] = {}
    for key, value in read_config(path, command, commands).items():
        name = key.replace("_", "-") if key.replace("_", "-") in settable else key
        if name not in settable:
            raise UsageError(f"{path}: {command} has no option {key}{did_you_mean(key, settable)}")
        action = settable[name]
        if action.dest in found:
            raise UsageError(f"{path}: {name} is given twice")
        found |= _told_of(parser, _as_arguments(action, value, f"{path}: {key}"), f"{path}: {key}")
    return found


def _told_of(parser: Parser, arguments: Sequence[str], place: str) -> dict[str, Any]:
    """The values of arguments that stand in some place, which errors name."""
    try:
        return _parsed_alone(parser, arguments)
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from error


def _as_arguments(action: argparse.Action, value: Any, place: str) -> list[str]:
    """What would stand on the command line for a value of a configuration.

    Raises:
        UsageError: it is of the wrong kind.
    """
    option = next((one for one in action.option_strings if one.startswith("--")), None)
    if action.nargs == 0 or isinstance(action, argparse.BooleanOptionalAction):
        return _switch(action, value, place)
    if isinstance(action, argparse._AppendAction):
        values = value if isinstance(value, list) else [value]
        return [f"{option}={_text(one, place)}" for one in values]
    if action.nargs in ("*", "+"):
        words = [_text(one, place) for one in (value if isinstance(value, list) else [value])]
        return ([] if option is None else [option]) + words
    text = ",".join(_text(one, place) for one in value) if isinstance(value, list) else _text(value, place)
    return [text] if option is None else [f"{option}={text}"]


def _switch(action: argparse.Action, value: Any, place: str) -> list[str]:
    options = [one for one in action.option_strings if one.startswith("--")]
    if not isinstance(value, bool):
        raise UsageError(f"{place}: must be true or false, got {value!r}")
    return [options[0] if value else f"--no-{options[0].removeprefix('--')}"]


def _text(value: Any, place: str) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise UsageError(f"{place}: must be text or a number, got {value!r}")
    return str(value)


def told(args: argparse.Namespace) -> list[str]:
    """A line for each value that neither the command line nor a default gives."""
    return [
        f"{name} {_in_words(getattr(args, name))} (from {origin})"
        for name, origin in args.origins.items()
        if origin not in (COMMAND_LINE, DEFAULT)
    ]


def as_json(args: argparse.Namespace) -> dict[str, Any]:
    """Name → value and where it comes from, of what is no default, for programs."""
    return {
        name: {"value": _plain(getattr(args, name)), "from": origin}
        for name, origin in args.origins.items()
        if origin != DEFAULT
    }


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def _in_words(value: Any) -> str:
    """As it would be written on the command line."""
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
