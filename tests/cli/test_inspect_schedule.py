"""`pypack inspect SCHEDULE.yaml`."""

from __future__ import annotations

import json

import pytest
from fixtures.loader_data import make_source

from pypack import Schedule, Source, pack
from pypack.cli import main

pytest.importorskip("yaml")

_SCHEDULE = """\
phases:
- steps: 30
  weights: {web: 3, code: 1}
- steps: 10
  weights: {code: 1}
"""

_WEB = "--source=web={d}/web.store,{d}/web.plan"


@pytest.fixture
def folder(tmp_path):
    for name in ("web", "code"):
        _, plan = make_source(tmp_path / f"{name}.store", documents=80)
        plan.save(tmp_path / f"{name}.plan")
    pack([64, 3], 64).save(tmp_path / "short.plan")
    (tmp_path / "mix.yaml").write_text(_SCHEDULE)
    return tmp_path


def inspect(folder, *options):
    sources = [f"--source={name}={folder / name}.store,{folder / name}.plan" for name in ("web", "code")]
    return main(["inspect", str(folder / "mix.yaml"), *sources, *options])


def test_a_schedule_is_shown_phase_by_phase(folder, capsys):
    assert inspect(folder, "--batch-sequences", "8") == 0
    shown = capsys.readouterr().out
    assert "schedule of 2 phases" in shown
    assert "phase 1: 10 steps, 5,120 tokens" in shown
    assert "180 sequences  75.00%" in shown
    assert inspect(folder, "--batch-tokens", "512", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["kind"] == "schedule"
    assert [phase["steps"] for phase in told["phases"]] == [30, 10]
    assert told["phases"][1]["sequences"] == {"web": 0, "code": 80}


def test_a_schedule_is_drawn(folder):
    pytest.importorskip("matplotlib")
    assert inspect(folder, "--batch-sequences", "8", "--plot", str(folder / "mix.png")) == 0
    assert (folder / "mix.png").stat().st_size > 5000


def test_a_picture_of_no_known_format_is_asked_wrongly(folder, capsys):
    pytest.importorskip("matplotlib")
    assert inspect(folder, "--batch-sequences", "8", "--plot", str(folder / "mix.word")) == 2
    assert "--plot" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ([], 2, "--source NAME=STORE,PLAN for each name"),
        (["--source", "web"], 2, r"NAME=STORE,PLAN[,PLAN...], got 'web'"),
        ([_WEB, "--batch-sequences", "8"], 2, "mix.yaml: phase 0: weights names 'code'"),
        (
            [_WEB, "--source=code={d}/web.store,{d}/web.plan"],
            2,
            "give either batch_tokens or batch_sequences",
        ),
        ([_WEB, "--source=code={d}/web.store,{d}/web.plan", "--batch-tokens", "7"], 2, "64"),
        ([_WEB, _WEB, "--batch-sequences", "8"], 2, "--source web is given twice"),
        (["--source", "web={d}/web.store,{d}/web.plan,{d}/web.plan"], 2, "--source web: two plans"),
        (["--source", "web={d}/web.store,{d}/short.plan"], 2, "--source web: the plan"),
        (["--source", "web={d}/web.store,{d}/no.plan"], 2, "no.plan"),
    ],
)
def test_what_is_missing_is_named(folder, capsys, arguments, status, message):
    arguments = [argument.replace("{d}", str(folder)) for argument in arguments]
    assert main(["inspect", str(folder / "mix.yaml"), *arguments]) == status
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("phases: [", "not readable as YAML"),
        ("[]", "must be a mapping with 'phases'"),
        ("phases: [{tokens: 9, sources: {web: 1}}]", "Phase has no field 'sources'"),
        ("phases: [{tokens: x, weights: {web: 1}}]", "must be a number"),
    ],
)
def test_a_file_that_is_no_schedule_is_named(folder, capsys, text, message):
    (folder / "mix.yaml").write_text(text)
    assert inspect(folder, "--batch-sequences", "8") == 1
    told = capsys.readouterr().err
    assert message in told
    assert told.count(str(folder / "mix.yaml")) == 1


def test_the_preview_is_that_of_the_schedule(folder, capsys):
    import pypack

    sources = {
        name: Source(
            pypack.TokenStore.open(folder / f"{name}.store"), pypack.Plan.open(folder / f"{name}.plan")
        )
        for name in ("web", "code")
    }
    assert inspect(folder, "--batch-sequences", "8") == 0
    preview = Schedule.from_yaml(folder / "mix.yaml").preview(sources, batch_sequences=8)
    assert str(preview) in capsys.readouterr().out
