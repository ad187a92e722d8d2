"""Plain values, from YAML or JSON, that are to be a schedule or a loader's state: one table for each."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pypack._common.schema import COUNT, NUMBER, TEXT, Field, brief, check

# More than any schedule needs, and little enough that each is refused at once.
_MOST_BYTES = 1 << 20
_MOST_NODES = 10_000
_MOST_DEPTH = 32

_LENGTH = Field("int", 1, 2**31 - 1)
_SIZE = Field("number", 1, 2**62, null=True, optional=True)
_WEIGHTS = Field("dict", items=NUMBER, null=True, optional=True)
_NAME = Field("text", optional=True)
_SHAPES = Field(
    "dict",
    fields={
        "long": Field("list", items=_LENGTH),
        "short": Field("list", items=Field("int", 1, 2**31 - 1, or_list=True), optional=True),
        "long_cycles": Field("int", 1, 2**31 - 1, optional=True),
    },
)
_PHASE = Field(
    "dict",
    open=True,  # `Schedule.from_dict` says which names there are
    fields={
        "tokens": Field("number", 0, 2**62, null=True, optional=True),
        "steps": Field("number", 0, 2**62, null=True, optional=True),
        "fraction": Field("number", 0, 2**62, null=True, optional=True),
        "weights": _WEIGHTS,
        "weights_end": _WEIGHTS,
        "weights_by": _NAME,
        "max_epochs": Field("dict", items=NUMBER, optional=True),
        "on_limit": _NAME,
        "sequence_length": _SIZE,
        "batch_tokens": _SIZE,
        "batch_sequences": _SIZE,
        "cycles": Field("number", 0, 2**31 - 1, optional=True),
        "sampler": _NAME,
        "longest_first": Field("flag", optional=True),
    },
)
_SCHEDULE = Field(
    "dict",
    open=True,
    fields={
        "phases": Field("list", optional=True),
        "total_tokens": _SIZE,
        "total_steps": _SIZE,
    },
)
_ROWS = Field("list", items=Field("list", items=Field("int")), optional=True)
_STATE = Field(
    "dict",
    open=True,
    fields={
        "step": COUNT,
        "events": Field("list", items=Field("list")),
        "order": Field("dict"),
        "phases": Field("list", items=Field("list"), optional=True),
        "drawn": _ROWS,
        "ahead": _ROWS,
        "resumed": Field("list", items=Field("int"), null=True, optional=True),
        "base": Field("dict", null=True, optional=True),
    },
)


def check_schedule(values: object, place: str = "the schedule") -> None:
    """Checks types and bounds of what is to be a Schedule.

    Raises:
        ValueError: names the field.
    """
    check(values, _SCHEDULE, place)
    assert isinstance(values, Mapping)
    for i, phase in enumerate(values.get("phases", ())):
        check(phase, _PHASE, place, f"phases[{i}]")
        for name in ("curriculum", "length_shares"):
            _check_by_length(phase.get(name), place, f"phases[{i}].{name}")
        shapes = phase.get("shapes")
        if isinstance(shapes, Mapping):
            check(shapes, _SHAPES, place, f"phases[{i}].shapes")
        elif shapes is not None and not dataclasses.is_dataclass(shapes):  # a ShapeCycle has checked itself
            raise ValueError(f"{place}: field 'phases[{i}].shapes' must be a dict, is {brief(shapes)}")


def _check_by_length(values: Any, place: str, name: str) -> None:
    """Odds or shares of row lengths, or the name of a curriculum. Keys of JSON are texts."""
    if values is None or isinstance(values, str):
        return
    if not isinstance(values, Mapping):
        raise ValueError(f"{place}: field {name!r} must be a name, or odds by length, is {brief(values)}")
    for length, value in values.items():
        if not (isinstance(length, str) and length.isascii() and length.isdigit() and len(length) < 11):
            check(length, _LENGTH, place, f"{name} (a length)")
        check(value, NUMBER, place, f"{name}.{length}")


def check_state(state: object) -> None:
    """Checks the fields of what is to be the state of a loader.

    Raises:
        ValueError: names the field.
    """
    place = "this is no state of a loader"
    check(state, _STATE, place)
    assert isinstance(state, Mapping)
    for i, event in enumerate(state["events"]):
        if len(event) != 2:
            raise ValueError(f"{place}: field 'events[{i}]' must be a step and weights, is {brief(event)}")
        check(event[0], COUNT, place, f"events[{i}][0]")
        check(event[1], Field("dict", items=NUMBER), place, f"events[{i}][1]")
    sources = state["order"].get("sources", ())
    if not isinstance(sources, str):  # a digest, where there are many
        check(sources, Field("list", items=Field("list", items=TEXT)), place, "order.sources")
        for i, pair in enumerate(sources):
            if len(pair) != 2:
                raise ValueError(
                    f"{place}: field 'order.sources[{i}]' must be a name and a digest, is {brief(pair)}"
                )
    for i, phase in enumerate(state.get("phases", ())):
        if len(phase) != 3:
            raise ValueError(
                f"{place}: field 'phases[{i}]' must be steps, tokens and what makes it, is {brief(phase)}"
            )
        check(phase[0], COUNT, place, f"phases[{i}][0]")
        check(phase[1], COUNT, place, f"phases[{i}][1]")
    if state.get("base") is not None:
        rows = Field("list", items=Field("list", items=Field("int")))
        check(
            state["base"], Field("dict", fields={"drawn": rows, "ahead": rows, "past": TEXT}), place, "base"
        )


def read_yaml(path: Path) -> Any:
    """The value of a YAML file; raises as `load_yaml` does."""
    with path.open("rb") as file:
        data = file.read(_MOST_BYTES + 1)
    try:
        return load_yaml(data.decode("utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not readable as YAML: {error}") from None


def load_yaml(text: str, place: str) -> Any:
    """The value of a YAML text.

    Raises:
        ValueError: it is no YAML, or larger, deeper or more often repeated than any schedule.
        ImportError: `pyyaml` is missing.
    """
    import yaml

    if len(text) > _MOST_BYTES:
        raise ValueError(f"{place}: {len(text)} characters, a schedule has fewer than {_MOST_BYTES}")

    class Loader(yaml.SafeLoader):
        """Counts what an alias stands for each time: ten lines can name each other billions of times."""

        depth = 0
        count = 0

        def compose_node(self, parent: Any, index: Any) -> Any:
            self.depth, self.count = self.depth + 1, self.count + 1
            if self.depth > _MOST_DEPTH:
                raise ValueError(f"{place}: not readable as YAML: nested deeper than {_MOST_DEPTH}")
            node = super().compose_node(parent, index)
            self.depth -= 1
            if not hasattr(node, "size"):
                node.size = 1 + _size_of_parts(node)
            if max(node.size, self.count) > _MOST_NODES:
                raise ValueError(f"{place}: not readable as YAML: more than {_MOST_NODES} values")
            return node

    try:
        return yaml.load(text, Loader)
    except yaml.YAMLError as error:
        raise ValueError(f"{place}: not readable as YAML: {error}") from error
    except (TypeError, OverflowError, RecursionError, AttributeError) as error:  # of dates, numbers and tags
        raise ValueError(f"{place}: not readable as YAML: {error}") from error


def _size_of_parts(node: Any) -> int:
    parts = node.value if isinstance(node.value, list) else []
    inner = (part for pair in parts for part in (pair if isinstance(pair, tuple) else (pair,)))
    return sum(getattr(part, "size", _MOST_NODES) for part in inner)  # one without a size holds itself
