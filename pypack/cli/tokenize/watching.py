"""What is heard of a tokenize job while it runs: for the person at the terminal, and for the event log."""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pypack._common.words import counted
from pypack.cli.progress import ProgressBar

if TYPE_CHECKING:
    from pypack.jobs.progress import Progress

_SECONDS_BETWEEN_EVENTS = 1.0
_IN_WORDS = {
    "worker_died": "the worker at unit {unit} died; it is made again",
    "file_refused": "file {file} of unit {unit} kills its reader, and is rejected",
}


class Watcher:
    """The three listeners of `pypack.jobs.tokenize.tokenize`; each may be called from any thread."""

    def __init__(self, args: argparse.Namespace, bar: ProgressBar) -> None:
        self._args = args
        self._bar = bar
        self._next = 0.0

    def progress(self, progress: Progress) -> None:
        """Draws how far the job is, and logs it once a second."""
        self._bar.update(progress)
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _SECONDS_BETWEEN_EVENTS
            self._args.events.write("progress", **asdict(progress))

    def message(self, text: str) -> None:
        """Says and logs a message."""
        self._args.events.write("message", message=text)
        self._bar.say(text, always=text.startswith("warning:"))

    def event(self, name: str, values: dict[str, Any]) -> None:
        """Logs an event, and says it to who wants to hear more."""
        self._args.events.write(name, **values)
        if not self._args.verbose:
            return
        if name == "unit":
            shards, documents = (counted(values[f"{thing}s"], thing) for thing in ("shard", "document"))
            tokens = counted(values["tokens"], "token")
            text = f"unit {values['unit']} is done: {documents}, {tokens} in {shards}"
        else:
            text = _IN_WORDS[name].format(**values)
        self._bar.say(f"pypack tokenize: {text}", always=True)
