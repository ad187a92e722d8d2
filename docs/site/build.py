"""Builds the site from the pages of this repository, and checks what came out.

    python docs/site/build.py FOLDER

FOLDER gets `pages/` (what the builder is given), `site/` (open `site/index.html`) and `mkdocs.yml`. Nothing
is fetched while it builds, and the site fetches nothing when it is read. Needs the extra `site`.

The builder is Zensical, the successor of Material for MkDocs by the same people: it reads the same file, is
twice as fast, and goes on being mended when the other is not (from May 2027). `--builder mkdocs` builds with
Material for MkDocs, where that is installed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from checks import check_site
from pages import ROOT, stage
from whole_words import keep_whole

# What the reader of docstrings says where one does not fit its signature.
_DOCSTRING_FAULT = "griffe: "


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, help="made if it is not there")
    parser.add_argument("--builder", choices=("zensical", "mkdocs"), default="zensical")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    stage(folder / "pages")
    settings = (ROOT / "docs" / "site" / "mkdocs.yml").read_text(encoding="utf-8")
    (folder / "mkdocs.yml").write_text(settings.replace("$ROOT", str(ROOT)), encoding="utf-8")
    command = [sys.executable, "-m", arguments.builder, "build", "--clean", "--strict", "-f", "mkdocs.yml"]
    built = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(built.stdout, end="")
    if built.returncode:
        return 1
    keep_whole(folder / "site")
    faults = [line for line in built.stdout.splitlines() if _DOCSTRING_FAULT in line]
    faults += check_site(folder / "site")
    print(f"{len(faults)} faults" if faults else "every link leads somewhere", file=sys.stderr)
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
