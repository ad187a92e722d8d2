"""A Hub on this machine: what it is asked for, what is kept, what is said where it gives no tokenizer."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from fixtures.trained_byte_level import gpt2

pytest.importorskip("huggingface_hub")

COMMIT = "a" * 40
FILES = {
    "tokenizer.json": gpt2().to_str().encode(),
    "tokenizer_config.json": b'{"eos_token": "</s>"}',
    "model.safetensors": b"never asked for",
}


class Hub(BaseHTTPRequestHandler):
    """The few answers that a download needs; `asked` holds the paths."""

    asked: list[str]

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_HEAD(self) -> None:
        """As GET, without the content."""
        self._answer(with_content=False)

    def do_GET(self) -> None:
        """A model's list of files, or a file."""
        self._answer(with_content=True)

    def _answer(self, *, with_content: bool) -> None:
        path = self.path.partition("?")[0]
        type(self).asked.append(path)
        name = path.rpartition("/")[2]
        if path.startswith("/api/models/someone/tiny/tree/"):
            entries = [
                {"type": "file", "path": file, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                for file, content in FILES.items()
            ]
            self._send(200, json.dumps(entries).encode(), with_content=with_content)
        elif path.startswith("/api/models/someone/tiny/"):
            listed = ",".join(f'{{"rfilename": "{file}"}}' for file in FILES)
            content = f'{{"id": "someone/tiny", "sha": "{COMMIT}", "siblings": [{listed}]}}'.encode()
            self._send(200, content, with_content=with_content)
        elif path.startswith(f"/someone/tiny/resolve/{COMMIT}/") and name in FILES:
            self._send(200, FILES[name], with_content=with_content)
        else:
            self._send(404, b'{"error": "Repository not found"}', with_content=with_content)

    def _send(self, status: int, content: bytes, *, with_content: bool) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
        if status == 404:
            self.send_header("X-Error-Code", "RepoNotFound")
        self.end_headers()
        if with_content:
            self.wfile.write(content)


@pytest.fixture
def hub() -> Iterator[tuple[str, list[str]]]:
    """The address of a Hub, and what it has been asked for."""
    made = type("OneHub", (Hub,), {"asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), made)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", made.asked
    server.shutdown()
    server.server_close()
    thread.join()


def load(name: str, cache: Path, endpoint: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Prints ids, in a process of its own: huggingface_hub reads its environment once."""
    program = (
        "import sys, pypack\n"
        "tokenizer = pypack.Tokenizer.from_pretrained(sys.argv[1])\n"
        "print(tokenizer.encode('a text').tolist(), tokenizer.eos_id)\n"
    )
    without_proxies = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
    return subprocess.run(
        [sys.executable, "-c", program, name],
        env={**without_proxies, "HF_ENDPOINT": endpoint, "HF_HUB_CACHE": str(cache), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_downloaded_once_and_then_from_the_cache(hub: tuple[str, list[str]], tmp_path: Path) -> None:
    endpoint, asked = hub
    first = load("someone/tiny", tmp_path, endpoint)
    assert first.returncode == 0, first.stderr[-2000:]
    reference = gpt2()
    assert first.stdout.split("]")[0] + "]" == str(reference.encode("a text").ids)
    assert first.stdout.split()[-1] == str(reference.token_to_id("</s>"))
    assert any(path.endswith("/tokenizer.json") for path in asked)
    assert not any("safetensors" in path for path in asked)
    asked.clear()
    offline = load("someone/tiny", tmp_path, endpoint, HF_HUB_OFFLINE="1")
    assert offline.stdout == first.stdout
    assert asked == []
    gone = load("someone/tiny", tmp_path, "http://127.0.0.1:9")  # nobody listens there
    assert gone.stdout == first.stdout


def test_what_the_hub_does_not_have(hub: tuple[str, list[str]], tmp_path: Path) -> None:
    endpoint, _ = hub
    unknown = load("someone/unknown", tmp_path, endpoint)
    assert unknown.returncode == 1
    last = unknown.stderr.strip().splitlines()[-1]
    assert "FileNotFoundError: someone/unknown: the Hub does not give its tokenizer" in last
    offline = load("someone/tiny", tmp_path, endpoint, HF_HUB_OFFLINE="1")
    assert "someone/tiny: its tokenizer is not in" in offline.stderr
