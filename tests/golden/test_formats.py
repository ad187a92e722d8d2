"""Files that earlier versions wrote open for ever: stores, plans, states, schedules, pickles.

A folder a version, written by `formats/write.py` under that version; they are read here and never changed.
"""

from __future__ import annotations

import json
import pickle
import warnings
from pathlib import Path
from typing import Any

import pytest
from fixtures.places import GOLDEN

import pypack
from pypack import Loader, Plan, Schedule, Source, Tokenizer, TokenStore
from pypack.cli import main

VERSIONS = sorted(path for path in (GOLDEN / "formats").iterdir() if (path / "expected.json").is_file())


@pytest.fixture(params=VERSIONS, ids=lambda path: path.name)
def folder(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.fixture
def expected(folder: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    return values


def sources(folder: Path) -> dict[str, Source]:
    store = TokenStore.open(folder / "bare")
    return {
        name: Source(store, pypack.pack(store.lengths, 32, strategy="best_fit", overflow="split", seed=i))
        for i, name in enumerate(("a", "b"))
    }


def test_there_are_golden_files() -> None:
    assert VERSIONS[0].name == "0.1.0"


def test_stores(folder: Path, expected: dict[str, Any]) -> None:
    store = TokenStore.open(folder / "store")
    assert [document.tolist() for document in store] == expected["documents"]
    assert store.columns(["id"]).column("id").to_pylist() == expected["ids"]
    assert (store.eos_id, store.pad_id) == (259, None)
    encoded = store.tokenizer().encode("to be")
    assert list(encoded) == expected["documents"][0][: len(encoded)]
    bare = TokenStore.open(folder / "bare")
    assert [document.tolist() for document in bare] == expected["bare"]
    assert main(["verify", str(folder / "store")]) == main(["verify", str(folder / "bare")]) == 0


def test_fingerprints_of_tokenizers(folder: Path, expected: dict[str, Any]) -> None:
    assert Tokenizer.from_file(folder / "tokenizer.json").fingerprint == expected["fingerprint"]


def test_plans(folder: Path, expected: dict[str, Any]) -> None:
    store = TokenStore.open(folder / "bare")
    for name, arrays in expected["plans"].items():
        plan = Plan.open(folder / name)
        plan.verify(store.lengths)
        assert [array.tolist() for array in plan.arrays().values()] == arrays
        assert main(["verify", str(folder / name), "--store", str(folder / "bare")]) == 0
        next(iter(Loader(store, plan, batch_tokens=32)))


def test_states_go_on_where_they_were(folder: Path, expected: dict[str, Any]) -> None:
    states = json.loads((folder / "states.json").read_text(encoding="utf-8"))
    schedule = Schedule.from_yaml(folder / "schedule.yaml")
    both = sources(folder)
    loaders = {
        "epochs": Loader(both["a"], batch_sequences=4, seed=3),
        "mixed": Loader(both, schedule=schedule, batch_sequences=4, seed=3),
    }
    for name, loader in loaders.items():
        loader.load_state_dict(states[name])
        step = states[name]["step"]
        assert [part.tolist() for part in loader.rows_at(step)] == expected["rows"][name]
    assert next(iter(loaders["mixed"])).labels.tolist() == expected["labels"]


def test_pickles(folder: Path, expected: dict[str, Any]) -> None:
    with warnings.catch_warnings(), (folder / "pickles.pkl").open("rb") as file:
        warnings.simplefilter("ignore", DeprecationWarning)  # of modules that have moved
        values = pickle.load(file)
    assert values["tokenizer"].fingerprint == expected["fingerprint"]
    assert [document.tolist() for document in values["ragged"]] == expected["bare"]
    assert values["schedule"] == Schedule.from_yaml(folder / "schedule.yaml")
