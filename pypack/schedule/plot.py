"""A picture of what a run draws: sources and row lengths over the steps."""

from __future__ import annotations

import os

import numpy as np

from pypack._common.paths import local_path
from pypack.schedule.order import Order
from pypack.schedule.schedule_order import ScheduleOrder

_POINTS = 200  # steps at which the run is looked at


def plot_order(order: Order, path: str | os.PathLike[str]) -> None:
    """Draws the shares of sources and of row lengths over the run into an image file.

    Raises:
        ValueError: the run is not one of a schedule.
    """
    if not isinstance(order, ScheduleOrder):
        raise ValueError("there is no schedule: every step is drawn alike")
    target = local_path(path)
    from matplotlib.figure import Figure

    steps = np.unique(np.linspace(0, order.num_steps, _POINTS + 1).astype(int))
    counts = [order.drawn(int(step)) for step in steps]
    figure = Figure(figsize=(9, 6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    for axes, keys, position, title in (
        (above, order.names, 0, "source"),
        (below, sorted({length for _, length in counts[0]}), 1, "row length"),
    ):
        tokens = np.array(
            [
                [sum(n * pair[1] for pair, n in count.items() if pair[position] == key) for count in counts]
                for key in keys
            ],
            np.float64,
        )
        drawn = np.diff(tokens, axis=1)
        shares = drawn / np.maximum(drawn.sum(axis=0), 1)
        axes.stackplot(steps[:-1], shares, labels=[str(key) for key in keys], step="post")
        axes.set_ylabel(f"share of tokens by {title}")
        axes.set_ylim(0, 1)
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
        for start in order.starts[1:-1]:
            axes.axvline(start, color="black", linewidth=0.8)
    below.set_xlabel("step")
    figure.savefig(target)
