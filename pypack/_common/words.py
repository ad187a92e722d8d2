"""Numbers of things, in words."""

from __future__ import annotations


def counted(number: int, thing: str, things: str | None = None) -> str:
    """ "1 shard", "0 shards", "12,345 shards".

    Args:
        things: the plural, where it is not the singular and an s.
    """
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"
