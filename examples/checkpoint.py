"""Checkpoints of the examples: all states in one file, which is the old one or the new, never half of one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch


class Checkpoint:
    """The states of what changes in a run: a model, its optimizer, and the loader."""

    def __init__(self, path: Path, **parts: Any) -> None:
        self.path, self.parts = path, parts

    def restore(self) -> None:
        """Gives every part the state that was saved last, if there is one."""
        if self.path.exists():
            for name, state in torch.load(self.path).items():
                self.parts[name].load_state_dict(state)

    def save(self) -> None:
        """Replaces the checkpoint."""
        unfinished = self.path.with_suffix(".tmp")
        torch.save({name: part.state_dict() for name, part in self.parts.items()}, unfinished)
        unfinished.replace(self.path)
