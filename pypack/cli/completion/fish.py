"""Completion in fish."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pypack.cli.completion.names import Command, Option, Taken

_HEAD = """\
# Completion of pypack for fish, made by: pypack completion fish
function __pypack_command
    set -l words (commandline -opc)
    test (count $words) -ge 2; and test $words[2] = $argv[1]
end
function __pypack_no_command
    test (count (commandline -opc)) -eq 1
end
complete -c pypack -f
complete -c pypack -n __pypack_no_command -l help -d 'explain the commands'
complete -c pypack -n __pypack_no_command -s V -l version -d 'print the version'
"""


def script(commands: Iterable[Command]) -> str:
    """The script for these commands."""
    return _HEAD + "".join(f"{line}\n" for command in commands for line in _command(command))


def _command(command: Command) -> Iterator[str]:
    yield f"complete -c pypack -n __pypack_no_command -a {command.name} -d {_quoted(command.help)}"
    begin = f"complete -c pypack -n '__pypack_command {command.name}'"
    for takes in command.arguments[:1]:
        if takes.choices or takes.is_path:
            yield f"{begin}{_taken(takes).removeprefix(' -r')}"
    for option in command.options:
        yield f"{begin}{_names(option)}{_taken(option.takes)} -d {_quoted(option.help)}"


def _names(option: Option) -> str:
    return "".join(
        f" -l {name.removeprefix('--')}" if name.startswith("--") else f" -s {name.removeprefix('-')}"
        for name in option.names
    )


def _taken(takes: Taken | None) -> str:
    if takes is None:
        return ""
    if takes.choices:
        return f" -r -f -a {_quoted(' '.join(takes.choices))}"
    return " -r -F" if takes.is_path else " -r -f"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
