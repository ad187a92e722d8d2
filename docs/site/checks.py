"""What a built site holds to: every link and picture leads somewhere, and nothing comes from elsewhere."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlparse


class _Page(HTMLParser):
    """The targets and anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.fetched: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.anchors.update(value for key in ("id", "name") if (value := values.get(key)))
        for key in ("href", "src"):
            if target := values.get(key):
                self.targets.append(target)
                loads = key == "src" or (tag == "link" and values.get("rel") == "stylesheet")
                if loads and urlparse(target).netloc:
                    self.fetched.append(target)


def check_site(site: Path) -> list[str]:
    """The faults of a built site, one line each."""
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    faults = []
    for path, page in pages.items():
        if path.name == "404.html":  # whose links are absolute: it stands for any address
            continue
        name = path.relative_to(site)
        faults += [f"{name}: fetches {target}" for target in page.fetched]
        for target in page.targets:
            url, anchor = urldefrag(target)
            if urlparse(url).scheme or url.startswith("//"):
                continue
            place = (path.parent / unquote(url)).resolve() if url else path
            if place.is_dir():
                place /= "index.html"
            if not place.exists():
                faults.append(f"{name}: ({target}) is not there")
            elif anchor and place in pages and unquote(anchor) not in pages[place].anchors:
                faults.append(f"{name}: ({target}) names no heading")
    return faults
