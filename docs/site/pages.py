"""What the site's builder is given: the pages of the repository under their own paths, and pages made for it.

The repository's links work on the site as they stand, since the paths are the same. Links to files that are
no pages (a script, a licence) lead to the repository.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from reference import reference_pages

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = "https://github.com/pypack/pypack/blob/main"
_BOOK = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
_ROOMS = ("csrc/README.md", "tests/README.md", "bench/README.md", "examples/README.md")
_LINK = re.compile(r"(\]\()([^)\s]+)(\))")
# In a table `\|` is a bar within code at the repository's host; the site's builder would show the backslash,
# and needs none.
_CODE = re.compile(r"(`+)(?:(?!\1).)+\1")
_FENCED = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)


def stage(folder: Path) -> None:
    """Writes the pages into a folder, which is emptied before."""
    shutil.rmtree(folder, ignore_errors=True)
    pages = [ROOT / name for name in (*_BOOK, *_ROOMS) if (ROOT / name).exists()]
    pages += [page for page in sorted((ROOT / "docs").rglob("*.md")) if "site" not in page.parts]
    staged = {page.relative_to(ROOT).as_posix() for page in pages}
    for page in pages:
        name = page.relative_to(ROOT).as_posix()
        _write(folder / name, _with_links(page, staged))
    shutil.copytree(ROOT / "docs" / "images", folder / "docs" / "images")
    shutil.copy(ROOT / "docs" / "site" / "site.css", folder / "site.css")
    for name, text in reference_pages().items():
        _write(folder / "api" / name, text)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _with_links(page: Path, staged: set[str]) -> str:
    """A page's text, in which links to what is not on the site lead to the repository."""

    def target(match: re.Match[str]) -> str:
        path, _, anchor = match[2].partition("#")
        if not path or re.match(r"[a-z]+:", path):
            return match[0]
        place = (page.parent / path).resolve().relative_to(ROOT).as_posix()
        if place in staged or place.startswith("docs/images/"):
            return match[0]
        if f"{place}/README.md" in staged:
            return f"{match[1]}{path.rstrip('/')}/README.md{'#' if anchor else ''}{anchor}{match[3]}"
        return f"{match[1]}{REPOSITORY}/{place}{'#' if anchor else ''}{anchor}{match[3]}"

    parts = _FENCED.split(page.read_text(encoding="utf-8"))
    return "".join(part if part.startswith("```") else _bars(_LINK.sub(target, part)) for part in parts)


def _bars(text: str) -> str:
    """Text whose tables have bare bars within code."""
    lines = text.split("\n")
    return "\n".join(
        _CODE.sub(lambda code: code[0].replace("\\|", "|"), line) if line.startswith("|") else line
        for line in lines
    )
