"""`pypack inspect PLAN --store URL` says what a loader of them says of itself."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from fixtures.range_server import RangeServer

import pypack
from pypack.cli import main


@pytest.mark.filterwarnings("ignore:.*hold no token that is learned")
@pytest.mark.parametrize("here", [True, False])
def test_the_cost_is_the_loaders(
    corpus: Path, server: RangeServer, cache: Path, capsys: pytest.CaptureFixture[str], here: bool
) -> None:
    plan = str(corpus / "stream.plan") if here else f"{server.url}/stream.plan"
    command = ["inspect", plan, "--store", f"{server.url}/a.store", "--cache", str(cache)]
    order = ["--batch-tokens", "65_536", "--locality", "50", "--ranks", "2"]
    assert main([*command, *order, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    store = pypack.TokenStore.open(f"{server.url}/a.store", cache=cache)
    options = {"batch_tokens": 65_536, "locality": 50, "world_size": 2}
    loader = pypack.Loader(pypack.Source(store, pypack.Plan.open(plan, cache=cache)), **options)
    assert loader.remote is not None
    of_command = {name: found["remote"][name] for name in asdict(loader.remote)}
    changing = {"cached_share", "first_seconds", "is_measured"}  # with every block that comes
    assert {n: v for n, v in of_command.items() if n not in changing} == {
        name: value for name, value in asdict(loader.remote).items() if name not in changing
    }
    local = pypack.Plan.open(corpus / "stream.plan")
    assert [sequence["spans"] for sequence in found["first"]] == [list(map(list, local[s])) for s in range(3)]
    assert [sequence["capacity"] for sequence in found["first"]] == local.sequence_capacity[:3].tolist()
    assert ("histogram" in found) == here
    assert main([*command, *order]) == 0
    told = capsys.readouterr().out
    assert "from object storage (batch_tokens 65,536, locality 50, ranks 2):" in told
    assert "a step fetches " in told
    assert "the first batch needs up to " in told


def test_what_does_not_go_together(
    corpus: Path, server: RangeServer, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    local = [str(corpus / "stream.plan"), "--store", str(corpus / "a.store")]
    assert main(["inspect", *local]) == 2
    assert "are on this machine: nothing is fetched" in capsys.readouterr().err
    assert main(["inspect", str(corpus / "a.store"), "--store", f"{server.url}/a.store"]) == 2
    assert "--store goes with a plan, and" in capsys.readouterr().err
