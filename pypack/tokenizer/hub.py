"""The files of a model's tokenizer, from the Hugging Face Hub or its cache on this machine."""

from __future__ import annotations

import os
import re
from pathlib import Path

from pypack.tokenizer.what_file import SENTENCEPIECE_NAMES

# What a tokenizer may be, and what is read beside it; nothing of a model's weights.
_WANTED = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "config.json",
    "chat_template.jinja",
    "tekken.json",
    *SENTENCEPIECE_NAMES,
)
_ANY = ("tokenizer.json", "tekken.json", *SENTENCEPIECE_NAMES)
_NAME = re.compile(r"[\w.-]+(?:/[\w.-]+)?")


def hub_folder(name: str, revision: str | None, *, local_only: bool) -> Path:
    """The folder in the local cache that holds the tokenizer of a model, downloaded if need be.

    The cache is looked at without huggingface_hub, so that a tokenizer that is there needs neither it nor a
    network.

    Raises:
        ValueError: the text is no name of a model.
        ImportError: it is not in the cache, and huggingface_hub is not installed.
        FileNotFoundError: it is not in the cache, and cannot be had from the Hub.
    """
    if not _NAME.fullmatch(name) or ".." in name or "--" in name:
        raise ValueError(f"{name!r} is not the name of a model on the Hub, such as 'openai-community/gpt2'")
    offline = local_only or any(
        os.environ.get(variable, "").upper() in ("1", "TRUE", "YES", "ON")
        for variable in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    )
    cached = _cached(name, revision or "main")
    if offline or (cached is not None and re.fullmatch("[0-9a-f]{40}", revision or "")):
        if cached is None:
            raise FileNotFoundError(
                f"{name}: its tokenizer is not in {_cache()}, and the Hub is not to be asked (offline)"
            )
        return cached
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        if cached is not None:
            return cached
        raise ImportError(
            f"{name}: its tokenizer is not in {_cache()}; to download it: pip install 'pypack-engine[hub]'"
        ) from None
    try:
        folder = Path(snapshot_download(name, revision=revision, allow_patterns=list(_WANTED)))
    except Exception as error:  # of huggingface_hub, of its network library, of requests to come
        if cached is not None:
            return cached
        text = " ".join(str(error).split())[:300]
        raise FileNotFoundError(f"{name}: the Hub does not give its tokenizer: {text}") from error
    if not any((folder / file).is_file() for file in _ANY):
        raise FileNotFoundError(
            f"{name}: has no {', '.join(_ANY[:3])}; a tokenizer in another form cannot be read"
        )
    return folder


def _cache() -> Path:
    """Where the Hub's library keeps what it has downloaded, as it decides it."""
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    if named:
        return Path(named).expanduser()
    home = os.environ.get("HF_HOME")
    if home:
        return Path(home).expanduser() / "hub"
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "huggingface" / "hub"


def _cached(name: str, revision: str) -> Path | None:
    """The snapshot in the cache, if it holds a tokenizer."""
    folder = _cache() / ("models--" + name.replace("/", "--"))
    reference = folder / "refs" / revision
    commit = reference.read_text(encoding="utf-8").strip() if reference.is_file() else revision
    snapshot = folder / "snapshots" / commit
    return snapshot if any((snapshot / file).is_file() for file in _ANY) else None
