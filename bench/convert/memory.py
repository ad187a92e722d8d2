"""The most memory that conversions take, in processes of their own."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from bench.common.printing import Row
from bench.job.process_tree import processes_of

_SAMPLE_SECONDS = 0.01


def memory_cells(store: Path, megabytes: int, form: str, folder: Path) -> Row:
    """What a store of a size takes, into a format and back."""
    there, back = folder / f"{form}_there", folder / f"{form}_back"
    row: Row = {f"write {megabytes} MB": peak_megabytes("convert", store, there, "--to", form)}
    row[f"read {megabytes} MB"] = peak_megabytes("convert", there, back, "--to", "store")
    _removed(there)
    _removed(back)
    return row


def peak_megabytes(*arguments: object) -> float:
    """Of `pypack ...` and the processes that it starts: all memory but the pages of files."""
    command = [sys.executable, "-c", "import sys; from pypack.cli import main; sys.exit(main())"]
    process = subprocess.Popen([*command, *map(str, arguments)], stdout=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        peak = max(peak, sum(map(_own_bytes, processes_of(process.pid))))
        time.sleep(_SAMPLE_SECONDS)
    if process.returncode != 0:
        raise RuntimeError(f"pypack {arguments[:1]} exits with {process.returncode}")
    return peak / 1e6


def _own_bytes(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0  # it has ended meanwhile
    kinds = ("RssAnon:", "RssShmem:")
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(kinds))


def _removed(path: Path) -> None:
    import shutil

    for place in path.parent.glob(f"{path.name}*"):
        shutil.rmtree(place) if place.is_dir() else place.unlink()
