"""What an append would add, predicted from a sample of the inputs that are new; nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pypack.corpus import InputFile
from pypack.corpus.unchanged import require_unchanged
from pypack.jobs.appending import begun, check_finished, check_to_append, sort_inputs
from pypack.jobs.description import JobDescription, finished_description
from pypack.jobs.dry_run import NOTHING, Prediction, predict
from pypack.jobs.open_place import place_at
from pypack.remote import Url

if TYPE_CHECKING:
    from pypack.tokenizer.tokenizer import Tokenizer


@dataclass(frozen=True)
class Given:
    """The inputs of an append.

    Attributes:
        files: those that it would read: of an append that was begun, then the new ones.
        begun: how many of them are of the former.
        known, moved: how many the store has, and of them those that were at another place.
    """

    files: tuple[InputFile, ...]
    begun: int
    known: int
    moved: int


def given_inputs(directory: Path | Url, now: JobDescription) -> Given:
    """Which inputs an append would read.

    Raises:
        OutputError: there is no finished store, or one that was made otherwise.
        CorpusError: an input of the store is not what it was.
        ChangedInputError: one of an append that was begun is not.
    """
    place = place_at(directory)
    check_finished(place)
    check_to_append(place, now)
    before = finished_description(place)
    assert before is not None
    known, pending = sort_inputs(before, now), begun(place)
    if pending is None or pending == before:
        return Given(known.new, 0, known.known, known.moved)
    first = pending.inputs[pending.appends[-1]["files"] :]
    require_unchanged([file for file in first if not file.is_stream])
    files = (*first, *sort_inputs(pending, now).new)
    return Given(files, len(first), known.known, known.moved)


def predict_append(
    given: Given,
    tokenizer: Tokenizer,
    cut: Callable[[Sequence[InputFile]], JobDescription],
    *,
    num_threads: int | None = None,
) -> Prediction:
    """See `pypack.jobs.dry_run.predict`.

    Args:
        cut: the job of some files, with units.
    """
    streams = sum(file.is_stream for file in given.files)
    found = replace(NOTHING, streams=streams)
    if len(given.files) > streams:
        found = predict(cut(given.files), tokenizer, num_threads=num_threads)
    return replace(found, known_inputs=given.known, moved_inputs=given.moved, begun_inputs=given.begun)
