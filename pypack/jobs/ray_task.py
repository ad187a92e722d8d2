"""What runs on a cluster: one unit, in whatever process Ray gives it; nothing is kept but what saves time."""

from __future__ import annotations

import base64
import pickle
import random
import socket
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

from pypack._common.version import VERSION
from pypack.corpus import ChangedInputError
from pypack.jobs.description import JobDescription, read_description
from pypack.jobs.open_place import opened_place
from pypack.jobs.options import WorkOptions
from pypack.jobs.unit_progress import UnitProgress
from pypack.jobs.unit_work import UnitWork
from pypack.jobs.worker import packed_error
from pypack.remote import (
    ChangedObjectError,
    MissingLibraryError,
    NoObjectError,
    RefusedError,
    UnsupportedError,
)
from pypack.store.format import TOKENIZER_FILE
from pypack.tokenizer.tokenizer import Tokenizer

Result = TypeVar("Result")
# Errors of a disk or a network that another try does not mend.
_FINAL = (
    FileNotFoundError,
    PermissionError,
    ChangedObjectError,
    MissingLibraryError,
    NoObjectError,
    RefusedError,
    UnsupportedError,
)
_TRIES, _FIRST_PAUSE = 4, 1.0
# Of the job that this process has worked on last: tokenizers take a while to load.
_last: tuple[str, UnitWork] | None = None


def head_of(job: dict[str, Any], place: dict[str, Any], tokenizer: Tokenizer, options: WorkOptions) -> str:
    """What a task needs to know besides its number: some kilobytes.

    Neither the tokenizer's own text, which lies in the place of the job, nor credentials, which each machine
    has of its own.
    """
    state = tokenizer.__getstate__()
    data = state.pop("data")
    if data != tokenizer.to_json().encode():
        state["is_printed"] = True  # what lies there is what the library has printed
    parts = (place, state, asdict(options), job["tokenizer"], job["engine"])
    return base64.b64encode(pickle.dumps(parts)).decode()


def make_unit(head: str, number: int, first: int, stop: int | None) -> dict[str, Any]:
    """Makes a unit, or finds it made; with `stop`, only tries files of it.

    Returns how far it went, or what was raised, in values of JSON.
    """
    try:
        work = _work(head)
        if stop is not None:
            work.try_files(number, first, stop)
            return {}
        last = UnitProgress()

        def keep(progress: UnitProgress) -> None:
            nonlocal last
            last = progress

        retried(lambda: work(number, keep))
        return {"progress": asdict(last)}
    except BaseException as error:  # Ray knows nothing of which of them are worth another try
        return {"error": packed_error(error)}


def retried(do: Callable[[], Result]) -> Result:
    """What `do` returns, tried again with growing pauses where a disk or a network fails it."""
    pause = _FIRST_PAUSE
    for left in reversed(range(_TRIES)):
        try:
            return do()
        except _FINAL:
            raise
        except OSError:
            if left == 0:
                raise
            time.sleep(pause * random.uniform(0.5, 1.0))
            pause *= 4
    raise AssertionError


def _work(head: str) -> UnitWork:
    global _last
    if _last is not None and _last[0] == head:
        return _last[1]
    told, state, options, fingerprint, engine = pickle.loads(base64.b64decode(head))
    place = opened_place(told)
    job = read_description(place)
    data = place.read(TOKENIZER_FILE)
    if job is None or data is None:
        raise ValueError(
            f"{place.folder}: on {socket.gethostname()} there is no job: all machines of the cluster must "
            "see the output (and the inputs) under the same name"
        )
    tokenizer = Tokenizer.__new__(Tokenizer)
    tokenizer.__setstate__({**state, "data": data})
    _require_same(job, tokenizer, fingerprint, engine)
    work = UnitWork(place, job, tokenizer, WorkOptions(**options))
    _last = head, work
    return work


def _require_same(job: JobDescription, tokenizer: Tokenizer, fingerprint: str, engine: str) -> None:
    """Raises ChangedInputError where this machine would make other bytes than the one that began the job."""
    here = {
        "the version of pypack": (job.job["pypack"], VERSION),
        "the tokenizer": (fingerprint, tokenizer.fingerprint),
        "the engine of the tokenizer": (engine, tokenizer.engine),
        "the version of the tokenizers library": (job.job.get("engine_version"), tokenizer.engine_version),
    }
    if "pyarrow" in job.job:
        from importlib import metadata

        here["the version of pyarrow"] = job.job["pyarrow"], metadata.version("pyarrow")
    for what, (wanted, found) in here.items():
        if wanted != found:
            raise ChangedInputError(
                f"{socket.gethostname()}: {what} differs from the job's (there {wanted}, here {found}): "
                "install the same on all machines of the cluster"
            )
