"""Jobs at URLs whose parts do not belong together: refused in words that name what differs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fixtures.corpus_files import json_lines, write

from pypack.corpus import CorpusError
from pypack.jobs.description import read_description
from pypack.jobs.open_place import place_at
from pypack.jobs.options import WorkOptions
from pypack.jobs.output import OutputError
from pypack.jobs.partition import Partition
from pypack.jobs.tokenize import TokenizeOptions, tokenize
from pypack.jobs.unit_work import UnitWork
from pypack.remote import NoObjectError, Url, objects
from pypack.tokenizer.tokenizer import Tokenizer

_HALF = TokenizeOptions(unit_bytes=500)


@pytest.fixture
def half_made(s3: Url, tokenizer: Tokenizer) -> tuple[Url, list[Url]]:
    """A job of two partitions of which one is made, and its inputs, which are all objects of a folder."""
    inputs = [s3 / f"in/{i}.jsonl" for i in range(4)]
    for one in inputs:
        objects().write(one, json_lines([{"text": "some words"}] * 30))
    tokenize([str(s3 / "in")], s3 / "out", tokenizer, _HALF, partition=Partition(0, 2))
    return s3 / "out", inputs


def test_inputs_that_change_are_named(half_made: tuple[Url, list[Url]], tokenizer: Tokenizer) -> None:
    store, inputs = half_made
    folder = str(inputs[0].parent)
    objects().write(inputs[3], json_lines([{"text": "other words"}] * 30))
    with pytest.raises(OutputError, match=r"3\.jsonl: (has changed|was written to since)"):
        tokenize([folder], store, tokenizer, _HALF, partition=Partition(1, 2))
    # One whose list is older than the change finds out when it reads.
    place = place_at(store)
    job = read_description(place)
    assert job is not None
    last = [unit.number for unit in job.units if unit.first == 3][-1]
    with pytest.raises(CorpusError, match=r"3\.jsonl: is not the object that it was"):
        UnitWork(place, job, tokenizer, WorkOptions())(last)
    objects().remove(inputs[3])
    with pytest.raises(NoObjectError, match=r"3\.jsonl: there is no such object"):
        UnitWork(place, job, tokenizer, WorkOptions())(last)
    with pytest.raises(OutputError, match=r"3\.jsonl: "):
        tokenize([folder], store, tokenizer, _HALF, partition=Partition(1, 2))


def test_a_list_of_inputs_that_grows_between_partitions_is_named(
    half_made: tuple[Url, list[Url]], tokenizer: Tokenizer
) -> None:
    store, inputs = half_made
    objects().write(inputs[0].parent / "9.jsonl", json_lines([{"text": "more words"}]))
    with pytest.raises(OutputError, match=r"9\.jsonl: was not among them before"):
        tokenize([str(inputs[0].parent)], store, tokenizer, _HALF, partition=Partition(1, 2))


def test_another_tokenizer_or_version_on_one_partition_is_refused(
    half_made: tuple[Url, list[Url]], tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, inputs = half_made
    folder = str(inputs[0].parent)
    definition = json.loads(tokenizer.to_json())
    definition["model"]["merges"].pop()
    write(tmp_path / "other.json", json.dumps(definition).encode())
    other = Tokenizer.from_file(tmp_path / "other.json")
    with pytest.raises(OutputError, match="differs from this one in the tokenizer"):
        tokenize([folder], store, other, _HALF, partition=Partition(1, 2))
    monkeypatch.setattr("pypack.jobs.describing.VERSION", "9.9.9")
    with pytest.raises(OutputError, match=r"version of pypack .*9\.9\.9"):
        tokenize([folder], store, tokenizer, _HALF, partition=Partition(1, 2))
