"""The command line of the examples: a folder, and a number of steps."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path


def run_from_command_line(train: Callable[[Path, int], None], description: str, steps: int = 40) -> None:
    """Calls `train(RUN, --steps)`."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of the corpus and the checkpoints")
    parser.add_argument("--steps", type=int, default=steps)
    options = parser.parse_args()
    train(options.run, options.steps)
