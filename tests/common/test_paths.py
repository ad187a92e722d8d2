"""URLs are refused by name wherever a path alone goes in or out, and nothing is written.

Inputs and outputs of jobs, stores and plans may be URLs; see tests/remote and tests/jobs/test_at_objects.py.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath

import numpy as np
import pytest

import pypack
from pypack._common.paths import local_path
from pypack.cli import main
from pypack.corpus import CorpusError, list_inputs

URLS = ["s3://bucket/x.store", "gs://b/x", "hf://datasets/a/b.jsonl", "https://host/x?y=1", "S3://b/x"]


def test_a_local_path_stays_what_it_is() -> None:
    for text in ("a", "./a:b", "a/b://c", "/s3://x", "C:/x", "C://x", "s3:", "s3:x", "", "x:y/z", "s3:/b"):
        assert local_path(text) == Path(text)


@pytest.mark.parametrize("url", URLS)
def test_a_url_is_refused_with_the_mend(url: str) -> None:
    with pytest.raises(ValueError, match="is a URL; pypack reads and writes local paths"):
        local_path(url)
    with pytest.raises(ValueError, match=f"^{url.split(':')[0]}://"):
        local_path(PurePosixPath(url))


def test_a_file_url_says_to_give_the_path() -> None:
    with pytest.raises(ValueError, match="give the path alone"):
        local_path("file:///tmp/x")


USES: dict[str, Callable[[str], object]] = {
    "tokenizer": pypack.Tokenizer.from_file,
    "tiktoken": lambda url: pypack.Tokenizer.from_tiktoken(url, pattern="gpt2"),
    "store": pypack.TokenStore.open,
    "store writer": lambda url: pypack.StoreWriter(url, vocab_size=9),
    "plan": pypack.Plan.open,
    "plan saved": lambda url: pypack.pack(np.array([3, 4]), 8).save(url),
    "schedule": pypack.Schedule.from_yaml,
}


# A text is opened by its URL there; a `Path` of one, which has lost a slash, is still refused.
_OPEN_URLS = ("store", "plan")


@pytest.mark.parametrize(
    ("use", "make"),
    [(use, make) for use in USES for make in (str, Path) if make is Path or use not in _OPEN_URLS],
)
def test_every_door_refuses(use: str, make: Callable[[str], str]) -> None:
    with pytest.raises(ValueError, match="s3://bucket/x: is a URL"):
        USES[use](make("s3://bucket/x"))
    assert not list(Path().glob("s3*"))


def test_inputs_of_a_corpus_are_refused() -> None:
    for url, why in (
        ("s3://key:word@bucket/*.jsonl", "holds a user or password"),
        ("https://host/a.jsonl.gz?sig=x", "is a signed link"),
        ("file:///a.jsonl", "is a URL; give the path alone"),
        (Path("s3://bucket/a.jsonl"), "is a URL"),
    ):
        with pytest.raises(CorpusError, match=why):
            list_inputs([url])


COMMANDS = [
    "tokenize {file} -o x.store --tokenizer {url}",
    "convert {file} {url} --to flat",
    "demo --keep {url}",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_refuse_with_status_2_and_write_nothing(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "a.jsonl"
    file.write_text('{"text": "x"}\n')
    assert main(command.format(url="s3://bucket/r.store", file=file).split()) == 2
    assert "s3://bucket/r.store: is a URL" in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.jsonl"]
