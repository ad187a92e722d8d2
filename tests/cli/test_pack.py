"""`pypack pack`: rows that divide, and plans of stores that have grown."""

from __future__ import annotations

import json

import pytest
from fixtures.loader_data import make_store, web_lengths

from pypack import Plan
from pypack.cli import main


@pytest.fixture
def run(capsys):
    def call(*argv):
        status = main([str(argument) for argument in argv])
        return status, *capsys.readouterr()

    return call


def test_rows_divide(run, tmp_path):
    store = make_store(tmp_path / "a.store", web_lengths(100))
    begin = ("pack", tmp_path / "a.store", "--sequence-length", 64)
    status, out, _ = run(*begin, "-o", tmp_path / "a.plan", "--divisible-by", 16)
    plan = Plan.open(tmp_path / "a.plan")
    plan.verify(store.lengths)
    assert status == 0
    assert plan.num_sequences % 16 == 0
    assert f"{plan.counts.added_sequences} sequences were added by cutting others, to divide" in out
    status, out, _ = run(*begin, "-o", tmp_path / "b.plan", "--divisible-by", 16, "--json")
    assert json.loads(out)["added_sequences"] == plan.counts.added_sequences


def test_the_old_name_of_threads(run, tmp_path):
    make_store(tmp_path / "a.store", web_lengths(100))
    begin = ("pack", tmp_path / "a.store", "--sequence-length", 64)
    assert run(*begin, "-o", tmp_path / "new.plan", "--threads", 1)[::2] == (0, "")
    status, _, told = run(*begin, "-o", tmp_path / "old.plan", "--workers", 1)
    assert status == 0
    assert "--workers is called --threads now, and goes on working" in told
    assert Plan.open(tmp_path / "old.plan") == Plan.open(tmp_path / "new.plan")


def test_a_grown_store(run, tmp_path):
    lengths = web_lengths(100)
    make_store(tmp_path / "a.store", lengths[:60])
    grown = make_store(tmp_path / "grown.store", lengths)
    run("pack", tmp_path / "a.store", "-o", tmp_path / "a.plan", "--sequence-length", 64)
    old = Plan.open(tmp_path / "a.plan")
    begin = ("pack", tmp_path / "grown.store", "-o", tmp_path / "grown.plan", "--extend", tmp_path / "a.plan")
    for option in (
        ("--sequence-length", 32),
        ("--strategy", "concat"),
        ("--overflow", "drop"),
        ("--align", 2),
        ("--divisible-by", 2),
        ("--drop-shorter-than", 2),
    ):
        status, _, err = run(*begin, *option)
        assert status == 2
        assert f"{option[0]} does not go with --extend, which packs as the old plan was packed" in err
    status, out, _ = run(*begin)
    assert status == 0
    assert f"the first {old.num_sequences} sequences are those of the old plan" in out
    plan = Plan.open(tmp_path / "grown.plan")
    plan.verify(grown.lengths)
    assert plan.extends[-1].fingerprint == old.fingerprint
    status, _, err = run("pack", tmp_path / "grown.store", "-o", tmp_path / "none.plan")
    assert status == 2
    assert "give --sequence-length" in err
    make_store(tmp_path / "other.store", lengths[1:])
    status, _, err = run(
        "pack", tmp_path / "other.store", "-o", tmp_path / "x.plan", "--extend", tmp_path / "a.plan"
    )
    assert status != 0
    assert "a store grows by documents behind its old ones" in err


def test_pairs(run, tmp_path):
    """`--objective` gives the plan of `pack_pairs`, proved and reported."""
    from pypack.objectives import SpanCorruption, pack_pairs

    store = make_store(tmp_path / "a.store", web_lengths(200), vocab_size=600)
    objective = "SpanCorruption(rate=0.15, mean=3, sentinel_ids=[599, 598], end_id=0, start_id=0)"
    begin = ("pack", tmp_path / "a.store", "--sequence-length", 96)
    status, out, _ = run(*begin, "-o", tmp_path / "a.plan", "--objective", objective, "--json")
    wanted = pack_pairs(store, SpanCorruption(sentinel_ids=[599, 598], end_id=0, start_id=0), 96)
    plan = Plan.open(tmp_path / "a.plan")
    assert status == 0
    assert plan.fingerprint == wanted.fingerprint
    assert plan.sides == wanted.sides
    assert json.loads(out)["num_sequences"] == len(wanted)
    limits = ("--target-length", 40, "--overflow", "drop", "--max-documents", 2)
    status, out, _ = run(*begin, "-o", tmp_path / "b.plan", "--objective", objective, *limits)
    assert status == 0
    assert "% full" not in out  # each side has its own share
    assert "40 targets (" in out
    other = pack_pairs(
        store,
        SpanCorruption(sentinel_ids=[599], end_id=0, start_id=0),
        96,
        40,
        overflow="drop",
        max_documents=2,
    )
    assert Plan.open(tmp_path / "b.plan").fingerprint == other.fingerprint
    for given, why in [
        (("--target-length", 9), "--target-length goes with --objective"),
        (("--objective", objective, "--room", 3), "--room does not go with --objective"),
        (("--objective", objective, "--strategy", "concat"), "--strategy does not go"),
        (("--objective", objective, "--where", "x > 1"), "selects documents"),
        (("--objective", "MaskedLM(mask_id=1)"), "makes no inputs and targets"),
        (("--objective", "Nope()"), "there is no objective 'Nope'"),
        (("--objective", "SpanCorruption()"), "give"),
    ]:
        status, _, told = run(*begin, "-o", tmp_path / "c.plan", *given)
        assert status == 2, given
        assert why in told
    assert not (tmp_path / "c.plan").exists()
