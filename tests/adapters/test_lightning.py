"""Lightning's Trainer on a PackedDataModule, resumed in the middle of an epoch."""

from __future__ import annotations

import pytest
from fixtures.frameworks import require
from fixtures.lightning_model import Model
from fixtures.packed_documents import make_documents, make_loader

lightning = require("lightning")
torch = require("torch")

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*on checkpoint reloading is dirty"),
    pytest.mark.filterwarnings("ignore:`isinstance\\(treespec, LeafSpec\\)` is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*dataloader is not resumable"),
    pytest.mark.filterwarnings("ignore:.*Checkpoint directory .* exists and is not empty"),
]


def fit(tmp_path, loader, steps, resume=None, every=4):
    from pypack.adapters.lightning import PackedDataModule

    checkpoints = lightning.pytorch.callbacks.ModelCheckpoint(
        dirpath=tmp_path, every_n_train_steps=every, save_top_k=-1, filename="{step}"
    )
    trainer = lightning.Trainer(
        max_steps=steps,
        accelerator="cpu",
        callbacks=[checkpoints],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    model = Model()
    trainer.fit(model, datamodule=PackedDataModule(loader), ckpt_path=resume, weights_only=False)
    return model


def test_fit_and_resume(tmp_path):
    documents = make_documents([5, 9, 3, 12, 7] * 8)

    def loader(seed=0):
        name = f"store{len(list(tmp_path.iterdir()))}"
        return make_loader(tmp_path / name, documents, layout="varlen", batch_sequences=3, seed=seed)

    per_epoch = loader().steps_per_epoch
    assert per_epoch % 4  # checkpoint 8 is in the middle of an epoch
    steps = 2 * per_epoch + 2
    whole = fit(tmp_path / "checkpoints", loader(), steps)
    assert whole.steps == list(range(steps))
    resumed = fit(tmp_path / "checkpoints", loader(), steps, str(tmp_path / "checkpoints" / "step=8.ckpt"))
    assert resumed.steps == list(range(8, steps))
    assert resumed.losses == whole.losses[8:]
    with pytest.raises(ValueError, match="seed is 3 here, was 0"):
        fit(tmp_path / "checkpoints", loader(seed=3), steps, str(tmp_path / "checkpoints" / "step=8.ckpt"))


class Passes(Model):
    """Keeps also the steps of each validation."""

    def __init__(self):
        super().__init__()
        self.validations = []

    def on_validation_epoch_start(self):
        self.validations.append([])

    def validation_step(self, batch, _index):
        self.validations[-1].append(batch.step)


def trainer_of(tmp_path, **options):
    return lightning.Trainer(
        **{
            "accelerator": "cpu",
            "logger": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "use_distributed_sampler": False,
            "default_root_dir": tmp_path,
            "enable_checkpointing": False,
            **options,
        }
    )


def small_loader(tmp_path, **options):
    name = f"small{len(list(tmp_path.iterdir()))}"
    documents = make_documents([5, 9, 3, 12, 7] * 5)
    return make_loader(tmp_path / name, documents, layout="varlen", batch_sequences=3, **options)


WORKERS = [(0, False), (2, False), (2, True)]


@pytest.mark.parametrize(("workers", "persistent"), WORKERS)
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("options", [{"seed": 5}, {"shuffle": False}])
def test_epochs_and_validations(tmp_path, workers, persistent, options):
    """Each epoch other steps, each validation the same ones, whatever the sanity check took."""
    from pypack.adapters.lightning import PackedDataModule

    loader, validation = small_loader(tmp_path), small_loader(tmp_path, **options)
    size = loader.steps_per_epoch
    assert size >= 4
    model = Passes()
    module = PackedDataModule(loader, workers, validation=validation, persistent_workers=persistent)
    trainer_of(tmp_path, max_epochs=3, num_sanity_val_steps=2).fit(model, datamodule=module)
    assert model.steps == list(range(3 * size))
    assert model.validations == [[0, 1], *[list(range(size))] * 3]
    assert loader.step == 3 * size
    trainer_of(tmp_path).validate(model, datamodule=module, verbose=False)
    assert model.validations[-1] == list(range(size))


@pytest.mark.parametrize(("workers", "persistent"), WORKERS)
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_epochs_that_are_left_early_and_loaders_that_stand_elsewhere(tmp_path, workers, persistent):
    from pypack.adapters.lightning import PackedDataModule

    loader = small_loader(tmp_path)
    size = loader.steps_per_epoch
    loader.seek(size - 1)
    module = PackedDataModule(loader, workers, persistent_workers=persistent)
    model = Model()
    trainer_of(tmp_path, max_epochs=3, limit_train_batches=2).fit(model, datamodule=module)
    # The first epoch has one step left; of the others two are taken.
    assert model.steps == list(range(size - 1, size + 4))
    assert loader.step == size + 4
    assert module.state_dict()["step"] == size + 4
    trainer_of(tmp_path, max_steps=2).fit(model, datamodule=module)
    assert model.steps == list(range(size - 1, size + 6))


@pytest.mark.parametrize(("workers", "persistent"), WORKERS)
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_resuming_with_workers(tmp_path, workers, persistent):
    from pypack.adapters.lightning import PackedDataModule

    size = small_loader(tmp_path).steps_per_epoch
    checkpoints = lightning.pytorch.callbacks.ModelCheckpoint(
        dirpath=tmp_path / "kept", every_n_train_steps=size + 2, save_top_k=-1, filename="{step}"
    )
    first, again = Model(), Model()
    for model, steps, resume in (
        (first, size + 3, None),
        (again, 3 * size, tmp_path / "kept" / f"step={size + 2}.ckpt"),
    ):
        module = PackedDataModule(small_loader(tmp_path), workers, persistent_workers=persistent)
        trainer = trainer_of(tmp_path, max_steps=steps, callbacks=[checkpoints], enable_checkpointing=True)
        trainer.fit(model, datamodule=module, ckpt_path=resume, weights_only=False)
    assert first.steps == list(range(size + 3))
    assert again.steps == list(range(size + 2, 3 * size))


def test_one_loader_for_both_is_refused(tmp_path):
    from pypack.adapters.lightning import PackedDataModule

    loader = small_loader(tmp_path)
    with pytest.raises(ValueError, match="make a second Loader"):
        PackedDataModule(loader, validation=loader)
    with pytest.raises(ValueError, match="which is for evaluation"):
        PackedDataModule(small_loader(tmp_path, shuffle=False))
