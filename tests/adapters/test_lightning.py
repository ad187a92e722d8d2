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
