"""A loader over a real client of S3, with moto behind it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from fixtures.object_server_fixtures import *  # noqa: F403
from fixtures.remote_data import same_batches

import pypack
from pypack.remote import Url, objects

pytestmark = pytest.mark.filterwarnings("ignore:.*hold no token that is learned")  # pieces of a token


@pytest.fixture(scope="module")
def bucket(corpus: Path, moto_server: dict[str, str]) -> Iterator[str]:
    """The URL of a folder that holds what `corpus` holds."""
    pytest.importorskip("obstore")
    with mock.patch.dict(os.environ, moto_server):
        place = Url.of("s3://bucket/lake")
        for folder in ("a.store", "stream.plan", "best_fit.plan"):
            for path in (corpus / folder).iterdir():
                objects().upload(place / folder / path.name, str(path))
        yield str(place)


@pytest.mark.parametrize(("plan", "locality"), [("stream", 50), ("best_fit", 0)])
def test_batches_from_s3(corpus: Path, bucket: str, cache: Path, plan: str, locality: int) -> None:
    options = {"batch_sequences": 8, "seed": 5, "locality": locality}
    store = pypack.TokenStore.open(f"{bucket}/a.store", cache=cache)
    there = pypack.Loader(store, f"{bucket}/{plan}.plan", **options)
    here = pypack.Loader(corpus / "a.store", corpus / f"{plan}.plan", **options)
    assert same_batches(there, here) == here.steps_per_epoch
    assert there.remote is not None
    assert there.remote.cached_share > 0.9


def test_what_s3_does_not_have_is_named(corpus: Path, bucket: str, cache: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"s3://bucket/lake/no\.store: has no store\.json"):
        pypack.TokenStore.open(f"{bucket}/no.store", cache=cache)
    store = pypack.TokenStore.open(f"{bucket}/a.store", cache=cache)
    objects().remove(Url.of(f"{bucket}/a.store/00001.bin"))
    try:
        loader = pypack.Loader(store, corpus / "stream.plan", batch_sequences=8, shuffle=False)
        with pytest.raises(
            FileNotFoundError, match=r"s3://bucket/lake/a\.store/00001\.bin: there is no such"
        ):
            for _ in loader:
                pass
    finally:
        objects().upload(Url.of(f"{bucket}/a.store/00001.bin"), str(corpus / "a.store/00001.bin"))
