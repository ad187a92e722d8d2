"""Telling stores, plans and bare Megatron-Core datasets apart."""

from __future__ import annotations

from pathlib import Path

from pypack.cli.errors import UsageError


def _unfinished(path: Path) -> str:
    from pypack.jobs.begun import begun_by_older
    from pypack.jobs.description import read_description
    from pypack.jobs.merge import missing_units
    from pypack.jobs.place import FolderPlace

    place = FolderPlace(path)
    job = read_description(place)
    if job is None:
        return begun_by_older(path)
    done = len(job.units) - len(missing_units(place, job))
    return (
        f"{path}: an unfinished store ({done:,} of {len(job.units):,} units so far); "
        "run its pypack tokenize command again to go on"
    )


def is_texts(path: Path) -> bool:
    """Whether a path is a file or folder of texts: it exists, and is none of what `kind_of` knows."""
    try:
        kind_of(path)
    except UsageError:
        marks = ("job.json", "journal.jsonl")
        return path.exists() and not any((path / mark).is_file() for mark in marks)
    return False


def kind_of(path: Path) -> str:
    """ "store" (bare datasets too), "plan", or "schedule" (a YAML file).

    Raises:
        UsageError: it is neither, or a store that is not finished.
    """
    from pypack.plan import files as plan_files  # imports numpy, which pypack --help does without

    if (plan_files.locate(path) / "plan.json").is_file():
        return "plan"
    if (path / "store.json").is_file():
        return "store"
    if (path / "job.json").is_file() or (path / "journal.jsonl").is_file():
        raise UsageError(_unfinished(path))
    if path.suffix in (".yaml", ".yml") and path.is_file():
        return "schedule"
    prefix = path.with_suffix("") if path.suffix in (".bin", ".idx") else path
    if prefix.with_name(prefix.name + ".idx").is_file():
        return "store"
    if not path.exists():
        raise UsageError(f"{path}: no such store, plan, or .bin/.idx pair")
    raise UsageError(
        f"{path}: neither a store (store.json), nor a plan (plan.json), nor a .bin/.idx pair; "
        "pypack tokenize makes a store of text"
    )
