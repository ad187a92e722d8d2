"""What the repository cites is in the repository: pages by name, and files of its own folders by path."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from fixtures.places import ROOT

# Pages that tests make up, or that lie among the texts of a corpus.
ELSEWHERE = {"c.md", "notes.md", "readme.md", "x/README.md"}
_PAGE = re.compile(r"(?<![\w/.*-])((?:\.\./)*[\w./-]*\w\.md)\b")
_FILE = re.compile(
    r"(?<![\w./-])((?:csrc|pypack|tests|bench|docs|examples)/[\w./-]+\.(?:py|hpp|cpp|inc|json|md|sh|svg))\b"
)


def _texts() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout: which files belong to the repository is not known")
    kinds = {".py", ".pyi", ".hpp", ".cpp", ".inc", ".md", ".toml", ".txt", ".sh", ".yaml", ".yml", ".cff"}
    files = [ROOT / name for name in listed.stdout.splitlines()]
    return [file for file in files if (file.suffix in kinds or file.name == "run") and file.is_file()]


def _is_there(file: Path, cited: str) -> bool:
    return (
        (file.parent / cited).exists()
        or (ROOT / cited).exists()
        or (ROOT / "docs" / cited).exists()
        or cited in ELSEWHERE
        or Path(cited).name in ELSEWHERE
    )


def test_cited_pages_and_files_are_there() -> None:
    missing = []
    for file in _texts():
        # The site's paths are those of its own tree: tests/docs/test_site.py looks at them.
        if file == Path(__file__) or file.is_relative_to(ROOT / "docs" / "site"):
            continue
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
            for cited in {*_PAGE.findall(line), *_FILE.findall(line)}:
                if "://" not in line and not _is_there(file, cited):
                    missing.append(f"{file.relative_to(ROOT)}:{number}: {cited}")
    assert missing == []
