"""What other loaders call what `Loader` has, and where it is."""

from __future__ import annotations

import inspect
from typing import Any

from pypack._common.unknown_options import refuse_unknown

_ROWS = (
    "how long rows are is the plan's to say: Source.select(store, sequence_length=...), or pypack pack "
    "--sequence-length"
)
_STEPS = "a position is part of the state: loader.load_state_dict(state), or loader.seek(step)"
_ELSEWHERE = {
    "batch_size": "say batch_sequences=, the rows of the global batch, that of all ranks together; or "
    "batch_tokens=",
    "micro_batch_size": "say batch_sequences=, the rows of the global batch: all ranks and accumulated steps",
    "global_batch_size": "say batch_sequences=, the rows of the global batch; or batch_tokens=",
    "num_workers": "it reads in threads of its own (num_threads=, prefetch=); workers are torch's: "
    "DataLoader(loader, batch_size=None, num_workers=...)",
    "workers": "it reads in threads of its own: num_threads=, prefetch=",
    "drop_last": 'say tail="drop", or tail="pad", "wrap" or "spread"',
    "num_replicas": "say world_size=",
    "sampler": "the order comes from seed=, shuffle= and a schedule",
    "batch_sampler": "the order comes from seed=, shuffle= and a schedule",
    "generator": "say seed=",
    "shuffle_seed": "say seed=",
    "shuffle_block_size": "say locality=, for storage that is slow to jump; shuffles are whole otherwise",
    "collate_fn": "batches come ready: choose arrays= and layout=, or an objective=",
    "prefetch_factor": "say prefetch=, batches made ahead",
    "pad_token_id": "say pad_id=",
    "num_epochs": "say epochs=",
    "num_train_epochs": "say epochs=",
    "max_steps": "a number of steps is a schedule: Schedule([Phase(steps=...)])",
    "max_length": _ROWS,
    "max_seq_length": _ROWS,
    "seq_length": _ROWS,
    "seq_len": _ROWS,
    "sequence_length": _ROWS,
    "block_size": _ROWS,
    "start_step": _STEPS,
    "resume": _STEPS,
    "device": "batches are NumPy arrays: batch.to_torch().to(device), or pin_memory=True",
    "tokenizer": "a store holds tokens already: pypack.tokenize makes one",
    "weights": "weights of sources are a phase's: schedule=Schedule([Phase(steps=..., weights=...)])",
}


def refuse_foreign(loader: type, unknown: dict[str, Any]) -> None:
    """Raises for options that a loader does not have.

    Raises:
        TypeError: there is one; the message says what it is called here.
    """
    if unknown:
        known = [
            name for name, one in inspect.signature(loader).parameters.items() if one.kind != one.VAR_KEYWORD
        ]
        refuse_unknown(loader.__name__, unknown, known, _ELSEWHERE)
