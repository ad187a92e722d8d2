"""`pypack pack` of a selection, and what the other commands make of its plan."""

import json

import numpy as np
import pytest

from pypack import Loader, Plan, Source
from pypack.cli import main
from tests.fixtures.scored_store import make_scored_store


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_scored_store(tmp_path_factory.mktemp("selection") / "a.store")


def test_a_selection_is_packed_shown_proved_and_loaded(store, tmp_path, capsys):
    path, plan = str(store.path), str(tmp_path / "a.plan")
    options = ["--where", "score > 0.5 and lang == 'en'", "--top", "score:20", "--repeats", "repeats"]
    assert main(["pack", path, "-o", plan, "--sequence-length", "64", *options, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["selection"]["top"] == ["score", 20]
    assert main(["verify", plan, "--store", path]) == 0
    capsys.readouterr()
    assert main(["inspect", plan]) == 0
    shown = capsys.readouterr().out
    assert "selection where: score > 0.5 and lang == 'en'" in shown
    assert "the highest: 20 by score; repeats by: repeats; of: 200 documents" in shown
    source = Source.select(
        store, 64, where="score > 0.5 and lang == 'en'", top=("score", 20), repeats="repeats"
    )
    assert Plan.open(plan) == source.plan
    batch = Loader(path, plan, batch_sequences=2).batch_at(0)
    np.testing.assert_array_equal(batch.input_ids, Loader(source, batch_sequences=2).batch_at(0).input_ids)


def test_an_order_and_repeated_sequences(store, tmp_path, capsys):
    path, plan = str(store.path), str(tmp_path / "a.plan")
    np.save(tmp_path / "order.npy", np.arange(200)[::-1])
    order = ["--order", str(tmp_path / "order.npy"), "--repeats", "repeats", "--repeat", "sequences"]
    common = ["pack", path, "-o", plan, "--sequence-length", "64", "--strategy", "concat"]
    assert main([*common, *order]) == 0
    assert "an epoch gives" in capsys.readouterr().out
    assert main(["verify", plan, "--store", path]) == 0
    assert main([*common, "--overwrite", "--order", "score:desc", "--where", "score is not null"]) == 0
    assert main(["pack", path, "--sequence-length", "64", "--compare", "--where", "lang == 'de'"]) == 0
    capsys.readouterr()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--where", "score ="], "equality is written =="),
        (["--where", "nope > 1"], "keeps no column 'nope'"),
        (["--top", "score"], "--top takes COLUMN:N"),
        (["--order", "missing.npy"], "missing.npy"),
        (["--order", "time", "--strategy", "best_fit"], "does not keep an order"),
        (["--where", "score > 2"], "holds none of the 200 documents"),
    ],
)
def test_what_cannot_be_selected_is_said(store, tmp_path, capsys, options, message):
    asked = ["pack", str(store.path), "-o", str(tmp_path / "a.plan"), "--sequence-length", "64"]
    assert main([*asked, *options]) in (1, 2)
    assert message in capsys.readouterr().err
    assert not (tmp_path / "a.plan").exists()


def test_a_selection_is_not_extended(store, tmp_path, capsys):
    asked = ["pack", str(store.path), "-o", str(tmp_path / "b.plan"), "--extend", "a.plan"]
    assert main([*asked, "--where", "score > 0.5"]) == 2
    assert "--where does not go with --extend" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("score > 'a'", "'score' is double, numbers: compare it with numbers, as in score > 1"),
        ("lang > 1", "texts: compare it with texts in quotes, as in lang == 'a'"),
        ("nope > 1", "keeps no column 'nope'"),
        ("len(lang) > 1", "there is no function 'len'; there are starts_with"),
        ("score > null", "nothing compares with null"),
    ],
)
def test_a_condition_that_cannot_be_asked_ends_with_status_2(store, tmp_path, capsys, where, told):
    plan = tmp_path / "a.plan"
    assert main(["pack", str(store.path), "-o", str(plan), "--sequence-length", "64", "--where", where]) == 2
    shown = capsys.readouterr().err
    assert told in shown
    assert "kernel" not in shown
    assert not plan.exists()
