"""Jobs at URLs killed at named points and at random moments: whoever goes on, the same bytes in the end.

PYPACK_TEST_SCALE=10 kills ten times as often."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from pathlib import Path

import pytest
from conftest import SCALE
from fixtures.jobs import Corpus
from fixtures.jobs_at_objects import command, unit_of_several_shards
from fixtures.moments import Moments
from fixtures.object_servers import open_uploads
from fixtures.objects_below import objects_below

from pypack.jobs.tokenize import tokenize
from pypack.remote import Url, objects
from pypack.tokenizer.tokenizer import Tokenizer

_POINTS = ("start", "shard", "journal", "manifest", "commit", "merge")


def _finish(store: Url, corpus: Corpus, tokenizer_file: Path, *more: str) -> None:
    done = subprocess.run(
        command(corpus, store, tokenizer_file, *more), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert objects_below(store) == corpus.store


@pytest.mark.parametrize("point", _POINTS if SCALE > 1 else random.Random(5).sample(_POINTS, 2))
@pytest.mark.parametrize("service", ["s3", "no_condition_store"] if SCALE > 1 else ["s3"])
def test_killed_at_a_point(
    point: str, service: str, request: pytest.FixtureRequest, few_units: Corpus, tokenizer_file: Path
) -> None:
    """Who goes on need not be who began."""
    store: Url = request.getfixturevalue(service) / "s"
    what = "store" if point == "merge" else unit_of_several_shards(few_units)
    environment = {**os.environ, "PYPACK_CRASH_AT": f"{point}:{what}"}
    killed = subprocess.run(command(few_units, store, tokenizer_file), env=environment, stderr=-3, stdout=-3)
    assert killed.returncode == -signal.SIGKILL
    assert objects().stat(store / "store.json") is None
    _finish(store, few_units, tokenizer_file, "--workers", "2" if point in _POINTS[::2] else "1")


@pytest.mark.parametrize("point", _POINTS[:-1] if SCALE > 1 else ["commit"])
def test_the_unit_of_a_dead_worker_is_made_again(
    point: str,
    s3: Url,
    few_units: Corpus,
    tokenizer: Tokenizer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unit = unit_of_several_shards(few_units)
    monkeypatch.setenv("PYPACK_CRASH_AT", f"{point}:{unit}:{tmp_path / 'crashed'}")
    done = tokenize(few_units.inputs, s3 / "s", tokenizer, few_units.options, num_workers=2)
    assert (tmp_path / "crashed").exists()
    assert done.dead_workers == 1
    assert objects_below(s3 / "s") == few_units.store


def test_killed_at_random_moments(s3: Url, few_units: Corpus, tokenizer_file: Path) -> None:
    moments = Moments(SCALE, 5)
    killed = jobs = 0
    while killed < max(1, round(SCALE)):
        jobs += 1
        store, workers = s3 / f"{jobs}", str(moments.random.randrange(1, 3))
        process = subprocess.Popen(
            command(few_units, store, tokenizer_file, "--workers", workers), stdout=-3, stderr=-3
        )
        moments.wait()
        process.kill()
        if process.wait(20) == -signal.SIGKILL:
            killed += 1
        else:
            moments.was_late()
        if objects().stat(store / "store.json") is None:
            _finish(store, few_units, tokenizer_file, "--workers", str(3 - int(workers)))
        assert objects_below(store) == few_units.store
    assert open_uploads(os.environ["AWS_ENDPOINT_URL"]) == []
