"""How far a long job is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from pypack.cli.figures import describe, duration, is_unicode, progress_line, share
from pypack.cli.terminal import PatientStream, escaped

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from pypack.jobs.tokenize import Progress

_SECONDS_BETWEEN_LINES = 10.0
_LINES_KEPT_FREE = 6


def _drawable(stream: TextIO) -> Any:
    return stream.unescaped() if isinstance(stream, PatientStream) else stream


class ProgressBar:
    """A context manager whose `update` may be called from any thread.

    Args:
        quiet: nothing is drawn, and only what must be said is said.
    """

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._stream = stream or sys.stderr
        self._quiet = quiet
        self._bar: RichProgress | None = None
        self._first: tuple[float, int] | None = None
        self._last_line = time.monotonic()
        self._lines: list[TaskID] = []  # of workers

    def __enter__(self) -> ProgressBar:
        if self._stream.isatty() and not self._quiet:
            from rich.console import Console
            from rich.progress import Progress, TextColumn
            from rich.table import Column

            column = Column(no_wrap=True, overflow="ellipsis")
            console = Console(file=_drawable(self._stream), highlight=False)
            self._bar = Progress(
                TextColumn("{task.description}", markup=False, table_column=column), console=console
            )
            self._bar.start()
            self._task = self._bar.add_task("starting", total=None)
        return self

    def update(self, progress: Progress) -> None:
        """Shows the figures of this moment."""
        left = self._left(progress)
        if self._bar is not None:
            text = progress_line(progress, left, self._bar.console.width, is_unicode(self._stream))
            self._bar.update(self._task, description=text)
            self._show_workers(self._bar, progress.workers)
        elif not self._quiet and time.monotonic() - self._last_line >= _SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            parts = (share(progress), describe(progress), left)
            print(", ".join(part for part in parts if part), file=self._stream, flush=True)

    def _show_workers(self, bar: RichProgress, workers: tuple[str, ...]) -> None:
        """A line for each worker, if the terminal has room for all."""
        if len(workers) > bar.console.height - _LINES_KEPT_FREE:
            workers = ()
        while len(self._lines) < len(workers):
            self._lines.append(bar.add_task("", total=None))
        for i, line in enumerate(self._lines):
            text = f"  {escaped(workers[i])}" if i < len(workers) else ""
            bar.update(line, description=text, visible=i < len(workers))

    def _left(self, progress: Progress) -> str:
        """Time left, from the bytes read since the first batch (what an earlier run read goes by at once)."""
        if self._first is None:
            self._first = (progress.seconds, progress.disk_bytes)
        seconds, done = progress.seconds - self._first[0], progress.disk_bytes - self._first[1]
        todo = progress.total_disk_bytes - progress.disk_bytes
        if seconds <= 0 or done <= 0 or todo < 0:
            return ""
        return f"{duration(seconds * todo / done)} left"

    def say(self, message: str, *, always: bool = False) -> None:
        """Prints a line above the bar; `always`: even if it should be quiet."""
        if self._quiet and not always:
            return
        if self._bar is not None:
            self._bar.console.print(escaped(message), markup=False, soft_wrap=True)
        else:
            print(message, file=self._stream, flush=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
