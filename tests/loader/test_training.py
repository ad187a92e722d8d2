"""The loader inside training frameworks: killed and resumed runs, stateful loaders, Accelerate, Lightning."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from fixtures.loader_data import make_source, make_store, web_lengths
from fixtures.places import FIXTURES

import pypack
from pypack import Loader

torch = pytest.importorskip("torch")

SCRIPT = FIXTURES / "train_tiny.py"
STEPS = 60
fork_warning = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return make_source(tmp_path_factory.mktemp("training") / "a.store", documents=300)


def train(tmp_path, folder, kill_at=None):
    command = [sys.executable, str(SCRIPT), str(tmp_path / "a.store"), str(tmp_path / "a.plan"), str(folder)]
    with subprocess.Popen([*command, str(STEPS)], stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if kill_at is not None and int(line) >= kill_at:
                process.send_signal(signal.SIGKILL)
                break
        process.stdout.read()
    return process.returncode


def test_a_killed_run_ends_with_the_weights_of_an_unbroken_one(tmp_path):
    store = make_store(tmp_path / "a.store", web_lengths(120), vocab_size=512)
    pypack.pack(store.lengths, 64).save(tmp_path / "a.plan")
    unbroken, broken = tmp_path / "unbroken", tmp_path / "broken"
    unbroken.mkdir()
    broken.mkdir()
    assert train(tmp_path, unbroken) == 0
    kills = sorted(random.Random(0).sample(range(8, STEPS - 3), 2))
    for kill_at in kills:
        assert train(tmp_path, broken, kill_at) == -signal.SIGKILL
    assert train(tmp_path, broken) == 0
    one, other = (torch.load(folder / "final.pt") for folder in (unbroken, broken))
    assert one.keys() == other.keys()
    for name, weights in one.items():
        assert torch.equal(weights, other[name]), name


@fork_warning
@pytest.mark.filterwarnings("ignore:'set_vital':UserWarning")  # torchdata calls it
@pytest.mark.parametrize(("workers", "persistent"), [(0, False), (2, False), (2, True)])
def test_stateful_data_loader_goes_on_exactly(source, workers, persistent):
    stateful = pytest.importorskip("torchdata.stateful_dataloader")

    def make():
        dataset = Loader(*source, batch_sequences=8, seed=2).torch_dataset()
        options = {"persistent_workers": True} if persistent else {}
        return stateful.StatefulDataLoader(dataset, batch_size=None, num_workers=workers, **options)

    plain = Loader(*source, batch_sequences=8, seed=2)
    expected = [[batch.step for batch in plain] for _ in range(3)]

    def one_pass(batches, epoch):
        if workers and not persistent:  # such workers begin anew in every pass
            batches.dataset.set_epoch(epoch)
        return [batch.step for batch in batches]

    whole = make()
    assert [one_pass(whole, epoch) for epoch in range(3)] == expected
    stopped = make()
    passes = iter(stopped)
    taken = [next(passes).step for _ in range(5)]
    state = stopped.state_dict()
    del passes, stopped
    resumed = make()
    resumed.load_state_dict(state)
    rest = [batch.step for batch in resumed]
    assert taken + rest == expected[0]
    # What was loaded is used once: the next epoch is whole.
    assert one_pass(resumed, 1) == expected[1]


def test_accelerate_gives_every_process_what_is_its_own(source):
    accelerate = pytest.importorskip("accelerate")
    expected = [
        batch.input_ids.tolist() for batch in Loader(*source, batch_sequences=8, rank=1, world_size=2)
    ]
    loader = Loader(*source, batch_sequences=8, rank=1, world_size=2)
    # The loader deals to ranks itself: Accelerate must neither cut batches nor hand them out again.
    prepared = accelerate.data_loader.prepare_data_loader(
        torch.utils.data.DataLoader(
            loader, batch_size=None, collate_fn=lambda batch: batch.to_torch().to_dict()
        ),
        device=torch.device("cpu"),
        num_processes=1,
        process_index=0,
        put_on_device=True,
        dispatch_batches=False,
    )
    got = [batch["input_ids"].tolist() for batch in prepared]
    assert got == expected


@pytest.mark.parametrize("as_dataset", [False, True])
@pytest.mark.parametrize("processes", [1, 2])
def test_accelerate_dispatching_to_several_processes_is_refused(source, as_dataset, processes):
    """Process 0 would read for both, and nobody get the rows of rank 1."""
    data_loader = pytest.importorskip("accelerate.data_loader")
    pytest.importorskip("accelerate").PartialState(cpu=True)
    loader = Loader(*source, batch_sequences=8, rank=0, world_size=processes)
    expected = [batch.input_ids.tolist() for batch in Loader(*source, batch_sequences=8)]
    prepared = data_loader.prepare_data_loader(
        torch.utils.data.DataLoader(
            loader.torch_dataset() if as_dataset else loader,
            batch_size=None,
            collate_fn=lambda batch: {"input_ids": batch.to_torch().input_ids},
        ),
        device=torch.device("cpu"),
        num_processes=1,
        process_index=0,
        put_on_device=True,
        dispatch_batches=True,
    )
    assert type(prepared).__name__ == "DataLoaderDispatcher"
    if processes > 1:
        prepared.state = SimpleNamespace(num_processes=processes, process_index=0)
        with pytest.raises(ValueError, match=r"process 0 read for all.*dispatch_batches=False"):
            next(iter(prepared))
    else:
        assert [batch["input_ids"].tolist() for batch in prepared] == expected


@pytest.mark.parametrize("as_dataset", [False, True])
def test_accelerate_splitting_batches_is_an_error(source, as_dataset):
    data_loader = pytest.importorskip("accelerate.data_loader")
    pytest.importorskip("accelerate").PartialState(cpu=True)
    loader = Loader(*source, batch_sequences=8)
    whole = torch.utils.data.DataLoader(loader.torch_dataset() if as_dataset else loader, batch_size=None)
    for processes in (1, 2):
        with pytest.raises(ValueError, match="split_batches"):  # its own: it wants a batch_size
            data_loader.prepare_data_loader(
                whole, num_processes=processes, process_index=0, split_batches=True, put_on_device=False
            )


@pytest.mark.filterwarnings("ignore")  # Lightning's own advice
def test_lightning_saves_and_loads_the_state_of_the_loader(source, tmp_path):
    lightning = pytest.importorskip("lightning.pytorch")

    class Model(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(1, 1)
            self.steps = []

        def training_step(self, batch, _):
            self.steps.append(batch.step)
            return self.layer(torch.ones(1, 1)).sum()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    def fit(model, steps, checkpoint=None):
        trainer = lightning.Trainer(
            max_steps=steps,
            accelerator="cpu",
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=False,
            use_distributed_sampler=False,
        )
        trainer.fit(model, Loader(*source, batch_sequences=8), ckpt_path=checkpoint)
        return trainer

    first, second, whole = Model(), Model(), Model()
    fit(first, 5).save_checkpoint(tmp_path / "a.ckpt")
    fit(second, 12, tmp_path / "a.ckpt")
    fit(whole, 12)
    assert first.steps + second.steps == whole.steps == list(range(12))


def test_progress_shows_every_step(source, capsys):
    loader = Loader(*source, batch_sequences=8)
    assert [batch.step for batch in loader.progress("training")] == list(range(len(loader)))
    assert "tokens/s" in capsys.readouterr().err


def test_forked_children_do_not_hang_on_the_parents_thread(source):
    import os

    loader = Loader(*source, batch_sequences=8, prefetch=4)
    passes = iter(loader)
    first = next(passes)
    child = os.fork()
    if child == 0:
        same = np.array_equal(loader.batch_at(0).input_ids, first.input_ids)
        rest = len(list(loader))
        os._exit(0 if same and rest == len(loader) - 1 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(list(passes)) == len(loader) - 1
