"""transformers' Trainer and TRL's SFTTrainer train from a Loader, and resume where they were."""

from __future__ import annotations

import json

import numpy as np
import pytest
from fixtures.frameworks import require
from fixtures.packed_documents import make_documents, make_loader
from fixtures.tiny_models import causal_model

from pypack.adapters import huggingface

torch = require("torch")
transformers = require("transformers")
require("accelerate")

STEPS = 30


def web_documents():
    return make_documents(np.random.default_rng(2).integers(1, 17, 120).tolist())


def make_trainer(kind, tmp_path, loader, steps=STEPS, **options):
    data = huggingface.dataset(loader, steps * options.get("gradient_accumulation_steps", 1))
    options = {
        "output_dir": str(tmp_path),
        "max_steps": steps,
        "per_device_train_batch_size": 1,
        "train_sampling_strategy": "sequential",
        "remove_unused_columns": False,
        "learning_rate": 1e-2,
        "save_steps": 12,
        "logging_steps": 1,
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": True,
        "dataloader_pin_memory": False,
        **options,
    }
    common = {
        "model": causal_model("llama").train(),
        "train_dataset": data,
        "data_collator": huggingface.collate,
        "callbacks": [huggingface.LoaderState(loader)],
    }
    if kind == "Trainer":
        return transformers.Trainer(args=transformers.TrainingArguments(**options), **common)
    trl = require("trl")
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=word_tokenizer(), eos_token="w0")
    options["dataset_kwargs"] = {"skip_prepare_dataset": True}
    return trl.SFTTrainer(args=trl.SFTConfig(**options), processing_class=tokenizer, **common)


def word_tokenizer():
    tokenizers = require("tokenizers")
    words = {f"w{i}": i for i in range(97)}
    return tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="w1"))


def losses(trainer):
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


class Recorded:
    """A loader that keeps which steps it was asked for."""

    def __init__(self, loader):
        self.steps = []
        batch_at = loader.batch_at
        loader.batch_at = lambda step: (self.steps.append(step), batch_at(step))[1]


@pytest.mark.filterwarnings("ignore:`gradient_checkpointing` is deprecated:FutureWarning")
@pytest.mark.parametrize("kind", ["Trainer", "SFTTrainer"])
def test_thirty_steps_and_resume(tmp_path, kind):
    loader = make_loader(tmp_path / "store", web_documents(), layout="varlen", batch_sequences=4)
    assert loader.steps_per_epoch < STEPS  # several epochs, each in its own order
    whole = make_trainer(kind, tmp_path / "whole", loader)
    recorded = Recorded(loader)
    whole.train()
    assert [step for step in recorded.steps if step > 0] == list(range(1, STEPS))
    expected = losses(whole)
    assert len(expected) == STEPS
    assert expected[-1] < expected[0]
    state = json.loads((tmp_path / "whole" / "checkpoint-24" / "pypack_loader.json").read_text())
    assert state["step"] == 24

    recorded.steps.clear()
    resumed = make_trainer(kind, tmp_path / "whole", loader)
    resumed.train(resume_from_checkpoint=str(tmp_path / "whole" / "checkpoint-12"))
    # Neither skipped nor read again. (Building SFTTrainer looks at row 0, a sample of the data.)
    assert [step for step in recorded.steps if step > 0] == list(range(12, STEPS))
    assert losses(resumed) == expected
    for name, parameter in whole.model.named_parameters():
        assert torch.equal(parameter, resumed.model.get_parameter(name)), name


def test_gradient_accumulation_counts_batches(tmp_path):
    loader = make_loader(tmp_path / "store", web_documents(), layout="varlen", batch_sequences=4)
    trainer = make_trainer(
        "Trainer", tmp_path / "out", loader, steps=4, gradient_accumulation_steps=3, save_steps=2
    )
    recorded = Recorded(loader)
    trainer.train()
    assert recorded.steps == list(range(12))
    state = json.loads((tmp_path / "out" / "checkpoint-2" / "pypack_loader.json").read_text())
    assert state["step"] == 6
    recorded.steps.clear()
    again = make_trainer(
        "Trainer", tmp_path / "out", loader, steps=4, gradient_accumulation_steps=3, save_steps=2
    )
    again.train(resume_from_checkpoint=str(tmp_path / "out" / "checkpoint-2"))
    assert recorded.steps == list(range(6, 12))
    assert losses(again) == losses(trainer)


def test_resuming_with_another_order_is_refused(tmp_path):
    documents = web_documents()
    loader = make_loader(tmp_path / "store", documents, layout="varlen", batch_sequences=4)
    make_trainer("Trainer", tmp_path / "out", loader, steps=2, save_steps=1).train()
    other = make_loader(tmp_path / "other", documents, layout="varlen", batch_sequences=4, seed=5)
    trainer = make_trainer("Trainer", tmp_path / "out", other, steps=2)
    with pytest.raises(ValueError, match="seed is 5 here, was 0"):
        trainer.train(resume_from_checkpoint=str(tmp_path / "out" / "checkpoint-1"))


def test_dispatched_batches_are_refused(tmp_path):
    loader = make_loader(tmp_path / "store", web_documents(), layout="varlen", batch_sequences=4)
    trainer = make_trainer(
        "Trainer", tmp_path / "out", loader, steps=2, accelerator_config={"dispatch_batches": True}
    )
    with pytest.raises(ValueError, match="dispatch_batches cuts batches"):
        trainer.train()


@pytest.mark.parametrize("process", [0, 1])
def test_accelerate_deals_steps_to_processes(tmp_path, process):
    data_loader = require("accelerate.data_loader")
    require("accelerate").PartialState(cpu=True)
    loader = make_loader(tmp_path / "store", web_documents(), layout="varlen", batch_sequences=4)
    plain = torch.utils.data.DataLoader(
        huggingface.dataset(loader, 6), batch_size=1, collate_fn=huggingface.collate
    )
    prepared = data_loader.prepare_data_loader(
        plain, num_processes=2, process_index=process, dispatch_batches=None
    )
    batches = list(prepared)
    assert len(batches) == 3
    for turn, batch in enumerate(batches):
        expected = loader.batch_at(2 * turn + process)
        assert batch["input_ids"][0].tolist() == expected.input_ids.tolist()
        assert batch["cu_seq_lens_q"].tolist() == expected.cu_seqlens.tolist()
        assert isinstance(batch["max_length_q"], int)


def test_workers_give_the_same_batches(tmp_path):
    loader = make_loader(tmp_path / "store", web_documents(), layout="varlen", batch_sequences=4)
    data = huggingface.dataset(loader, 6)
    plain = torch.utils.data.DataLoader(data, batch_size=1, collate_fn=huggingface.collate, num_workers=2)
    for step, batch in enumerate(plain):
        assert batch["input_ids"][0].tolist() == loader.batch_at(step).input_ids.tolist()


def test_bad_arguments(tmp_path):
    documents = web_documents()
    padded = make_loader(tmp_path / "padded", documents)
    with pytest.raises(ValueError, match="make it with layout"):
        huggingface.dataset(padded)
    varlen = make_loader(tmp_path / "varlen", documents, layout="varlen", epochs=2, batch_sequences=4)
    assert len(huggingface.dataset(varlen)) == 2 * varlen.steps_per_epoch
    with pytest.raises(ValueError, match="steps must be from 1"):
        huggingface.dataset(varlen, 10**6)
    with pytest.raises(ValueError, match="2 batches at once"):
        huggingface.collate([{}, {}])
