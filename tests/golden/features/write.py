"""Writes the golden files of the features of stores, plans and states into a folder beside this script.

Run once for what is new; the files are never changed afterwards.
`python tests/golden/features/write.py 2026-11`
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import pypack
from pypack import Loader, Ragged, StoreWriter, TokenStore
from pypack.loader import change_objectives, give_feedback
from pypack.objectives import (
    UL2,
    Denoiser,
    FillInMiddle,
    MaskedLM,
    ObjectiveSchedule,
    PrefixLM,
    ReplacedTokens,
    SpanCorruption,
    pack_pairs,
)
from pypack.plan import Plan

HERE = Path(__file__).parent
VOCABULARY = 400
IDS: dict[str, Any] = {"special_ids": [0], "vocab_size": VOCABULARY}
CLUSTERS = [-1, *(i % 3 for i in range(VOCABULARY - 1))]
SENTINELS = list(range(300, 340))
DENOISERS = [Denoiser("spans", 0.15, 3), Denoiser("spans", 0.5, 8), Denoiser("prefix", 0.5)]


def objectives() -> dict[str, tuple[str, Any]]:
    """Of each state: the plan that its loader has, and the objective. Words and knots have a store
    with masks and weights."""
    masked = MaskedLM(0.3, whole_word=True, mask_id=1, **IDS)
    return {
        "words": ("room", masked),
        "knots": ("knots", None),
        "infilled": ("room", FillInMiddle(0.5, prefix_id=1, suffix_id=2, middle_id=3, special_ids=[0])),
        "clusters": ("room", ReplacedTokens(0.3, "clusters", clusters=CLUSTERS, **IDS)),
        "hybrid": (
            "room",
            ObjectiveSchedule(
                {"causal": None, "masked": masked, "prefix": PrefixLM()}, {"causal": 1, "masked": 3}
            ),
        ),
        "pairs": ("pairs", pair_objectives()["pairs"]),
        "mixed_pairs": ("mixed_pairs", pair_objectives()["mixed_pairs"]),
    }


def pair_objectives() -> dict[str, Any]:
    return {
        "pairs": SpanCorruption(sentinel_ids=SENTINELS, end_id=0, start_id=0),
        "mixed_pairs": UL2(DENOISERS, seed=3, sentinel_ids=SENTINELS, end_id=0, start_id=0),
    }


def loader(folder: Path, name: str, plan: str, objective: Any) -> Loader:
    store = TokenStore.open(folder / ("store" if name in ("words", "knots") else "plain"))
    return _loader(store, Plan.open(folder / plan), objective)


def _loader(store: TokenStore, plan: Plan, objective: Any) -> Loader:
    return Loader(store, plan, batch_sequences=2, seed=7, objective=objective)


def told(batch: Any) -> str:
    """A digest of all arrays of a batch."""
    digest = hashlib.sha256()
    for name, array in sorted(batch.to_dict().items()):
        values = np.asarray(array)
        if values.dtype.kind not in "iufb":
            continue
        digest.update(f"{name} {values.shape} ".encode() + values.astype(np.float64).tobytes())
    return digest.hexdigest()


def write(folder: Path) -> None:
    folder.mkdir()
    rng = np.random.default_rng(11)
    lengths = rng.integers(1, 40, 60)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    values = rng.integers(1, 299, int(offsets[-1])).astype(np.uint32)
    words = rng.random(len(values)) < 0.5
    words[offsets[:-1]] = True
    beside = [".mask", ".group", ".weight", ".words"]
    with StoreWriter(
        folder / "store", vocab_size=VOCABULARY, append_id=0, beside=beside, shard_tokens=700
    ) as writer:
        writer.append(
            Ragged(values, offsets),
            pa.record_batch({"score": np.arange(60) / 60}),
            learned=rng.random(len(values)) < 0.9,
            places=(np.arange(60) % 2).astype(np.int32),
            weights=(np.arange(60) / 8).astype(np.float32),
            words=words,
        )
    with StoreWriter(folder / "plain", vocab_size=VOCABULARY, append_id=0, beside=[".words"]) as writer:
        writer.append(Ragged(values, offsets), words=words)
    store = TokenStore.open(folder / "store")
    knots = {"knot_ids": (10, 11, 12, 13), "trace_ids": (14, 15, 16, 17, 18), "trace_letters": (20, 21, 22)}
    pypack.pack(store.lengths, 256, "knots", over="best_fit", trace_length=2, **knots).save(folder / "knots")
    pypack.pack(store.lengths, 64, "best_fit", room=3).save(folder / "room")
    for name, objective in pair_objectives().items():
        pack_pairs(store, objective, 96).save(folder / name)
    plans = ("knots", "room", *pair_objectives())
    states, batches = {}, {}
    for name, (plan, objective) in objectives().items():
        made = loader(folder, name, plan, objective)
        if name == "clusters":
            give_feedback(made, np.arange(9).reshape(3, 3), from_step=1)
            give_feedback(made, -(np.arange(9).reshape(3, 3) ** 2), from_step=4)
        if name == "hybrid":
            change_objectives(made, {"masked": 1, "prefix": 1}, from_step=2)
        states[name] = made.state_dict(2)
        batches[name] = [told(made.batch_at(step)) for step in range(2, 6)]
    expected = {
        "documents": [document.tolist() for document in store],
        "words": [store.word_borders(i).astype(int).tolist() for i in range(len(store))],
        "learned": [store.loss_mask(i).astype(int).tolist() for i in range(len(store))],
        "groups": store.groups.tolist(),
        "weights": store.document_weights.all().tolist(),
        "plans": {
            name: {
                "arrays": {key: array.tolist() for key, array in Plan.open(folder / name).arrays().items()},
                "room": Plan.open(folder / name).room,
                "literals": _literals(Plan.open(folder / name)),
                "sides": _sides(Plan.open(folder / name)),
                "fingerprint": Plan.open(folder / name).fingerprint,
            }
            for name in plans
        },
        "batches": batches,
    }
    (folder / "states.json").write_text(json.dumps(states, indent=1), encoding="utf-8")
    (folder / "expected.json").write_text(json.dumps(expected), encoding="utf-8")


def _literals(plan: Plan) -> dict[str, list[int]] | None:
    literals = plan.literals
    return None if literals is None else {name: array.tolist() for name, array in literals.arrays().items()}


def _sides(plan: Plan) -> dict[str, Any] | None:
    return None if plan.sides is None else plan.sides.to_dict()


if __name__ == "__main__":
    os.chdir(HERE)  # so that the files hold no path of this machine
    write(Path(sys.argv[1]))
