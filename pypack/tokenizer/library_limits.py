"""What the `tokenizers` library is not given: files that end the process in it.

Its panics can be caught (`library_errors`), an abort cannot. So what is known to end it is refused before it
is called. A file that pypack itself does not understand, so that nothing is known of it, is loaded by another
process first.
"""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from pypack._core import Merges, Normalizer

_LARGEST_ID = 2**31 - 1
_MOST_STEPS = 1000
_SECONDS = 60

_TRIAL = (
    "import json, sys; sys.path[:] = json.loads(sys.stdin.buffer.readline()); "
    "from tokenizers import Tokenizer; Tokenizer.from_buffer(sys.stdin.buffer.read())"
)


def check_for_library(sections: Mapping[str, Any], source: str) -> None:
    """Refuses a definition (`TokenizerDefinition.sections`) that the library cannot stand.

    Raises:
        ValueError: names what is wrong.
    """
    model = sections.get("model")
    if isinstance(model, Mapping):
        _check_ids(model, source)
        _check_merges(model, source)
    _check_charsmaps(sections.get("normalizer"), source)


def _check_ids(model: Mapping[str, Any], source: str) -> None:
    """The library makes a table of the ids, item by item."""
    largest = getattr(model.get("vocab"), "id_bound", 0) - 1
    if largest > _LARGEST_ID:
        raise ValueError(
            f"{source}: the vocabulary has the id {largest}; ids must be from 0 to {_LARGEST_ID}"
        )


def _check_merges(model: Mapping[str, Any], source: str) -> None:
    """The library takes the mark's length in bytes off the right side of each merge, whatever stands there.

    A shorter side makes it panic; half a character, as of the two bytes of GPT-2's "\u0120" behind a mark of
    one, becomes a text that is no UTF-8, and its report of that aborts the process.
    """
    prefix, merges = model.get("continuing_subword_prefix"), model.get("merges")
    if not isinstance(prefix, str) or not isinstance(merges, Merges):
        return
    found = merges.first_shorter_than(len(prefix.encode()))
    if found is not None:
        raise ValueError(
            f"{source}: the merge {list(found)} does not go with the continuing_subword_prefix {prefix!r}, "
            "which the right side of every merge begins with"
        )


def _check_charsmaps(normalizer: Any, source: str) -> None:
    for part in _parts(normalizer):
        charsmap = part.get("precompiled_charsmap")
        if not isinstance(charsmap, str):
            continue
        try:
            data = base64.b64decode(charsmap, validate=True)
        except ValueError:
            continue  # which the library says itself
        try:
            Normalizer.precompiled(data)
        except ValueError as error:
            raise ValueError(f"{source}: the normalizer is damaged: {error}") from error


def _parts(normalizer: Any) -> Iterator[Mapping[str, Any]]:
    todo = [normalizer]
    for _ in range(_MOST_STEPS):
        if not todo:
            return
        part = todo.pop()
        if isinstance(part, Mapping):
            yield part
            inner = part.get("normalizers")
            todo.extend(inner if isinstance(inner, list) else [])


def check_json(data: bytes, source: str) -> None:
    """Refuses what is no JSON at all. (The library builds parts of it before it comes to the fault.)

    Raises:
        ValueError: says where.
    """
    try:
        json.loads(data.decode())
    except RecursionError:
        return
    except ValueError as error:
        raise ValueError(f"{source}: not a tokenizer.json that `tokenizers` can load: {error}") from error


def try_in_another_process(data: bytes, source: str) -> None:
    """Has the library load a tokenizer.json where that costs nothing but a process.

    Raises:
        ValueError: it does not survive that, or does not come to an end.
    """
    path = json.dumps(sys.path).encode() + b"\n"
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", _TRIAL],
            input=path + data,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ValueError(f"{source}: `tokenizers` does not come to an end with it") from error
    if done.returncode < 0:
        try:
            name = signal.Signals(-done.returncode).name
        except ValueError:
            name = f"signal {-done.returncode}"
        raise ValueError(f"{source}: not a tokenizer.json: `tokenizers` crashes when it loads it ({name})")
    # A panic writes to the standard error of its process by itself: that of the other one, which nobody sees.
    _, panicked, message = done.stderr.decode(errors="replace").rpartition("PanicException: ")
    if panicked:
        text = " ".join(message.split())[:200]
        raise ValueError(f"{source}: not a tokenizer.json that `tokenizers` can load: {text}")
