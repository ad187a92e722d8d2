"""`python -m fuzz.run TARGET COUNT [SEED]` in tests/: damages files, and says what no reader may do.

A process of its own, with 2 GB of memory more than it has, as a reader may end it. The file that did is left
where it says.
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
import traceback
from contextlib import suppress
from pathlib import Path

from fuzz.mutate import mutated
from fuzz.seeds import CRASHERS, SEEDS
from fuzz.targets import TARGETS

_MEMORY = 2 << 30  # of which Arrow sets half aside unused


def main(target: str, count: int, seed: int) -> int:
    """Runs a target; 1 if a promise was broken."""
    with tempfile.TemporaryDirectory(prefix="pypack-fuzz-") as name:
        folder = Path(name)
        good = SEEDS[target](folder)
        crashers = [folder / f"crasher-{i}{good.suffix}" for i in range(len(CRASHERS.get(target, [])))]
        for path, make in zip(crashers, CRASHERS.get(target, []), strict=True):
            make(path)
        _limit_memory()
        read = TARGETS[target]
        for path in crashers:
            read(path)
        rng = random.Random(seed)
        files = sorted(path for path in good.rglob("*") if path.is_file()) if good.is_dir() else [good]
        contents = {path: path.read_bytes() for path in files}
        read(good)
        for i in range(count):
            path = rng.choice(files)
            data = mutated(contents[path], rng)
            path.write_bytes(data)
            print(f"\r{i}", end="", file=sys.stderr, flush=True)
            try:
                read(good)
            except BaseException:
                kept = Path(tempfile.mkdtemp(prefix=f"pypack-crasher-{target}-"))
                shutil.copytree(folder, kept, dirs_exist_ok=True)
                traceback.print_exc()
                print(f"\nexecution {i}: {path.name} of {good.name}; kept in {kept}", file=sys.stderr)
                return 1
            path.write_bytes(contents[path])
        print(f"{target}: {count} executions")
    return 0


def _limit_memory() -> None:
    with suppress(ImportError, ValueError, OSError):
        import resource

        used = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
        resource.setrlimit(
            resource.RLIMIT_DATA, (used + _MEMORY, resource.getrlimit(resource.RLIMIT_DATA)[1])
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 0))
