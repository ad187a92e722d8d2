"""A subject: options of a command that belong together, in a module of their own.

A command is a list of subjects. To give it options, write a module with a SUBJECT beside the others, and put
that into the list: nothing else knows of it. Its `add` declares the options to argparse, under a heading of
the help; its `values` says what they come to, by the names that the Python function behind the command has
for them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

Group = argparse._ArgumentGroup


def _no_values(args: argparse.Namespace) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Subject:
    """Options under one heading.

    Attributes:
        title: the heading.
        add: declares the options.
        values: name → value, of what was asked.

            Raises `UsageError`: options do not go together.
    """

    title: str
    add: Callable[[Group], None]
    values: Callable[[argparse.Namespace], dict[str, Any]] = _no_values


def add_subjects(parser: argparse.ArgumentParser, subjects: Iterable[Subject]) -> None:
    """Declares the options of all, heading by heading."""
    for subject in subjects:
        subject.add(parser.add_argument_group(subject.title))


def values_of(args: argparse.Namespace, subjects: Iterable[Subject]) -> dict[str, Any]:
    """What the options of all come to.

    Raises:
        UsageError: options do not go together.
    """
    found: dict[str, Any] = {}
    for subject in subjects:
        new = subject.values(args)
        assert not (found.keys() & new.keys()), f"two subjects give {sorted(found.keys() & new.keys())}"
        found |= new
    return found
