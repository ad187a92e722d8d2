"""TRL on raw records, and pypack's batches of the same records: the same losses."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from fixtures.frameworks import require
from fixtures.trained_tokenizers import KINDS

from pypack import Loader, Tokenizer
from pypack.chat import dataset

torch = require("torch")
transformers = require("transformers")
trl = require("trl")
datasets = require("datasets")

TEMPLATES = Path(trl.__file__).parent / "chat_templates"
SENTENCES = [
    "What is two times three?",
    "It is six, of course.",
    "Why?\n\n",
    "Because <three> and three: 3 + 3.",
]


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    made = transformers.PreTrainedTokenizerFast(
        tokenizer_object=KINDS["qwen3"](), eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )
    made.chat_template = (TEMPLATES / "qwen3_training.jinja").read_text("utf-8")
    return made


def model_of(tokenizer: Any, seed: int) -> Any:
    torch.manual_seed(seed)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512, initializer_range=0.2,
        bos_token_id=None, eos_token_id=None, pad_token_id=None,
    )  # fmt: skip
    return transformers.LlamaForCausalLM(config)


def conversations() -> list[dict[str, Any]]:
    return [
        {
            "messages": [
                {"role": ("user", "assistant")[k % 2], "content": SENTENCES[(i * 3 + k) % 4] * (i % 3 + 1)}
                for k in range(2 + 2 * (i % 3))
            ]
        }
        for i in range(12)
    ]


@pytest.mark.filterwarnings("ignore")
def test_sft_trainer_on_raw_records(tmp_path, tokenizer):
    records = conversations()
    model = model_of(tokenizer, 0)
    arguments = trl.SFTConfig(
        output_dir=str(tmp_path), per_device_train_batch_size=3, assistant_only_loss=True, use_cpu=True,
        report_to="none", max_length=None, packing=False, shuffle_dataset=False, bf16=False,
    )  # fmt: skip
    trainer = trl.SFTTrainer(
        model, args=arguments, train_dataset=datasets.Dataset.from_list(records), processing_class=tokenizer
    )
    rows = list(trainer.train_dataset)
    theirs = []
    for start in range(0, 12, 3):
        batch = trainer.data_collator(rows[start : start + 3])
        with torch.no_grad():
            theirs.append(float(trainer.compute_loss(trainer.model.eval(), dict(batch))))

    source = dataset(records, Tokenizer.from_huggingface(tokenizer), 512, strategy="pad")
    loader = Loader(source, batch_sequences=3, layout="varlen", shuffle=False, epochs=1)
    ours = []
    for batch in loader:
        with torch.no_grad():
            ours.append(float(trainer.model(**batch.for_transformers()).loss))
    assert ours == pytest.approx(theirs, rel=1e-5)


def pairs() -> list[dict[str, Any]]:
    return [
        {
            "prompt": [{"role": "user", "content": SENTENCES[i % 4]}],
            "chosen": [{"role": "assistant", "content": SENTENCES[(i + 1) % 4] * (i % 3 + 1)}],
            "rejected": [{"role": "assistant", "content": SENTENCES[(i + 2) % 4]}],
        }
        for i in range(8)
    ]


@pytest.mark.filterwarnings("ignore")
def test_dpo_trainer_on_raw_records(tmp_path, tokenizer):
    records = pairs()
    model, reference = model_of(tokenizer, 0), model_of(tokenizer, 1)
    arguments = trl.DPOConfig(
        output_dir=str(tmp_path), per_device_train_batch_size=2, use_cpu=True, report_to="none",
        max_length=None, bf16=False, beta=0.1,
    )  # fmt: skip
    trainer = trl.DPOTrainer(
        copy.deepcopy(model), copy.deepcopy(reference), args=arguments,
        train_dataset=datasets.Dataset.from_list(records), processing_class=tokenizer,
    )  # fmt: skip
    rows = list(trainer.train_dataset)
    theirs = []
    for start in range(0, 8, 2):
        batch = trainer.data_collator(rows[start : start + 2])
        with torch.no_grad():
            theirs.append(float(trainer.compute_loss(trainer.model.eval(), dict(batch))))

    source = dataset(
        records, Tokenizer.from_huggingface(tokenizer), 512, prompt="prompt",
        completions=("chosen", "rejected"), keep_together="group", strategy="pad", append_eos=False,
    )  # fmt: skip
    loader = Loader(source, batch_sequences=2, layout="varlen", shuffle=False, epochs=1)
    ours = [float(dpo_loss(trainer.model, trainer.ref_model, batch, beta=0.1)) for batch in loader]
    assert ours == pytest.approx(theirs, rel=1e-4)


def dpo_loss(model: Any, reference: Any, batch: Any, beta: float) -> Any:
    """Of a varlen batch of pairs: the first document of each group is the chosen one."""
    inputs = batch.for_transformers()
    labels = inputs.pop("labels")[:, 1:]
    spans = torch.from_numpy(batch.segment_ids).long()[1:] - 1

    def log_probabilities(of: Any) -> Any:
        logits = of(**inputs).logits[:, :-1].log_softmax(-1)
        each = logits.gather(-1, labels.clamp(min=0)[..., None])[..., 0] * (labels != -100)
        return torch.zeros(batch.num_spans).index_add(0, spans, each[0])

    with torch.no_grad():
        ratios = log_probabilities(model) - log_probabilities(reference)
    groups = torch.from_numpy(batch.group_ids)
    chosen = torch.cat([torch.ones(1, dtype=torch.bool), groups[1:] != groups[:-1]])
    return -torch.nn.functional.logsigmoid(beta * (ratios[chosen] - ratios[~chosen])).mean()
