"""Names for the temporary files of one attempt at something, which tell whether it may still be going on."""

from __future__ import annotations

import os
import re
import secrets
import socket

from pypack._common.files import TEMPORARY_SUFFIX

_NAME = re.compile(re.escape(TEMPORARY_SUFFIX) + r"\.(.+)-(\d+)-[0-9a-f]{12}(\..*)?$")
# Of this process: those that have not ended.
_going_on: set[str] = set()


class Attempt:
    """One attempt of this process. Its temporary files end in `.partial.HOST-PID-RANDOM`."""

    def __init__(self) -> None:
        self._suffix = f"{TEMPORARY_SUFFIX}.{_host()}-{os.getpid()}-{secrets.token_hex(6)}"
        _going_on.add(self._suffix)

    def named(self, name: str) -> str:
        """The temporary name of what is to be called so."""
        return f"{name}{self._suffix}"

    def end(self) -> None:
        """It is over: what is left of its files is of no use but to the next attempt."""
        _going_on.discard(self._suffix)


def is_over(name: str) -> bool:
    """Whether the attempt that a temporary file is of is over for sure: its process was of this machine, and
    is no more."""
    found = _NAME.search(name)
    if found is None or found[1] != _host():
        return False
    process = int(found[2])
    if process == os.getpid():
        return name[found.start() :] not in _going_on
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def final_name(name: str) -> str:
    """The name that a temporary file was to get; any other name as it is."""
    return name.split(TEMPORARY_SUFFIX)[0]


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", socket.gethostname())
