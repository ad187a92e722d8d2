"""Who waits for a block of a remote store lets other Python threads run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.range_server import Fault, RangeServer

import pypack

_SECONDS = 1.0  # that the server is silent, each time
_TURNS = 50  # of this thread meanwhile


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda store: store[4000], id="store[i]"),
        pytest.param(lambda store: store[3990:4010], id="store[a:b]"),
        pytest.param(lambda store: store.loss_mask(4000), id="store.loss_mask(i)"),
        pytest.param(lambda store: store.lengths, id="store.lengths"),
        pytest.param(lambda store: store.groups, id="store.groups"),
    ],
)
def test_other_threads_go_on(
    ask: Callable[[Any], Any], corpus: Path, server: RangeServer, cache: Path
) -> None:
    store = pypack.TokenStore.open(f"{server.url}/a.store", cache=cache)
    _ = store[0]  # the fetcher is there
    server.set_faults([Fault("stall", 1.0, ".store/0000", seconds=_SECONDS)])
    answers: list[Any] = []
    waiting = threading.Thread(target=lambda: answers.append(ask(store)))
    waiting.start()
    for _ in range(_TURNS):  # none comes as long as who waits holds the interpreter, and it waits a minute
        time.sleep(0.005)
        assert waiting.is_alive(), "the store had what was asked for, or nobody else's turn came"
    server.set_faults([])
    waiting.join(30)
    found, wanted = answers[0], ask(pypack.TokenStore.open(corpus / "a.store"))
    for one, other in zip(*([x] if isinstance(x, np.ndarray) else x for x in (found, wanted)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_counting_what_is_learned_fetches_no_tokens(corpus: Path, server: RangeServer, cache: Path) -> None:
    there = pypack.TokenStore.open(f"{server.url}/a.store", cache=cache)
    here = pypack.TokenStore.open(corpus / "a.store")
    np.testing.assert_array_equal(there.learned_lengths, here.learned_lengths)
    np.testing.assert_array_equal(there.loss_mask(77), here.loss_mask(77))
    assert not [one for one in server.log() if one.path.endswith(".bin")]
