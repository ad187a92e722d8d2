"""`--config job.toml`: options of commands by their names, at the top or in a table a command."""

from __future__ import annotations

import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

from pypack.cli.errors import UsageError
from pypack.cli.suggestions import did_you_mean

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_MOST_BYTES = 1 << 20


def read_config(path: Path, command: str, commands: Collection[str]) -> dict[str, Any]:
    """What a file says for a command: its table, over what stands at the top.

    Returns:
        Name → value, as they are written; which names there are is for the caller to know.

    Raises:
        UsageError: it cannot be read, is no TOML, or has a table of no command.
    """
    values = _parsed(path)
    own: dict[str, Any] = {}
    for name, value in values.items():
        if not isinstance(value, dict):
            continue
        if name not in commands:
            near = did_you_mean(name, commands)
            raise UsageError(f"{path}: [{name}] is no command{near or ': tables are named as commands are'}")
        if name == command:
            own = value
    top = {name: value for name, value in values.items() if not isinstance(value, dict)}
    return {**top, **own}


def _parsed(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"--config {path}: {error.strerror}") from error
    if len(data) > _MOST_BYTES:
        raise UsageError(f"--config {path}: larger than {_MOST_BYTES >> 20} MB, so no list of options")
    try:
        values: dict[str, Any] = tomllib.loads(data.decode())
        return values
    except (ValueError, RecursionError) as error:
        raise UsageError(f"--config {path}: not TOML: {error}") from error
