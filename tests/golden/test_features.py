"""Features of stores, plans and states that came later: files of an earlier pypack open, prove themselves,
and give the batches that they gave. `features/write.py` wrote them; they are never changed."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.places import GOLDEN

from pypack import TokenStore
from pypack.cli import main
from pypack.plan import Plan

FOLDER = GOLDEN / "features"
VERSIONS = sorted(path for path in FOLDER.iterdir() if (path / "expected.json").is_file())
spec = importlib.util.spec_from_file_location("golden_features", FOLDER / "write.py")
assert spec is not None
assert spec.loader is not None
written = importlib.util.module_from_spec(spec)
spec.loader.exec_module(written)


@pytest.fixture(params=VERSIONS, ids=lambda path: path.name)
def folder(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.fixture
def expected(folder: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    return values


def test_there_are_golden_files() -> None:
    assert VERSIONS


def test_what_lies_beside_tokens(folder: Path, expected: dict[str, Any]) -> None:
    store = TokenStore.open(folder / "store")
    assert store.info is not None
    assert store.info.requires == ("groups", "loss_mask", "loss_weights", "word_borders")
    assert [document.tolist() for document in store] == expected["documents"]
    assert [store.word_borders(i).astype(int).tolist() for i in range(len(store))] == expected["words"]
    assert [store.loss_mask(i).astype(int).tolist() for i in range(len(store))] == expected["learned"]
    assert store.groups is not None
    assert store.groups.tolist() == expected["groups"]
    assert store.document_weights is not None
    assert store.document_weights.all().tolist() == expected["weights"]
    assert main(["verify", "--deep", str(folder / "store")]) == 0


def test_plans_with_literals_room_and_sides(folder: Path, expected: dict[str, Any]) -> None:
    store = TokenStore.open(folder / "store")
    seen = set()
    for name, wanted in expected["plans"].items():
        plan = Plan.open(folder / name)
        plan.verify(store.lengths)
        assert main(["verify", str(folder / name), "--store", str(folder / "store")]) == 0
        assert {key: array.tolist() for key, array in plan.arrays().items()} == wanted["arrays"]
        assert plan.room == wanted["room"]
        assert written._literals(plan) == wanted["literals"]
        assert written._sides(plan) == wanted["sides"]
        assert plan.fingerprint == wanted["fingerprint"]
        seen |= {key for key in ("room", "literals", "sides") if wanted[key]}
    assert seen == {"room", "literals", "sides"}


@pytest.mark.filterwarnings("ignore:.*hold no token that is learned")
def test_states_of_objectives_give_the_batches_that_they_gave(folder: Path, expected: dict[str, Any]) -> None:
    states = json.loads((folder / "states.json").read_text(encoding="utf-8"))
    for name, (plan, objective) in written.objectives().items():
        loader = written.loader(folder, name, plan, objective)
        loader.load_state_dict(states[name])
        found = [written.told(loader.batch_at(step)) for step in range(2, 6)]
        assert found == expected["batches"][name], name
    assert {"feedback", "objectives"} <= {key for state in states.values() for key in state}


def test_a_digest_of_a_batch_tells_a_change(folder: Path) -> None:
    batch = written.loader(folder, "words", "room", None).batch_at(0)
    before = written.told(batch)
    batch.labels[np.nonzero(batch.labels != -100)[0][:1]] += 1
    assert written.told(batch) != before
