"""`LoaderState` under the real Trainer: epochs, the end of a run, resuming, statistics, what it refuses."""

from __future__ import annotations

import json

import numpy as np
import pytest
from fixtures.frameworks import require
from fixtures.packed_documents import make_documents, make_loader
from fixtures.tiny_models import causal_model

import pypack
from pypack.adapters import huggingface
from pypack.adapters.huggingface.step_counts import step_counts
from pypack.objectives import FillInMiddle

torch = require("torch")
transformers = require("transformers")
require("accelerate")


def web_documents():
    return make_documents(np.random.default_rng(2).integers(1, 17, 120).tolist())


def new_loader(tmp_path, **options):
    name = f"store{len(list(tmp_path.iterdir()))}"
    options = {"layout": "varlen", "batch_sequences": 2, **options}
    return make_loader(tmp_path / name, web_documents(), **options)


class Stop(transformers.TrainerCallback):
    """A run that dies after so many updates."""

    def __init__(self, after):
        self.after = after

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == self.after:
            raise KeyboardInterrupt


class Trained(transformers.Trainer):
    """Keeps the tokens of each batch that it was trained on."""

    def training_step(self, model, inputs, *args, **kwargs):
        self.__dict__.setdefault("batches", []).append(inputs["input_ids"][0].tolist())
        return super().training_step(model, inputs, *args, **kwargs)


def make_trainer(tmp_path, loader, rows=None, dies=None, evaluation=None, **options):
    options = {
        "output_dir": str(tmp_path / "out"),
        "per_device_train_batch_size": 1,
        "per_device_eval_batch_size": 1,
        "train_sampling_strategy": "sequential",
        "remove_unused_columns": False,
        "save_steps": 3,
        "logging_steps": 1,
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": True,
        "dataloader_pin_memory": False,
        **options,
    }
    return Trained(
        model=causal_model("llama").train(),
        args=transformers.TrainingArguments(**options),
        train_dataset=huggingface.dataset(loader, rows),
        eval_dataset=evaluation and huggingface.dataset(evaluation),
        data_collator=huggingface.collate,
        callbacks=[huggingface.LoaderState(loader), *([Stop(dies)] if dies else [])],
    )


def tokens(loader, steps):
    return [loader.batch_at(step).input_ids.tolist() for step in steps]


def state_of(tmp_path, checkpoint):
    return json.loads((tmp_path / "out" / f"checkpoint-{checkpoint}" / "pypack_loader.json").read_text())


@pytest.mark.parametrize("accumulation", [1, 4])
def test_killed_and_resumed_in_a_later_epoch(tmp_path, accumulation):
    """Each epoch in its own order, its last update short; no step twice or left out; statistics go on."""
    loader = new_loader(tmp_path)
    rows = loader.steps_per_epoch
    assert rows % 4  # the last update of an epoch takes what is left
    updates = -(-rows // accumulation)
    options = {
        "num_train_epochs": 3,
        "gradient_accumulation_steps": accumulation,
        "save_steps": updates + 2,
    }
    dying = make_trainer(tmp_path, loader, dies=updates + 3, **options)
    with pytest.raises(KeyboardInterrupt):
        dying.train()
    again = new_loader(tmp_path)
    resumed = make_trainer(tmp_path, again, **options)
    resumed.train(resume_from_checkpoint=True)
    assert resumed.state.global_step == 3 * updates
    saved = rows + 2 * accumulation
    assert state_of(tmp_path, updates + 2)["step"] == saved
    assert dying.batches[:saved] + resumed.batches == tokens(loader, range(3 * rows))
    assert again.step == 3 * rows
    plain = new_loader(tmp_path)
    for _ in range(3):
        list(plain)
    assert {**again.stats(), "wait_seconds": 0} == {**plain.stats(), "wait_seconds": 0}


@pytest.mark.parametrize("accumulation", [1, 4])
@pytest.mark.parametrize("finished", [1, 2])
def test_resumed_at_the_very_end_of_an_epoch(tmp_path, accumulation, finished):
    """The next epoch comes next, in its own order and whole; not the one before it once more."""
    loader = new_loader(tmp_path)
    rows = loader.steps_per_epoch
    updates = -(-rows // accumulation)
    options = {
        "num_train_epochs": 3,
        "gradient_accumulation_steps": accumulation,
        "save_strategy": "epoch",
    }
    dying = make_trainer(tmp_path, loader, dies=finished * updates + 1, **options)
    with pytest.raises(KeyboardInterrupt):
        dying.train()
    assert state_of(tmp_path, finished * updates)["step"] == finished * rows
    again = new_loader(tmp_path)
    resumed = make_trainer(tmp_path, again, **options)
    resumed.train(resume_from_checkpoint=True)
    assert resumed.state.global_step == 3 * updates
    assert resumed.batches == tokens(loader, range(finished * rows, 3 * rows))
    assert again.step == 3 * rows
    assert state_of(tmp_path, 3 * updates)["step"] == 3 * rows


@pytest.mark.parametrize("strategy", ["epoch", "steps"])
def test_the_end_of_a_finished_run_saves_a_state_that_loads(tmp_path, strategy):
    loader = new_loader(tmp_path, epochs=1)
    rows = loader.steps_per_epoch
    updates = -(-rows // 4)
    trainer = make_trainer(
        tmp_path, loader, num_train_epochs=1, gradient_accumulation_steps=4, save_strategy=strategy
    )
    trainer.train()
    assert trainer.batches == tokens(loader, range(rows))
    saved = state_of(tmp_path, updates)
    assert saved["step"] == rows
    again = new_loader(tmp_path, epochs=1)
    again.load_state_dict(saved)
    assert again.step == rows
    finished = make_trainer(tmp_path, again, num_train_epochs=1, gradient_accumulation_steps=4)
    finished.train(resume_from_checkpoint=str(tmp_path / "out" / f"checkpoint-{updates}"))
    assert not hasattr(finished, "batches")


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_workers_get_the_epochs_too(tmp_path, persistent):
    loader = new_loader(tmp_path)
    trainer = make_trainer(
        tmp_path,
        loader,
        5,
        num_train_epochs=3,
        dataloader_num_workers=2,
        dataloader_persistent_workers=persistent,
    )
    trainer.train()
    assert trainer.batches == tokens(loader, range(15))


@pytest.mark.parametrize("options", [{"epochs": 1}, {"shuffle": False}, {}])
def test_every_evaluation_is_of_the_same_steps(tmp_path, options):
    evaluation = new_loader(tmp_path, batch_sequences=8, **options)
    trainer = make_trainer(
        tmp_path,
        new_loader(tmp_path),
        4,
        evaluation=evaluation,
        num_train_epochs=2,
        eval_strategy="epoch",
        learning_rate=0.0,
        dataloader_num_workers=1,
        dataloader_persistent_workers=True,
    )
    trainer.train()
    losses = [entry["eval_loss"] for entry in trainer.state.log_history if "eval_loss" in entry]
    assert len(losses) == 2
    assert losses[0] == losses[1]


def test_a_state_with_odds_of_a_curriculum_loads(tmp_path):
    odds = {16: 3.0}
    make_trainer(tmp_path, new_loader(tmp_path, curriculum=odds), max_steps=3).train()
    again = new_loader(tmp_path, curriculum=odds)
    make_trainer(tmp_path, again, max_steps=5).train(resume_from_checkpoint=True)
    assert again.step == 5
    assert again.stats.steps == 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"train_sampling_strategy": "random"}, 'set train_sampling_strategy="sequential"'),
        ({"train_sampling_strategy": "group_by_length"}, 'set train_sampling_strategy="sequential"'),
        ({"per_device_train_batch_size": 2}, "set per_device_train_batch_size=1"),
        ({"per_device_eval_batch_size": 8, "eval_strategy": "epoch"}, "set per_device_eval_batch_size=1"),
        ({"num_train_epochs": 3}, "num_train_epochs=3 takes .* set num_train_epochs=1"),
        ({"max_steps": 99}, "max_steps=99 takes 99 steps"),
    ],
)
def test_settings_that_would_break_the_order_are_refused(tmp_path, options, message):
    loader = new_loader(tmp_path, epochs=1)
    trainer = make_trainer(tmp_path, loader, evaluation=loader, **{"num_train_epochs": 1, **options})
    with pytest.raises(ValueError, match=message):
        trainer.train()
    assert not hasattr(trainer, "batches")


def test_other_loaders_and_data_sets_are_refused(tmp_path):
    loader = new_loader(tmp_path)
    trainer = make_trainer(tmp_path, loader, max_steps=1)
    trainer.add_callback(huggingface.LoaderState(new_loader(tmp_path)))
    with pytest.raises(ValueError, match="give both the same"):
        trainer.train()
    trainer = make_trainer(tmp_path, loader, max_steps=1)
    trainer.train_dataset = [huggingface.padding_free(loader.batch_at(0))]
    with pytest.raises(ValueError, match=r"train_dataset=huggingface\.dataset"):
        trainer.train()
    trainer = make_trainer(tmp_path, new_loader(tmp_path, shuffle=False), max_steps=1)
    with pytest.raises(ValueError, match="shuffle=False, which is for evaluation"):
        trainer.train()
    trainer = make_trainer(tmp_path, new_loader(tmp_path, rank=1, world_size=2), max_steps=1)
    with pytest.raises(ValueError, match="make it with rank=0, world_size=1"):
        trainer.train()


def test_resuming_at_another_pace_is_refused(tmp_path):
    make_trainer(tmp_path, new_loader(tmp_path), max_steps=3, gradient_accumulation_steps=2).train()
    trainer = make_trainer(tmp_path, new_loader(tmp_path), max_steps=6, gradient_accumulation_steps=1)
    with pytest.raises(ValueError, match="gradient_accumulation_steps is 1 here, was 2"):
        trainer.train(resume_from_checkpoint=True)
    trainer = make_trainer(
        tmp_path, new_loader(tmp_path), max_steps=6, gradient_accumulation_steps=2, ignore_data_skip=True
    )
    with pytest.raises(ValueError, match="ignore_data_skip"):
        trainer.train(resume_from_checkpoint=True)


class Processes:
    """Arguments of a trainer with several processes."""

    accelerator_config = transformers.TrainingArguments(report_to="none").accelerator_config
    per_device_train_batch_size = 1
    eval_strategy = "no"
    train_sampling_strategy = "sequential"
    ignore_data_skip = False
    max_steps = -1
    num_train_epochs = 1

    def __init__(self, world_size, accumulation=1):
        self.world_size, self.gradient_accumulation_steps = world_size, accumulation


def test_rows_that_do_not_divide_among_processes_are_refused(tmp_path):
    from pypack.adapters.huggingface.trainer_checks import check_trainer, steps_before

    loader = new_loader(tmp_path)
    state = transformers.TrainerState(max_steps=3)
    for rows, fits in ((31, False), (30, True)):
        plain = torch.utils.data.DataLoader(huggingface.dataset(loader, rows), batch_size=1)
        given = {"train_dataloader": plain}
        assert check_trainer(loader, Processes(1), state, given) == rows
        if fits:
            assert check_trainer(loader, Processes(2), state, given) == rows
        else:
            with pytest.raises(ValueError, match=r"31 rows do not divide among 2 processes.*steps=30"):
                check_trainer(loader, Processes(2), state, given)
    # 15 steps for each process: 4 updates of 4, the last of 3.
    done = [steps_before(update, 30, Processes(2, 4)) for update in range(9)]
    assert done == [0, 8, 16, 24, 30, 38, 46, 54, 60]


def test_counts_are_those_of_batches(tmp_path):
    loader = new_loader(tmp_path, batch_sequences=7)
    for step in range(loader.steps_per_epoch):
        counts, batch = step_counts(loader, step), loader.batch_at(step)
        assert (counts.tokens, counts.padding, counts.num_spans) == (
            batch.tokens,
            batch.padding,
            batch.num_spans,
        )
        for name in ("source_ids", "span_lengths", "row_spans"):
            assert getattr(counts, name).tolist() == getattr(batch, name).tolist(), name


def test_counts_of_batches_whose_objective_moves_tokens(tmp_path):
    """Only the batch itself tells; of plans with literals, too."""
    store, plan = fim_store(tmp_path)
    objective = FillInMiddle(0.9, prefix_id=1, suffix_id=2, middle_id=3, special_ids=[])
    loader = pypack.Loader(store, plan, batch_sequences=4, layout="varlen", objective=objective)
    for step in range(loader.steps_per_epoch):
        counts, batch = step_counts(loader, step), loader.batch_at(step)
        assert (counts.tokens, counts.objective_counts) == (batch.tokens, batch.objective_counts)
    plain = pypack.Loader(store, plan, batch_sequences=4, layout="varlen")
    plain._count_given(step_counts(plain, 0))
    assert plain.stats.padding == plain.batch_at(0).padding > 0
    tied = pypack.pack(store.lengths, 64, "knots")
    loader = pypack.Loader(store, tied, batch_sequences=4, layout="varlen")
    counts, batch = step_counts(loader, 0), loader.batch_at(0)
    assert (counts.tokens, counts.num_spans, counts.padding) == (batch.tokens, batch.num_spans, batch.padding)
    loader._count_given(counts)
    assert loader.stats.tokens == batch.tokens


def fim_store(folder):
    lengths = np.random.default_rng(0).integers(2, 40, 60)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    ids = np.random.default_rng(1).integers(10, 90, int(offsets[-1]), dtype=np.uint32)
    with pypack.StoreWriter(folder / "fim.store", vocab_size=100) as writer:
        writer.append(pypack.Ragged(ids, offsets))
    store = pypack.TokenStore.open(folder / "fim.store")
    return store, pypack.pack(store.lengths, 64, room=3)
