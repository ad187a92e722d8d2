"""A pass under torch's DataLoaders: the steps of a plain loop, with any workers, after `break`, resumed."""

from __future__ import annotations

import itertools
import os

import pytest
from fixtures.frameworks import require
from fixtures.loader_data import make_source

from pypack import Loader, Phase, Schedule, Source

torch = require("torch")
from torch.utils.data import DataLoader, DistributedSampler  # noqa: E402

SCALE = float(os.environ.get("PYPACK_TEST_SCALE", "1"))
SLOW_STARTS = ["spawn", "forkserver"]

pytestmark = [
    # Python 3.12 and later warn of fork in a process with threads, which torch has.
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:'set_vital' is deprecated"),  # torchdata calls it
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),  # more workers than cores
]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return make_source(tmp_path_factory.mktemp("passes") / "a.store", documents=120)


def make_loader(source, **options):
    return Loader(*source, **{"batch_sequences": 16, **options})


def data_loader(loader, style, kind, workers, persistent=False, start=None, **options):
    kinds = {"torch": DataLoader}
    if kind == "stateful":
        kinds["stateful"] = require("torchdata.stateful_dataloader").StatefulDataLoader
    return kinds[kind](
        loader.torch_dataset() if style == "iterable" else loader,
        batch_size=None,
        num_workers=workers,
        persistent_workers=persistent,
        multiprocessing_context=start or ("fork" if workers else None),
        **options,
    )


def steps(batches, most=None):
    """Reads as a training loop does: at most so many batches, then `break`."""
    read = []
    for batch in batches:
        read.append(batch.step)
        if len(read) == most:
            break
    return read


WORKERS = [(0, False), (1, False), (2, False), (2, True), (3, False), (3, True)]


def breaks(size):
    return sorted({1, 2, size - 1, size, *(range(1, size) if SCALE > 1 else ())})


@pytest.mark.parametrize("kind", ["torch", "stateful"])
@pytest.mark.parametrize("style", ["map", "iterable"])
@pytest.mark.parametrize(("workers", "persistent"), WORKERS)
@pytest.mark.parametrize("world", [1, 2])
def test_epochs_and_breaks_are_those_of_a_plain_loop(source, kind, style, workers, persistent, world):
    options = {"rank": world - 1, "world_size": world}
    size = make_loader(source).steps_per_epoch
    assert 4 <= size <= 8  # shorter than what workers make ahead, where nobody waits for them
    for at in breaks(size) if world == 1 or SCALE > 1 else [2]:
        plain, loader = (make_loader(source, **options) for _ in range(2))
        batches = data_loader(loader, style, kind, workers, persistent)
        for most in (at, None, None, at, None):
            expected = [batch.input_ids.tolist() for batch in itertools.islice(plain, most)]
            found = []
            for batch in batches:
                found.append(batch.input_ids.tolist())
                if len(found) == most:
                    break
            assert found == expected
            assert loader.step == plain.step
        assert loader.stats.tokens == plain.stats.tokens
        assert loader.stats.steps == plain.stats.steps


@pytest.mark.parametrize("start", SLOW_STARTS)
@pytest.mark.parametrize(("style", "persistent"), [("map", False), ("iterable", True)])
def test_other_ways_of_starting_workers(source, start, style, persistent):
    loader = make_loader(source)
    size = loader.steps_per_epoch
    batches = data_loader(loader, style, "torch", 2, persistent, start)
    assert steps(batches, 3) == [0, 1, 2]
    assert steps(batches) == list(range(3, size))
    assert steps(batches) == list(range(size, 2 * size))


@pytest.mark.parametrize("style", ["map", "iterable"])
@pytest.mark.parametrize(("workers", "persistent"), WORKERS)
def test_resuming_by_the_state_of_the_loader(source, style, workers, persistent):
    size = make_loader(source).steps_per_epoch
    for at in (0, 1, size - 1, size, size + 2):
        state = make_loader(source).state_dict(at)
        loader = make_loader(source, epochs=4)
        with pytest.raises(ValueError, match="another order"):
            loader.load_state_dict({**state, "order": {**state["order"], "seed": 9}})
        loader = make_loader(source)
        batches = data_loader(loader, style, "torch", workers, persistent)
        loader.load_state_dict(state)
        end = (at // size + 1) * size
        assert steps(batches) == list(range(at, end))
        assert steps(batches) == list(range(end, end + size))
        loader.set_epoch(1)
        assert steps(batches, 2) == [size, size + 1]
        loader.seek(3)  # after break: elsewhere
        assert steps(batches) == list(range(3, size))


@pytest.mark.parametrize("style", ["map", "iterable"])
@pytest.mark.parametrize(("workers", "persistent"), WORKERS)
def test_resuming_by_the_state_of_a_stateful_data_loader(source, style, workers, persistent):
    size = make_loader(source).steps_per_epoch
    for epochs, most in itertools.product((0, 1), (0, 1, size - 1, size, None)):
        batches = data_loader(make_loader(source), style, "stateful", workers, persistent)
        for _ in range(epochs):
            steps(batches)
        if most != 0:
            steps(batches, most)
        state = batches.state_dict()
        loader = make_loader(source)
        again = data_loader(loader, style, "stateful", workers, persistent)
        again.load_state_dict(state)
        done = epochs * size + (size if most is None else most)
        end = (done // size + 1) * size
        # A pass that gave all its batches, but was not asked for one more, has none left.
        assert (steps(again) or steps(again)) == list(range(done, end))
        assert steps(again) == list(range(end, end + size))
        assert loader.step == end + size


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("style", ["map", "iterable"])
def test_a_state_of_a_pass_that_began_in_the_middle(source, style, workers):
    loader = make_loader(source)
    loader.seek(3)
    batches = data_loader(loader, style, "stateful", workers)
    assert steps(batches, 1) == [3]
    state = batches.state_dict()
    again = make_loader(source)
    batches = data_loader(again, style, "stateful", workers)
    batches.load_state_dict(state)
    if style == "iterable" or workers:
        assert steps(batches) == list(range(4, again.steps_per_epoch))
    else:  # torchdata counts the items of a whole epoch before it loads the state
        with pytest.raises(IndexError, match="load the loader's state"):
            steps(batches)


@pytest.mark.parametrize("workers", [0, 2])
def test_both_states_at_once(source, workers):
    loader = make_loader(source)
    size = loader.steps_per_epoch
    batches = data_loader(loader, "map", "stateful", workers)
    steps(batches, 2)
    state, own = batches.state_dict(), loader.state_dict()
    again = make_loader(source)
    again.load_state_dict(own)
    batches = data_loader(again, "map", "stateful", workers)
    batches.load_state_dict(state)
    if workers:
        assert steps(batches) == list(range(2, size))
    else:
        with pytest.raises(RuntimeError, match="load only one of them"):
            steps(batches)


@pytest.mark.parametrize("style", ["map", "iterable"])
def test_two_live_iterators_are_refused(source, style):
    loader = make_loader(source)
    batches = data_loader(loader, style, "torch", 1)
    first = iter(batches)
    assert next(first).step == 0
    second = iter(batches)
    assert next(second).step == 1
    with pytest.raises(RuntimeError, match="a Loader of its own"):
        next(first)


@pytest.mark.parametrize("style", ["map", "iterable"])
def test_moving_the_loader_during_a_pass_of_workers_is_refused(source, style):
    loader = make_loader(source)
    batches = iter(data_loader(loader, style, "torch", 2))
    next(batches)
    loader.seek(4)
    with pytest.raises(RuntimeError, match="moved from step 1 to 4"):
        next(batches)


def test_other_orders_are_refused(source):
    loader = make_loader(source)
    with pytest.raises(ValueError, match="has shuffled already"):
        DataLoader(loader, batch_size=None, shuffle=True)
    dealt = DataLoader(loader, batch_size=None, sampler=DistributedSampler(loader, 2, 0, shuffle=False))
    with pytest.raises(ValueError, match="each rank's Loader with rank and world_size"):
        next(iter(dealt))
    for style in ("map", "iterable"):
        batches = data_loader(loader, style, "torch", 2, in_order=False)
        with pytest.raises(ValueError, match="in_order=False"):
            next(iter(batches))


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("style", ["map", "iterable"])
def test_batches_of_batches_are_refused(source, style, workers):
    loader = make_loader(source)
    dataset = loader if style == "map" else loader.torch_dataset()
    with pytest.raises(TypeError, match="batch_size=None"):
        next(iter(DataLoader(dataset, num_workers=workers)))


def test_own_samplers_and_indexing_stay_as_they_are(source):
    loader = make_loader(source)
    loader.seek(2)
    assert len(loader) == loader.steps_per_epoch
    assert loader[0].step == 0
    assert steps(DataLoader(loader, batch_size=None, sampler=[3, 1])) == [3, 1]
    assert len(DataLoader(loader, batch_size=None)) == loader.steps_per_epoch


@pytest.mark.parametrize("stateful", [False, True])
@pytest.mark.parametrize("style", ["map", "iterable"])
@pytest.mark.parametrize(("workers", "persistent"), [(0, False), (2, False), (2, True)])
def test_accelerate(source, style, workers, persistent, stateful):
    """It asks for a batch more than it gives out, and calls set_epoch with its own count."""
    prepare = require("accelerate.data_loader").prepare_data_loader
    require("accelerate").PartialState(cpu=True)
    loader = make_loader(source)
    size = loader.steps_per_epoch
    loader.seek(size + 2)  # resumed
    batches = prepare(
        data_loader(loader, style, "torch", workers, persistent),
        put_on_device=False,
        use_stateful_dataloader=stateful,
    )
    assert steps(batches, 2) == [size + 2, size + 3]
    assert steps(batches) == list(range(size + 4, 2 * size))
    assert steps(batches) == list(range(2 * size, 3 * size))
    assert loader.step == 3 * size


class Around(torch.utils.data.IterableDataset):
    def __init__(self, dataset):
        self.dataset = dataset

    def __iter__(self):
        yield from self.dataset


def test_workers_of_a_dataset_around_the_loaders(source):
    around = Around(make_loader(source).torch_dataset())
    size = make_loader(source).steps_per_epoch
    assert [*steps(DataLoader(around, batch_size=None)), *steps(around)] == list(range(2 * size))
    with pytest.raises(RuntimeError, match="is over a Around around"):
        steps(DataLoader(around, batch_size=None, num_workers=1, multiprocessing_context="fork"))


@pytest.mark.parametrize("style", ["map", "iterable"])
@pytest.mark.parametrize(("workers", "persistent"), [(0, False), (2, False), (2, True)])
def test_evaluation_passes_are_all_the_same(source, style, workers, persistent):
    loader = make_loader(source, shuffle=False)
    size = loader.steps_per_epoch
    batches = data_loader(loader, style, "torch", workers, persistent)
    assert steps(batches, 2) == [0, 1]
    assert steps(batches) == list(range(size))
    assert steps(batches) == list(range(size))
    assert loader.step == 0


@pytest.mark.parametrize("style", ["map", "iterable"])
@pytest.mark.parametrize(("workers", "persistent"), [(0, False), (2, False), (2, True)])
def test_epochs_of_different_lengths(source, style, workers, persistent):
    loader, plain = (make_loader(source, tail="wrap") for _ in range(2))
    batches = data_loader(loader, style, "torch", workers, persistent)
    for _ in range(4):
        assert steps(batches) == steps(plain)


def scheduled(source, steps=8):
    named = {name: Source(*source) for name in "ab"}
    phase = Phase(steps=steps, weights={"a": 1.0, "b": 1.0})
    return Loader(named, schedule=Schedule([phase]), batch_sequences=4)


@pytest.mark.parametrize("style", ["map", "iterable"])
@pytest.mark.parametrize("persistent", [False, True])
def test_changes_of_weights_do_not_pass_workers_by(source, style, persistent):
    expected = scheduled(source)
    expected.set_weights({"a": 1.0, "b": 0.0}, from_step=3)
    loader = scheduled(source)
    batches = data_loader(loader, style, "torch", 2, persistent)
    passing = iter(batches)
    assert [next(passing).step for _ in range(3)] == [0, 1, 2]
    loader.set_weights({"a": 1.0, "b": 0.0})
    with pytest.raises(RuntimeError, match="living workers of a DataLoader do not hear of it"):
        next(passing)
    del passing
    if persistent:
        with pytest.raises(RuntimeError, match="begin with a new DataLoader"):
            iter(batches)
        batches = data_loader(loader, style, "torch", 2, persistent)
    for batch in batches:
        assert batch.input_ids.tolist() == expected.batch_at(batch.step).input_ids.tolist()
    assert loader.step == 8


def test_a_data_loaders_state_with_changes_of_weights_is_refused_alone(source):
    loader = scheduled(source)
    loader.set_weights({"a": 1.0, "b": 0.0}, from_step=2)
    batches = data_loader(loader, "iterable", "stateful", 1)
    assert steps(batches, 1) == [0]
    state = batches.state_dict()
    batches = data_loader(scheduled(source), "iterable", "stateful", 1)
    batches.load_state_dict(state)
    with pytest.raises(RuntimeError, match="load the loader's own state there"):
        steps(batches)
