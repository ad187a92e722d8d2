"""What a Ray cluster calls. What makes units is imported when it is called, so that a
driver can name it at once."""

from __future__ import annotations

from typing import Any

WARM_UP = ""  # instead of a head: nothing is to be made


def make_unit(head: str, number: int, first: int, stop: int | None) -> dict[str, Any]:
    """See `pypack.jobs.ray_task.make_unit`; of `WARM_UP`, only imports what it needs."""
    from pypack.jobs import ray_task

    return {} if head == WARM_UP else ray_task.make_unit(head, number, first, stop)
