"""The small server of ranges that the tests have, and what it gave."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from bench.common.record import ROOT

_PIECE = 4096  # bytes that are looked at together


def range_server(folder: Path, rate: float) -> Any:
    """Serves a folder while the block lasts; `rate`: bytes a second, 0 for no limit."""
    spec = importlib.util.spec_from_file_location("range_server", ROOT / "tests/fixtures/range_server.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.range_server(folder, rate)


def given_twice(server: Any) -> int:
    """Bytes of tokens, indexes and arrays of plans that it gave more than once since its log was emptied."""
    pieces = Counter(
        (one.path, piece)
        for one in server.log()
        if one.path.endswith((".bin", ".idx", ".npy"))
        for piece in range(one.start // _PIECE, -(-one.stop // _PIECE))
    )
    return sum(_PIECE for count in pieces.values() if count > 1)
