"""The tables of the pages, and the picture, are those of the result files."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from bench.common.record import RESULTS
from bench.picture.jobs import pictures
from bench.picture.throughput import picture
from bench.tables.catalogue import TABLES
from bench.tables.command import main
from bench.tables.pages import pages, render


def test_every_result_file_has_a_table():
    assert {path.stem for path in RESULTS.glob("*.json")} <= {table.file for table in TABLES.values()}


def test_every_measured_table_is_on_a_page():
    shown = {
        name for page in pages() for name in re.findall(r"<!-- bench:([\w/]+) -->", page.read_text("utf-8"))
    }
    measured = {name for name, table in TABLES.items() if (RESULTS / f"{table.file}.json").is_file()}
    assert measured <= shown


def test_a_stale_table_is_found_and_mended(tmp_path, capsys):
    page = tmp_path / "notes.md"
    page.write_text("before\n<!-- bench:demo -->\nold\n<!-- /bench -->\nafter\n", encoding="utf-8")
    assert main(["--check", str(page)]) == 1
    assert str(page) in capsys.readouterr().err
    assert "old" in page.read_text("utf-8")
    assert main([str(page)]) == 0
    assert main(["--check", str(page)]) == 0
    text = page.read_text("utf-8")
    assert text.startswith("before\n<!-- bench:demo -->\n| ")
    assert "`python bench demo` at " in text
    assert text.endswith("<!-- /bench -->\nafter\n")


def test_an_unknown_table_is_named():
    with pytest.raises(ValueError, match="page: no table is called 'nothing'"):
        render("<!-- bench:nothing -->\n<!-- /bench -->", "page")


PICTURES = {"throughput": picture(), **pictures()}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_the_same_each_time_and_stays_inside(name):
    drawn = PICTURES[name]
    assert drawn == {"throughput": picture(), **pictures()}[name]
    root = ElementTree.fromstring(drawn)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for shape in root:
        x = float(shape.attrib.get("x", 0))
        if shape.tag.endswith("rect"):
            assert 0 <= x <= x + float(shape.attrib["width"]) <= width
        if shape.tag.endswith("text"):
            assert 0 < float(shape.attrib["y"]) < height - 8
            # Six pixels a letter of 12 points, at most: names end where bars begin.
            if shape.attrib["text-anchor"] == "end":
                assert x - 6.2 * len(shape.text) > 0, shape.text


@pytest.mark.parametrize("name", PICTURES)
def test_names_of_a_picture_tell_programs_apart(name):
    """Under each heading every name stands once; and pypack is on every picture, once or twice."""
    root = ElementTree.fromstring(PICTURES[name])
    names: list[str] = []
    ours = 0
    for shape in root:
        if shape.tag.endswith("text") and shape.attrib["text-anchor"] == "end":
            assert shape.text not in names, shape.text
            names.append(shape.text)
            ours += "pypack" in shape.text or "packed" in shape.text
        elif shape.attrib.get("class") == "pale":
            names = []
    assert ours
