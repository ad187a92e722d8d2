"""Completion in bash."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

from pypack.cli.completion.names import Command, Taken

_HEAD = """\
# Completion of pypack for bash, made by: pypack completion bash
_pypack_words() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2"); }
_pypack_files() {
    mapfile -t COMPREPLY < <(compgen -f -- "$1")
    compopt -o filenames 2>/dev/null
}
_pypack() {
    local current="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}"
    COMPREPLY=()
    # --name=value comes as three words.
    if [[ $current == "=" ]]; then current=""
    elif [[ $before == "=" ]]; then before="${COMP_WORDS[COMP_CWORD-2]}"
    fi
"""
_TAIL = """\
    esac
}
complete -F _pypack pypack
"""


def script(commands: Iterable[Command]) -> str:
    """The script for these commands."""
    commands = list(commands)
    first = shlex.quote(" ".join([*(command.name for command in commands), "--help", "--version"]))
    lines = [
        f'    if (( COMP_CWORD == 1 )); then _pypack_words {first} "$current"; return; fi',
        '    case "${COMP_WORDS[1]}" in',
    ]
    for command in commands:
        lines += _command(command)
    return _HEAD + "\n".join(lines) + "\n" + _TAIL


def _command(command: Command) -> Iterator[str]:
    yield f"    {command.name})"
    valued = [option for option in command.options if option.takes is not None]
    if valued:
        yield '        case "$before" in'
        for option in valued:
            assert option.takes is not None
            yield f"        {'|'.join(option.names)}) {_completed(option.takes)}; return;;"
        yield "        esac"
    names = shlex.quote(" ".join(name for option in command.options for name in option.names))
    yield f'        if [[ $current == -* ]]; then _pypack_words {names} "$current"; return; fi'
    yield f"        {_completed(command.arguments[0]) if command.arguments else ':'};;"


def _completed(takes: Taken) -> str:
    if takes.choices:
        return f'_pypack_words {shlex.quote(" ".join(takes.choices))} "$current"'
    return '_pypack_files "$current"' if takes.is_path else ":"
