"""What a file that somebody gives as a tokenizer really is."""

from __future__ import annotations

import json
import os
from pathlib import Path

_TIKTOKEN_ADVICE = (
    'a .tiktoken file; it does not say how text is split: Tokenizer.from_tiktoken(path, pattern="cl100k")'
)
_NAMED = {
    "vocab.json": "the vocabulary of a tokenizer without a tokenizer.json",
    "merges.txt": "the merges of a tokenizer without a tokenizer.json",
    "vocab.txt": "the vocabulary of a BERT tokenizer without a tokenizer.json",
    "tokenizer_config.json": "the configuration beside a tokenizer.json, not the tokenizer",
    "special_tokens_map.json": "a file beside a tokenizer.json, not the tokenizer",
    "config.json": "the configuration of a model, not a tokenizer",
}
_CONVERT = (
    "make one with transformers: AutoTokenizer.from_pretrained(folder).save_pretrained(new_folder), "
    "which writes a tokenizer.json"
)


def find_tokenizer_file(place: Path) -> Path:
    """The tokenizer file that a path stands for: a file, or one in a folder.

    In a folder that is a `tokenizer.json`, else a `tekken.json`, else a SentencePiece `tokenizer.model`
    (`spiece.model`, `sentencepiece.bpe.model`). A folder of the Hub's cache (`models--owner--name`) stands
    for its snapshot.

    Raises:
        FileNotFoundError: there is none; the message says what there is, and what to do.
    """
    if place.is_dir():
        place = _snapshot(place)
        for name in ("tokenizer.json", "tekken.json", *SENTENCEPIECE_NAMES):
            if (place / name).is_file():
                return place / name
        raise FileNotFoundError(_nothing_in(place))
    if not place.exists():
        if place.suffix in (".json", ".model"):  # no name of a model
            raise FileNotFoundError(
                f"{place}: No such file; a tokenizer is given as the path of its tokenizer.json, or of the "
                "folder that holds it"
            )
        raise FileNotFoundError(
            f"{place}: No such file; a tokenizer is given as the path of its tokenizer.json, or of the "
            f"folder that holds it, not by the name of a model; for that: "
            f"Tokenizer.from_pretrained({str(place)!r})"
        )
    return place


SENTENCEPIECE_NAMES = ("tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "spm.model")


def _snapshot(folder: Path) -> Path:
    """The snapshot of a `models--owner--name` of the Hub's cache; any other folder itself."""
    if not folder.name.startswith("models--") or not (folder / "snapshots").is_dir():
        return folder
    main = folder / "refs" / "main"
    if main.is_file():
        named = folder / "snapshots" / main.read_text(encoding="utf-8").strip()
        if named.is_dir():
            return named
    snapshots = sorted((folder / "snapshots").iterdir(), key=os.path.getmtime)
    return snapshots[-1] if snapshots else folder


def _nothing_in(folder: Path) -> str:
    what = f"{folder / 'tokenizer.json'}: No such file"
    found = [name for name in _NAMED if (folder / name).is_file()]
    if "vocab.json" in found or "merges.txt" in found or "vocab.txt" in found:
        return (
            f"{what}; the folder holds {', '.join(found)}, from which pypack makes no tokenizer: {_CONVERT}"
        )
    others = sorted(path.name for path in folder.glob("*.tiktoken"))
    if others:
        return f"{what}; the folder holds {others[0]}, {_TIKTOKEN_ADVICE}"
    return f"{what}, and no tekken.json or SentencePiece tokenizer.model; is it the folder of a tokenizer?"


def kind_of_file(path: Path, data: bytes) -> str:
    """ "json", "tekken" or "sentencepiece".

    Args:
        data: the content of the file.

    Raises:
        ValueError: it is none of those; the message says what it is, and what to do.
    """
    start = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if path.name in ("merges.txt", "vocab.txt", "tokenizer_config.json", "special_tokens_map.json"):
        raise ValueError(f"{path}: is {_NAMED[path.name]}; give the folder, or {_CONVERT}")
    if not data:
        raise ValueError(f"{path}: is empty, not a tokenizer.json")
    if start.startswith(b"{"):
        return _kind_of_json(path, data)
    if data.startswith(b"version https://git-lfs"):
        raise ValueError(f"{path}: is a pointer of Git LFS, not the file itself: run `git lfs pull` there")
    if start.lower().startswith((b"<!doctype", b"<html")):
        raise ValueError(f"{path}: is a page of HTML, such as a failed download leaves, not a tokenizer")
    if data.startswith(b"GGUF"):
        raise ValueError(f"{path}: is a model in GGUF; pypack reads the tokenizer.json of the model instead")
    if data.startswith(b"PK\x03\x04") or data[8:10] == b'{"':
        raise ValueError(f"{path}: holds weights of a model, not a tokenizer; give its tokenizer.json")
    first = start.split(b"\n", 1)[0].split()
    if len(first) == 2 and first[1].isdigit():
        raise ValueError(f"{path}: is {_TIKTOKEN_ADVICE}")
    if (data[:1] == b"\n" and b"\xe2\x96\x81" in data) or path.suffix == ".model":
        return "sentencepiece"
    return "json"  # for the reader to refuse


def _kind_of_json(path: Path, data: bytes) -> str:
    if b'"model"' in data:
        return "json"
    try:
        content = json.loads(data)
    except ValueError:
        return "json"  # for the reader to refuse, with the place
    if "token_bytes" in str(content.get("vocab", [{}]))[:200]:
        return "tekken"
    if content and all(isinstance(value, int) for value in content.values()):
        raise ValueError(f"{path}: is a vocabulary (token: id), not a tokenizer.json; {_CONVERT}")
    if "tokenizer_class" in content or "model_max_length" in content:
        raise ValueError(f"{path}: is {_NAMED['tokenizer_config.json']}; give the folder of both")
    if "model_type" in content or "architectures" in content:
        raise ValueError(
            f"{path}: is {_NAMED['config.json']}; give its tokenizer.json, or the folder of both"
        )
    return "json"
