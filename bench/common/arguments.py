"""The argument parser of a benchmark."""

from __future__ import annotations

import argparse


def parser(name: str, text: str | None) -> argparse.ArgumentParser:
    """That of `python bench NAME`, whose help is the docstring of its module."""
    return argparse.ArgumentParser(
        prog=f"python bench {name}",
        description=text,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
