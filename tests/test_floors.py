"""Imports and `#include`s point one way: from each room to those on lower floors, never in a circle."""

from __future__ import annotations

from itertools import pairwise

import pytest
from fixtures.floors import (
    Arrow,
    against_the_floors,
    circles,
    include_arrows,
    python_arrows,
)
from fixtures.places import ROOT

# From the lowest floor up. What stands on one floor does not know of each other.
PYTHON_FLOORS = [
    ["pypack._core"],
    ["pypack._common"],
    ["pypack.ragged", "pypack.batch", "pypack.remote"],
    ["pypack.columnar", "pypack.records", "pypack.cache"],
    ["pypack.tokenizer", "pypack.plan", "pypack.corpus", "pypack.evaluation"],
    ["pypack.store", "pypack.packing"],
    ["pypack.source", "pypack.best_fit", "pypack.jobs"],
    ["pypack.schedule", "pypack.formats", "pypack.chat", "pypack.objectives"],
    ["pypack.loader"],
    ["pypack.adapters", "pypack.demo"],
    ["pypack.throughput"],
    ["pypack.cli"],
]
# The faces of the package: what stands outside, and sees every room.
FACES = ["pypack", "pypack._moved"]

CPP_FLOORS = [
    ["core/common"],
    [
        "core/convert",
        "core/corpus",
        "core/objective",
        "core/schedule",
        "core/store",
        "core/tokenize/unicode",
        "core/pack/plan",
    ],
    [
        "core/tokenize/text",
        "core/tokenize/vocabulary",
        "core/pack/best_fit",
        "core/pack/in_order",
        "core/pack/knots",
        "core/pack/pairs",
        "core/similar",
    ],
    [
        "core/tokenize/normalize",
        "core/pack/decompose",
        "core/pack/stream",
        "core/pack/balance",
        "core/pack/order",
    ],
    ["core/tokenize/pretokenize", "core/tokenize/models", "core/batch"],
    ["core/tokenize/words"],
    ["core/tokenize"],
    ["bindings/register"],
    ["bindings/common"],
    ["bindings/pack"],
    [
        "bindings/batch",
        "bindings/convert",
        "bindings/corpus",
        "bindings/objective",
        "bindings/schedule",
        "bindings/similar",
        "bindings/store",
        "bindings/testing",
        "bindings/tokenize",
    ],
    ["bindings/testing"],
    ["bindings/module"],
]

# Faces that hand out a helper, which needs the face's own class; it is imported when it is asked for.
HANDED_OUT = {
    ("pypack.loader.loader", "pypack.loader.torch_dataset"),
    ("pypack.schedule.schedule", "pypack.schedule.plot"),
    ("pypack.schedule.schedule", "pypack.schedule.preview"),
    ("pypack.schedule.schedule", "pypack.schedule.schedule_order"),
    ("pypack.store.store", "pypack.store.joined"),
    ("pypack.store.store", "pypack.store.remote"),
    ("pypack.plan.plan", "pypack.plan.remote_plan"),
}


def told(arrows: list[Arrow]) -> list[str]:
    return [f"{arrow.origin}:{arrow.line} -> {arrow.target}" for arrow in arrows]


def python_sources() -> list[Arrow]:
    arrows = python_arrows(ROOT / "pypack")
    return [a for a in arrows if a.origin not in FACES and a.target not in FACES]


def test_python_rooms_see_lower_floors_only() -> None:
    assert told(against_the_floors(python_sources(), PYTHON_FLOORS, ".")) == []


def test_python_modules_make_no_circles() -> None:
    arrows = [arrow for arrow in python_sources() if not arrow.for_types_only]
    assert {arrow[:2] for arrow in arrows} >= HANDED_OUT
    assert circles([arrow for arrow in arrows if arrow[:2] not in HANDED_OUT]) == []


def test_cpp_rooms_see_lower_floors_only() -> None:
    assert told(against_the_floors(include_arrows(ROOT / "csrc"), CPP_FLOORS, "/")) == []


def test_cpp_files_make_no_circles() -> None:
    assert circles(include_arrows(ROOT / "csrc")) == []


def test_kernels_know_no_python() -> None:
    for file in (ROOT / "csrc/core").rglob("*.?pp"):
        text = file.read_text("utf-8")
        assert "pybind11" not in text, file
        assert "Python.h" not in text, file


def test_the_faces_are_seen_by_nobody() -> None:
    version = {"pypack.cli"}  # `pypack --version`
    seen = [a for a in python_arrows(ROOT / "pypack") if a.target in FACES and a.origin not in FACES]
    assert {arrow.origin for arrow in seen} <= version


@pytest.mark.parametrize(("low", "high"), list(pairwise(PYTHON_FLOORS)))
def test_an_arrow_that_is_turned_is_found(low: list[str], high: list[str]) -> None:
    down = Arrow(f"{high[0]}.module", f"{low[0]}.module", 1)
    turned = Arrow(f"{low[0]}.module", f"{high[0]}.module", 2)
    assert against_the_floors([down, turned], PYTHON_FLOORS, ".") == [turned]


def test_neighbours_on_one_floor_are_found() -> None:
    arrow = Arrow("core/store/shard.hpp", "core/corpus/json_lines.hpp", 3)
    assert against_the_floors([arrow], CPP_FLOORS, "/") == [arrow]


def test_circles_are_found() -> None:
    arrows = [Arrow("a", "b", 1), Arrow("b", "c", 1), Arrow("c", "b", 1), Arrow("c", "d", 1)]
    assert circles(arrows) == [["b", "c"]]


def test_a_folder_without_a_floor_is_named() -> None:
    with pytest.raises(KeyError, match=r"pypack.attic.box is in no room"):
        against_the_floors([Arrow("pypack.attic.box", "pypack.plan", 1)], PYTHON_FLOORS, ".")
