"""How far a job is, in words and on one line as wide as the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from pypack._common.words import counted

if TYPE_CHECKING:
    from pypack.jobs.progress import Progress

_SMALLEST_BAR, _WIDEST_BAR = 10, 24


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
    documents, tokens = counted(progress.documents, "document"), counted(progress.tokens, "token")
    return f"{documents}, {tokens}, {rates(progress)}{units}"


def share(progress: Progress) -> str:
    """How much of the inputs is read, such as 37%; empty where nobody knows."""
    if not progress.total_disk_bytes:
        return ""
    return f"{min(1.0, progress.disk_bytes / progress.total_disk_bytes):.0%}"


def progress_line(progress: Progress, left: str, width: int, unicode: bool = True) -> str:
    """A bar and figures that together fit into a width; what does not fit is left out, the least first.

    Args:
        left: the time left in words, perhaps empty.
    """
    seconds = max(progress.seconds, 1e-9)
    # In the order in which they stand; the number says what goes first when there is no room: the largest.
    figures = [
        (0, share(progress)),
        (1, left),
        (5, counted(progress.documents, "document")),
        (2, f"{count(progress.tokens)} tokens"),
        (7, f"{count(progress.run_documents / seconds)} documents/s"),
        (6, f"{count(progress.run_tokens / seconds)} tokens/s"),
        (3, f"{progress.input_bytes / seconds / 1e6:.1f} MB/s"),
        (3, f"{progress.rejected:,} rejected" if progress.rejected else ""),
        (4, f"unit {progress.units:,} of {progress.total_units:,}" if progress.total_units > 1 else ""),
    ]
    figures = [figure for figure in figures if figure[1]]
    room = width - 1  # some terminals go to the next line behind the last column
    while len(figures) > 1 and len(_joined(figures)) + (_SMALLEST_BAR + 1) > room:
        figures.remove(max(reversed(figures), key=lambda figure: figure[0]))
    text = _joined(figures)
    bar = min(_WIDEST_BAR, room - len(text) - 1)
    if bar < _SMALLEST_BAR or not progress.total_disk_bytes:
        return text[: max(room, 0)]
    full = round(bar * min(1.0, progress.disk_bytes / progress.total_disk_bytes))
    done, todo = "█░" if unicode else "#."
    return f"{done * full}{todo * (bar - full)} {text}"


def _joined(figures: list[tuple[int, str]]) -> str:
    return ", ".join(text for _, text in figures)


def is_unicode(stream: TextIO) -> bool:
    """Whether a stream can show the bar's blocks."""
    try:
        "█░".encode(stream.encoding or "ascii")
    except (UnicodeError, LookupError, AttributeError):
        return False
    return True
