"""`pypack.chat.dataset`: records that are at hand, straight to a loader."""

from __future__ import annotations

import gc
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from fixtures.trained_tokenizers import KINDS

import pypack
from pypack import Loader, Tokenizer
from pypack.chat import dataset

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' %}{% generation %}{{ m.content }}<|im_end|>{% endgeneration %}\n"
    "{% else %}{{ m.content }}<|im_end|>\n{% endif %}{% endfor %}"
)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_huggingface(KINDS["qwen3"]())


def records(count: int) -> list[dict[str, object]]:
    return [
        {
            "messages": [
                {"role": "user", "content": f"q {i}"},
                {"role": "assistant", "content": "a " * (i % 9 + 1)},
            ]
        }
        for i in range(count)
    ]


def test_batches_are_those_of_a_store(tmp_path, tokenizer):
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records(50)))
    options = {"template": TEMPLATE, "learn": "assistant"}
    source = dataset(records(50), tokenizer, 64, **options)
    of_file = dataset(path, tokenizer, 64, **options)
    assert source.uses_store_mask
    for one, other in zip(
        Loader(source, batch_sequences=4, epochs=1), Loader(of_file, batch_sequences=4, epochs=1), strict=True
    ):
        np.testing.assert_array_equal(one.labels, other.labels)
    seen = 0
    for i, record in enumerate(records(50)):
        ids, learned = tokenizer.encode_chat(record["messages"], template=TEMPLATE)
        assert source.store[i].tolist() == ids.tolist()
        assert source.store.loss_mask(i).tolist() == learned.tolist()
        seen += int(learned.sum())
    assert sum(int((b.labels != -100).sum()) for b in Loader(source, batch_sequences=4, epochs=1)) == seen


def test_the_files_go_with_the_source(tokenizer):
    source = dataset(records(5), tokenizer, 64, template=TEMPLATE)
    folder = Path(source.store.path)
    assert pickle.loads(pickle.dumps(source.store))[0].tolist() == source.store[0].tolist()
    assert folder.is_dir()
    del source
    gc.collect()
    assert not folder.exists()


def test_bad_records_are_told(tokenizer):
    bad = [*records(3), {"messages": []}, {"other": 1}]
    with pytest.raises(ValueError, match="record 3: the conversation has no message"):
        dataset(bad, tokenizer, 64, template=TEMPLATE)
    with pytest.raises(
        ValueError, match=r"no field 'messages'; the object has 'other'; messages=, or prompt="
    ):
        dataset([{"other": 1}], tokenizer, 64, template=TEMPLATE)
    with pytest.warns(UserWarning, match=r"2 records gave no document \(missing_field 1, no_messages 1\)"):
        source = dataset(bad, tokenizer, 64, template=TEMPLATE, on_error="skip")
    assert len(source.store) == 3


def test_pairs(tokenizer):
    pairs = [{"prompt": "Q: ", "chosen": "yes", "rejected": "no"}] * 4
    source = dataset(
        pairs, tokenizer, 32, prompt="prompt", completions=("chosen", "rejected"), keep_together="group",
        append_eos=False,
    )  # fmt: skip
    batch = next(iter(Loader(source, batch_sequences=1, epochs=1)))
    _, counts = np.unique(batch.group_ids, return_counts=True)
    assert (counts == 2).all()
    assert source.plan.counts.documents == 8
    assert pypack.chat.dataset is dataset
