"""The tables of the pages, and the picture, are those of the result files."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from bench.common.record import RESULTS
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


def test_the_picture_is_the_same_each_time_and_stays_inside():
    drawn = picture()
    assert drawn == picture()
    root = ElementTree.fromstring(drawn)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for shape in root:
        if shape.tag.endswith("rect"):
            assert (
                0
                <= float(shape.attrib["x"])
                <= float(shape.attrib["x"]) + float(shape.attrib["width"])
                <= width
            )
        if shape.tag.endswith("text"):
            assert 0 < float(shape.attrib["y"]) < height - 8
