"""Completion in zsh."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pypack.cli.completion.names import Command, Option, Taken

_HEAD = """\
#compdef pypack
# Completion of pypack for zsh, made by: pypack completion zsh
_pypack() {
    local -a commands
    commands=(
"""
_MIDDLE = """\
    )
    if (( CURRENT == 2 )); then
        if [[ $words[2] == -* ]]; then compadd -- --help --version
        else _describe -t commands command commands
        fi
        return
    fi
    local command=$words[2]
    shift words
    (( CURRENT-- ))
    case $command in
"""
_TAIL = """\
    esac
}
if [[ $funcstack[1] == _pypack ]]; then _pypack "$@"
else compdef _pypack pypack
fi
"""


def script(commands: Iterable[Command]) -> str:
    """The script for these commands."""
    commands = list(commands)
    described = "".join(f"        {_quoted(f'{one.name}:{one.help}')}\n" for one in commands)
    return _HEAD + described + _MIDDLE + "".join(map(_command, commands)) + _TAIL


def _command(command: Command) -> str:
    specs = [spec for option in command.options for spec in _option(option)]
    for i, takes in enumerate(command.arguments):
        place = "*" if i == len(command.arguments) - 1 else str(i + 1)
        specs.append(f"{place}:{_plain(takes.name)}:{_action(takes)}")
    lines = " \\\n            ".join(map(_quoted, specs))
    return f"    {command.name})\n        _arguments -S : \\\n            {lines};;\n"


def _option(option: Option) -> Iterator[str]:
    """A spec for each name; one that is there already is not offered again."""
    group = f"({' '.join(option.names)})" if len(option.names) > 1 else ""
    for name in option.names:
        text = f"{group}{name}"
        if option.takes is None:
            yield f"{text}[{_plain(option.help)}]"
        else:
            equals = "=" if name.startswith("--") else "+"
            yield f"{text}{equals}[{_plain(option.help)}]:{_plain(option.takes.name)}:{_action(option.takes)}"


def _action(takes: Taken) -> str:
    if takes.choices:
        return f"({' '.join(takes.choices)})"
    return "_files" if takes.is_path else " "


def _plain(text: str) -> str:
    """Text without what _arguments would read as its own."""
    return re.sub(r"[\[\]:\\]", " ", text)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
