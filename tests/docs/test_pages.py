"""The pages hang together: links lead somewhere, and what there is to be told is told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fixtures.pages import anchors, links, name_of, pages
from fixtures.places import ROOT

import pypack
from pypack.cli import COMMANDS
from pypack.formats.convert import FORMATS
from pypack.packing import STRATEGIES

DOCS = ROOT / "docs"
BOOK = "README ARCHITECTURE CONTRIBUTING SECURITY CHANGELOG docs/README csrc/README tests/README bench/README"


def text_of(*names: str) -> str:
    return "\n".join((ROOT / name).read_text(encoding="utf-8") for name in names)


@pytest.mark.parametrize("name", BOOK.split())
def test_the_book_is_there(name):
    assert (ROOT / f"{name}.md").is_file()


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_links_and_pictures_lead_somewhere(page):
    for target in links(page):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        place = (page.parent / path).resolve() if path else page
        assert place.exists(), f"{name_of(page)}: ({target}) is not there"
        assert ROOT in (place, *place.parents), f"{name_of(page)}: ({target}) lies outside the repository"
        if anchor:
            assert anchor in anchors(place), f"{name_of(page)}: ({target}) names no heading"


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_files_that_are_named_exist(page):
    """`csrc/core/...`, `pypack/...` and the like in a page: paths from the root, `*` allowed."""
    if page.name == "CHANGELOG.md":  # which tells of what was
        return
    paths = re.findall(
        r"`((?:csrc|pypack|tests|bench|docs|\.ci|\.github)/[\w./*-]*)`", page.read_text(encoding="utf-8")
    )
    for path in paths:
        assert any(ROOT.glob(path.rstrip("/"))), f"{name_of(page)}: `{path}` is not there"


def test_every_page_of_docs_is_in_its_index():
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    for page in sorted(DOCS.rglob("*.md")):
        if page.name != "README.md" or page.parent != DOCS:
            assert f"({page.relative_to(DOCS).as_posix()})" in index, name_of(page)


def test_every_public_name_is_told_of():
    told = text_of(*(name_of(page) for page in DOCS.rglob("*.md")))
    for name in pypack.__all__:
        assert name == "__version__" or re.search(rf"\b{name}\b", told), name


def test_every_strategy_command_format_and_adapter_is_told_of():
    for strategy in STRATEGIES:
        assert f"| `{strategy}`" in text_of("docs/packing.md"), strategy
    for command in COMMANDS:
        assert f"`pypack {command}" in text_of("docs/command-line.md"), command
    for form in FORMATS:
        assert f"| `{form}`" in text_of("docs/converting.md"), form
    trainers = text_of(*(name_of(page) for page in (DOCS / "trainers").glob("*.md")))
    for module in sorted((ROOT / "pypack" / "adapters").iterdir()):
        if not module.name.startswith("_") and module.stem != "segment_mask":
            assert re.search(rf"\b{module.stem}\b", trainers), module.stem


def test_citation_has_the_version_of_the_package():
    version = re.search(r"^version: (\S+)$", Path(ROOT / "CITATION.cff").read_text("utf-8"), re.MULTILINE)
    assert version is not None
    assert version[1] == pypack.__version__
