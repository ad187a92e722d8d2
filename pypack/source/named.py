"""What a loader is given, as sources by name: one tokenizer for all of them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from pypack.remote import Url
from pypack.source.source import PlanPath, Source
from pypack.store.same_tokenizer import check_same_tokenizer as check_stores
from pypack.store.store import StorePaths, TokenStore


def named_sources(
    sources: StorePaths | Source | Mapping[str, Source], plan: PlanPath | Sequence[PlanPath] | None
) -> dict[str, Source]:
    """The sources of a loader by name; a single one has the name "".

    Raises:
        ValueError: a store comes without its plan, a plan without its store, there is no source, or two are
            of different tokenizers.
    """
    if _are_stores(sources):
        if plan is None:
            raise ValueError("a store needs its plan: Loader(store, plan, ...)")
        return {"": Source(sources, plan)}  # type: ignore[arg-type]  # just seen
    if plan is not None:
        raise ValueError("a Source has its plan already: leave the second argument out")
    if not isinstance(sources, Source | Mapping):
        raise TypeError(f"a loader takes a store and its plan, a Source, or sources by name, got {sources!r}")
    named = {"": sources} if isinstance(sources, Source) else dict(sources)
    for name, source in named.items():
        if not isinstance(source, Source):
            raise TypeError(f"the source {name!r} must be a Source(store, plan), got {source!r}")
    if not named:
        raise ValueError("a loader needs at least one source")
    check_same_tokenizer(named)
    return named


def _are_stores(sources: object) -> bool:
    if isinstance(sources, list | tuple):
        return bool(sources) and all(map(_are_stores, sources))
    return isinstance(sources, TokenStore | str | os.PathLike | Url)


def check_same_tokenizer(sources: Mapping[str, Source]) -> None:
    """Refuses sources whose stores were made by tokenizers that give different ids.

    A source whose tokenizer is not known, beside others whose is, is warned of.

    Raises:
        ValueError: names two of the sources.
    """
    check_stores({f"the source {name!r}": source.store for name, source in sources.items()})
