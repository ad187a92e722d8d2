"""Kinds of command-line values."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from pypack._common.paths import local_path
from pypack.jobs.reject_limit import RejectLimit
from pypack.remote.url import Url, UrlError, is_url


def file_path(text: str) -> Path:
    """A path of the local file system, which need not exist; a URL is refused."""
    try:
        return local_path(text)
    except ValueError as error:
        if is_url(text):
            raise argparse.ArgumentTypeError(
                f"{text}: is a URL, and here a path of this machine is needed: copy it there, or mount it"
            ) from None
        raise argparse.ArgumentTypeError(str(error)) from None


def path_here(advice: str) -> Callable[[str], Path]:
    """The kind of paths of this machine alone; `advice`: what to do with a URL instead."""

    def path(text: str) -> Path:
        if is_url(text):
            raise argparse.ArgumentTypeError(f"{text}: is a URL; {advice}")
        return file_path(text)

    return path


def place(text: str) -> Path | Url:
    """A path of the local file system, or a URL; neither need exist."""
    if not is_url(text):
        return file_path(text)
    try:
        return Url.of(text)
    except UrlError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def input_name(text: str) -> str:
    """A file, folder, glob pattern, URL of such or -, kept as it was written."""
    place(text)
    return text


def positive(text: str) -> int:
    """An integer from 1 on; 1_000_000, 64k, 2M and 1G are understood too (powers of 1024)."""
    digits, scale = text.replace("_", ""), 1
    if digits[-1:].upper() in ("K", "M", "G"):
        scale = 1024 ** ("KMG".index(digits[-1].upper()) + 1)
        digits = digits[:-1]
    if not digits.isascii() or not digits.isdigit() or int(digits) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 on, got {text!r}")
    return int(digits) * scale


def natural(text: str) -> int:
    """An integer from 0 on."""
    return 0 if text.strip() == "0" else positive(text)


def names(text: str) -> tuple[str, ...]:
    """Names between commas."""
    found = tuple(name.strip() for name in text.split(","))
    if not all(found):
        raise argparse.ArgumentTypeError(f"must be names between commas, got {text!r}")
    return found


def count_or_auto(text: str) -> int | None:
    """A number from 1 on; None for "auto"."""
    return None if text == "auto" else positive(text)


def reject_limit(text: str) -> RejectLimit:
    """How many rejected documents are too many: a count, or a share of all documents."""
    try:
        return RejectLimit(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
