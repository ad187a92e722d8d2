"""The site: every page and public name is on it, and it builds where its builder is installed."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys

import pytest
from fixtures.places import ROOT

import pypack

SITE = ROOT / "docs" / "site"
SETTINGS = (SITE / "mkdocs.yml").read_text(encoding="utf-8")
NAMED = set(re.findall(r": ([\w/-]+\.md)$", SETTINGS, re.MULTILINE))
MOST_WORDS = 1200


def site_module(name):
    spec = importlib.util.spec_from_file_location(f"site_{name}", SITE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_bars_within_code_of_a_table_are_bare_on_the_site(monkeypatch):
    monkeypatch.setitem(sys.modules, "reference", site_module("reference"))
    pages = site_module("pages")
    text = "| `pypack verify STORE\\|PLAN` | a \\| b |\n`a\\|b` stays"
    assert pages._bars(text) == "| `pypack verify STORE|PLAN` | a \\| b |\n`a\\|b` stays"


def test_every_page_is_in_the_navigation():
    pages = [p.relative_to(ROOT).as_posix() for p in (ROOT / "docs").rglob("*.md") if SITE not in p.parents]
    made = [f"api/{name}" for name in site_module("reference").reference_pages()]
    assert {*pages, *made} <= NAMED


def test_every_public_name_is_in_the_reference():
    there = {name for _, _, names in site_module("reference").PAGES.values() for name in names}
    for name in pypack.__all__:
        assert name == "__version__" or f"pypack.{name}" in there, name
    for module in (ROOT / "pypack" / "adapters").iterdir():
        if not module.name.startswith("_") and module.stem != "segment_mask":
            assert f"pypack.adapters.{module.stem}" in there, module.stem


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda page: page.name)
def test_pages_are_short(page):
    assert len(page.read_text(encoding="utf-8").split()) <= MOST_WORDS


def test_names_in_code_stay_whole_in_a_line():
    marked_page = site_module("whole_words").marked_page
    assert marked_page("<p><code>--chat-template</code></p>") == (
        '<p><code class="whole">--chat-template</code></p>'
    )
    long = "pypack tokenize x --chat-template &lt;" + "y-" * 20
    assert marked_page(f"<code>{long}</code>") == (
        f"<code>{long.replace('--chat-template', '<span class=&whole&>--chat-template</span>')}</code>"
    ).replace("&whole&", '"whole"')
    for kept in ("<pre><span></span><code>--chat-template\n</code></pre>", "<code><a>--x</a></code>"):
        assert marked_page(kept) == kept


@pytest.mark.skipif(importlib.util.find_spec("zensical") is None, reason="its builder is not installed")
def test_the_site_builds(tmp_path):
    done = subprocess.run(
        [sys.executable, SITE / "build.py", tmp_path / "site"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
