"""A progress bar for loops over a loader."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pypack.batch import PackedBatch

if TYPE_CHECKING:
    from pypack.loader.loader import Loader


def show_progress(loader: Loader, description: str) -> Iterator[PackedBatch]:
    """The loader's pass, shown on standard error as it is consumed."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("steps, {task.fields[rate]:,.0f} tokens/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        start = loader.pass_end() - len(loader)
        task = bar.add_task(description, total=len(loader), completed=loader.step - start, rate=0.0)
        tokens = 0
        for batch in loader:
            yield batch
            tokens += batch.tokens
            elapsed = bar.tasks[0].elapsed
            bar.update(task, advance=1, rate=tokens / elapsed if elapsed else 0.0)
