"""Reading rows ahead in a thread of their own, while the rows before them are written."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress

from pypack.formats.stream import Block, Stream
from pypack.jobs.background import Producer


@contextmanager
def read_ahead(stream: Stream) -> Iterator[Stream]:
    """The same rows, of which a block or two are read ahead; leaving ends reading."""
    with Producer(stream.blocks, depth=1) as blocks:

        def given() -> Generator[Block, None, None]:
            yield from blocks

        yield dataclasses.replace(stream, blocks=given())


@contextmanager
def closing_blocks(stream: Stream) -> Iterator[None]:
    """Closes what the rows are read from."""
    try:
        yield
    finally:
        with suppress(ValueError):  # its thread is still at a block, and closes it
            stream.blocks.close()
