"""Stores behind a server that has faults, and caches that end with the test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from fixtures.range_server import RangeServer, range_server
from fixtures.remote_data import kill_fetcher, write_plan, write_store


@pytest.fixture(scope="package")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `a.store` (12 MB), and plans `stream.plan` and `best_fit.plan`."""
    folder = tmp_path_factory.mktemp("corpus")
    store = write_store(folder / "a.store", 8000, beside=True)
    for strategy in ("stream", "best_fit"):
        write_plan(folder / f"{strategy}.plan", store, strategy)
    return folder


@pytest.fixture(scope="package")
def shared_server(corpus: Path) -> Iterator[RangeServer]:
    with range_server(corpus) as server:
        yield server


@pytest.fixture
def server(shared_server: RangeServer) -> Iterator[RangeServer]:
    """A server of `corpus`, without faults and with an empty log."""
    shared_server.set_faults([])
    shared_server.forget()
    with mock.patch.dict(os.environ, {"PYPACK_REMOTE_SECONDS": "60"}):
        yield shared_server
    shared_server.set_faults([])


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Path]:
    """A folder for a cache, whose fetcher ends with the test."""
    folder = tmp_path / "cache"
    yield folder
    kill_fetcher(folder)
