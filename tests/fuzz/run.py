"""`python -m fuzz.run TARGET COUNT [SEED]` in tests/: damages files, and says what no reader may do.

A process of its own, with 2 GB of memory more than it has, as a reader may end it. The file that did is left
where it says, and so is what a generated target was given.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

# As in the reading process, which is forked from this one (before Arrow is imported).
os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"

from fuzz.forked import fork_readers
from fuzz.generated import GENERATED
from fuzz.mutate import mutated
from fuzz.seeds import CRASHERS, SEEDS
from fuzz.targets import TARGETS

_MEMORY = 2 << 30  # of which Arrow sets half aside unused
_IN_MEMORY = Path("/dev/shm")  # a file is written for each execution, which a disk takes a millisecond for


def main(target: str, count: int, seed: int) -> int:
    """Runs a target; 1 if a promise was broken."""
    if target in GENERATED:
        broken = _generated(GENERATED[target], count, seed)
    else:
        where = _IN_MEMORY if os.access(_IN_MEMORY, os.W_OK) else None
        with tempfile.TemporaryDirectory(prefix="pypack-fuzz-", dir=where) as name:
            broken = _damaged(target, Path(name), count, seed)
    if not broken:
        print(f"{target}: {count} executions")
    return broken


def _generated(run: Callable[[random.Random], None], count: int, seed: int) -> int:
    for i in range(count):
        _tell(i)
        try:
            run(random.Random(f"{seed} {i}"))
        except BaseException:
            traceback.print_exc()
            print(f"\nexecution {i} of seed {seed}", file=sys.stderr)
            return 1
    return 0


def _damaged(target: str, folder: Path, count: int, seed: int) -> int:
    made = SEEDS[target](folder)
    goods = made if isinstance(made, list) else [made]
    crashers = [folder / f"crasher-{i}{goods[0].suffix}" for i in range(len(CRASHERS.get(target, [])))]
    for path, make in zip(crashers, CRASHERS.get(target, []), strict=True):
        make(path)
    fork_readers()
    _limit_memory()
    read = TARGETS[target]
    for path in (*crashers, *goods):
        read(path)
    rng = random.Random(seed)
    files = [
        (good, path)
        for good in goods
        for path in (sorted(p for p in good.rglob("*") if p.is_file()) if good.is_dir() else [good])
    ]
    contents = {path: path.read_bytes() for _, path in files}
    for i in range(count):
        good, path = rng.choice(files)
        path.write_bytes(mutated(contents[path], rng))
        _tell(i)
        try:
            read(good)
        except BaseException:
            kept = Path(tempfile.mkdtemp(prefix=f"pypack-crasher-{target}-"))
            shutil.copytree(folder, kept, dirs_exist_ok=True)
            traceback.print_exc()
            print(f"\nexecution {i}: {path.name} of {good.name}; kept in {kept}", file=sys.stderr)
            return 1
        path.write_bytes(contents[path])
    return 0


def _tell(execution: int) -> None:
    print(f"\r{execution}", end="", file=sys.stderr, flush=True)


def _limit_memory() -> None:
    with suppress(ImportError, ValueError, OSError):
        import resource

        used = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
        resource.setrlimit(
            resource.RLIMIT_DATA, (used + _MEMORY, resource.getrlimit(resource.RLIMIT_DATA)[1])
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 0))
