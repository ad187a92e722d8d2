"""A loader over a real client of S3, with moto behind it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from conftest import SCALE
from fixtures.cache_ranks import digest_of, kills_fetchers, ranks_started
from fixtures.forwarding import forwarding
from fixtures.object_server_fixtures import *  # noqa: F403
from fixtures.remote_data import same_batch, same_batches

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


@pytest.mark.parametrize(
    "kind", ["503", "reset", "short", "slow", "flip"] if SCALE > 1 else ["reset", "flip"]
)
def test_faults_delay_and_never_corrupt(
    corpus: Path, bucket: str, cache: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first answer with each 2 MiB of a file is such a one."""
    seen: Counter[tuple[str, int]] = Counter()

    def fault(method: str, path: str, headers: dict[str, str]) -> str | None:
        name = path.partition("?")[0]
        if method != "GET" or not name.endswith((".bin", ".idx", ".npy")):
            return None
        begin = int(headers.get("range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
        seen[name, begin >> 21] += 1
        return kind if seen[name, begin >> 21] == 1 else None

    with forwarding(os.environ["AWS_ENDPOINT_URL"]) as proxy:
        proxy.fault = fault
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        objects().close()  # a client that knows the server without it
        store = pypack.TokenStore.open(f"{bucket}/a.store", cache=cache)
        there = pypack.Loader(store, f"{bucket}/stream.plan", batch_sequences=16, seed=5, locality=50)
        here = pypack.Loader(
            corpus / "a.store", corpus / "stream.plan", batch_sequences=16, seed=5, locality=50
        )
        assert same_batches(there, here) == here.steps_per_epoch
    objects().close()
    shards = len(list((corpus / "a.store").glob("*.bin")))
    assert len({name for name, _ in seen if name.endswith(".bin")}) == shards > 1
    if kind != "slow":  # which is no failure
        assert min(seen.values()) > 1


@pytest.mark.parametrize(("status", "error"), [("404", FileNotFoundError), ("403", PermissionError)])
def test_what_s3_refuses_is_named(
    corpus: Path, bucket: str, cache: Path, status: str, error: type[OSError], monkeypatch: pytest.MonkeyPatch
) -> None:
    with forwarding(os.environ["AWS_ENDPOINT_URL"]) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        objects().close()
        store = pypack.TokenStore.open(f"{bucket}/a.store", cache=cache)
        loader = pypack.Loader(store, f"{bucket}/stream.plan", batch_sequences=16, shuffle=False)
        proxy.fault = lambda method, path, headers: status if "00001.bin" in path else None
        with pytest.raises(error, match=r"^s3://bucket/lake/a\.store/00001\.bin: "):
            for _ in loader:
                pass
    objects().close()


def test_ranks_whose_fetcher_is_killed(
    corpus: Path, bucket: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with forwarding(os.environ["AWS_ENDPOINT_URL"]) as proxy:
        proxy.fault, killed = kills_fetchers(cache, 1 if SCALE <= 1 else 3)
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        processes = ranks_started(bucket, cache, 2)
        found = [process.communicate(timeout=120)[0].strip() for process in processes]
    options = {"batch_sequences": 16, "seed": 5, "locality": 50, "world_size": 2}
    here = [pypack.Loader(corpus / "a.store", corpus / "stream.plan", rank=r, **options) for r in (0, 1)]
    assert found == [digest_of(loader) for loader in here]
    assert killed


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # Python 3.12 and later warn of threads
def test_forked_workers_of_a_data_loader(corpus: Path, bucket: str, cache: Path) -> None:
    """Forked after the first batch, which came by a client that has threads, and would hang in a child."""
    pytest.importorskip("torch")
    from torch.utils.data import DataLoader

    store = pypack.TokenStore.open(f"{bucket}/a.store", cache=cache)
    there = pypack.Loader(store, f"{bucket}/stream.plan", batch_sequences=16, seed=5, locality=50)
    here = pypack.Loader(corpus / "a.store", corpus / "stream.plan", batch_sequences=16, seed=5, locality=50)
    same_batch(there.batch_at(0), here.batch_at(0))
    loaded = DataLoader(
        there.torch_dataset(), batch_size=None, num_workers=2, multiprocessing_context="fork", timeout=60
    )
    assert same_batches(loaded, here) == here.steps_per_epoch
