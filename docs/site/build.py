"""Builds the site from the pages of this repository, and checks what came out.

    python docs/site/build.py FOLDER

FOLDER gets `pages/` (what the builder is given), `site/` (open `site/index.html`) and `mkdocs.yml`. Nothing
is fetched while it builds, and the site fetches nothing when it is read. Needs the extra `site`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from checks import check_site
from pages import ROOT, stage


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, help="made if it is not there")
    parser.add_argument("--builder", choices=("zensical", "mkdocs"), default="zensical")
    folder: Path = parser.parse_args().folder
    builder: str = parser.parse_args().builder
    folder.mkdir(parents=True, exist_ok=True)
    stage(folder / "pages")
    settings = (ROOT / "docs" / "site" / "mkdocs.yml").read_text(encoding="utf-8")
    (folder / "mkdocs.yml").write_text(settings.replace("$ROOT", str(ROOT)), encoding="utf-8")
    command = [sys.executable, "-m", builder, "build", "--clean", "--strict", "-f", "mkdocs.yml"]
    if subprocess.run(command, cwd=folder).returncode:
        return 1
    faults = check_site(folder / "site")
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
