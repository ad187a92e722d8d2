"""Runs `command.py` with the checkout on the path, also where nothing of it is installed."""

from __future__ import annotations

import sys
from pathlib import Path

_FOLDER = Path(__file__).resolve().parent
# This folder's modules are bench.peers.loaders.*, not modules of their own.
sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != _FOLDER]
sys.path.append(str(_FOLDER.parents[2]))

from bench.peers.loaders.command import main  # noqa: E402

main(sys.argv[1:])
