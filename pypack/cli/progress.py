"""How far a long job is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from pypack.cli.terminal import PatientStream, escaped

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from pypack.jobs.tokenize import Progress

_SECONDS_BETWEEN_LINES = 10.0
_LINES_KEPT_FREE = 6


def count(value: float) -> str:
    """A number short enough for a line: 950, 12.3k, 4.56M, 7.89G."""
    for unit in ("", "k", "M", "G"):
        if abs(value) < 999.5 or unit == "G":
            break
        value /= 1000
    return f"{value:.0f}" if unit == "" else f"{value:.3g}{unit}"


def duration(seconds: float) -> str:
    """h:mm:ss or m:ss."""
    whole = round(seconds)
    minutes = f"{whole // 60 % 60}:{whole % 60:02d}"
    return minutes if whole < 3600 else f"{whole // 3600}:{minutes:0>5}"


def rates(progress: Progress) -> str:
    """How fast this run is, in words; MB are uncompressed bytes of the inputs."""
    seconds = max(progress.seconds, 1e-9)
    parts = [
        f"{count(progress.run_documents / seconds)} documents/s",
        f"{count(progress.run_tokens / seconds)} tokens/s",
        f"{progress.input_bytes / seconds / 1e6:.1f} MB/s",
    ]
    if progress.rejected:
        parts.append(f"{progress.rejected:,} rejected")
    return ", ".join(parts)


def describe(progress: Progress) -> str:
    """The figures of one moment in words."""
    units = f", unit {progress.units:,} of {progress.total_units:,}" if progress.total_units > 1 else ""
    return f"{progress.documents:,} documents, {progress.tokens:,} tokens, {rates(progress)}{units}"


def _drawable(stream: TextIO) -> Any:
    return stream.unescaped() if isinstance(stream, PatientStream) else stream


class ProgressBar:
    """A context manager whose `update` may be called from any thread."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._bar: RichProgress | None = None
        self._first: tuple[float, int] | None = None
        self._last_line = time.monotonic()
        self._lines: list[TaskID] = []  # of workers

    def __enter__(self) -> ProgressBar:
        if self._stream.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn

            self._bar = Progress(
                BarColumn(bar_width=24),
                TextColumn("{task.percentage:>3.0f}%"),
                TextColumn("{task.description}"),
                console=Console(file=_drawable(self._stream), highlight=False),
            )
            self._bar.start()
            self._task = self._bar.add_task("starting", total=None)
        return self

    def update(self, progress: Progress) -> None:
        """Shows the figures of this moment."""
        text = describe(progress) + self._left(progress)
        if self._bar is not None:
            total = progress.total_disk_bytes or None
            self._bar.update(self._task, completed=progress.disk_bytes, total=total, description=text)
            self._show_workers(self._bar, progress.workers)
        elif time.monotonic() - self._last_line >= _SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            share = ""
            if progress.total_disk_bytes:
                share = f"{min(1.0, progress.disk_bytes / progress.total_disk_bytes):.0%}, "
            print(share + text, file=self._stream, flush=True)

    def _show_workers(self, bar: RichProgress, workers: tuple[str, ...]) -> None:
        """A line for each worker, if the terminal has room for all."""
        if len(workers) > bar.console.height - _LINES_KEPT_FREE:
            workers = ()
        while len(self._lines) < len(workers):
            self._lines.append(bar.add_task("", total=None))
        for i, line in enumerate(self._lines):
            text = escaped(workers[i]) if i < len(workers) else ""
            bar.update(line, description=text, visible=i < len(workers))

    def _left(self, progress: Progress) -> str:
        """Time left, from the bytes read since the first batch (what an earlier run read goes by at once)."""
        if self._first is None:
            self._first = (progress.seconds, progress.disk_bytes)
        seconds, done = progress.seconds - self._first[0], progress.disk_bytes - self._first[1]
        todo = progress.total_disk_bytes - progress.disk_bytes
        if seconds <= 0 or done <= 0 or todo < 0:
            return ""
        return f", {duration(seconds * todo / done)} left"

    def say(self, message: str) -> None:
        """Prints a line above the bar."""
        if self._bar is not None:
            self._bar.console.print(escaped(message), markup=False, soft_wrap=True)
        else:
            print(message, file=self._stream, flush=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
