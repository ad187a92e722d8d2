"""Numbers as they are given: taken as plain ones, or refused by name there and then."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from fixtures.loader_data import bucketed, make_source, make_store, web_lengths

import pypack
from pypack import Loader, Phase, Schedule, ShapeCycle, Source

yaml = pytest.importorskip("yaml")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return make_source(tmp_path_factory.mktemp("numbers") / "a.store")


@pytest.fixture(scope="module")
def lengths(tmp_path_factory):
    store = make_store(tmp_path_factory.mktemp("lengths") / "a.store", web_lengths(200))
    return Source(store, bucketed(store, [16, 32, 64]))


PLAIN = Schedule(
    [
        Phase(tokens=4096, weights={"a": 1.0, "b": 2}, max_epochs={"b": 1.5}, batch_tokens=256),
        Phase(fraction=0.5, curriculum={16: 4.0, 32: 2.0, 64: 1}, length_shares={16: 1, 32: 1, 64: 2.0}),
        Phase(steps=9, shapes=ShapeCycle([64, 32], (2, 1), 2), longest_first=True, cycles=3),
    ],
    total_steps=100,
)
NUMPY = Schedule(
    [
        Phase(
            tokens=np.int64(4096),
            weights={"a": np.float32(1), "b": np.int8(2)},
            max_epochs={"b": np.float64(1.5)},
            batch_tokens=np.array(256),
        ),
        Phase(
            fraction=np.array(0.5),
            curriculum={np.int64(16): np.float32(4), "32": np.float64(2), 64.0: np.int32(1)},
            length_shares={"16": np.int16(1), "32": 1, "64": np.float32(2)},
        ),
        Phase(
            steps=9.0,
            shapes=ShapeCycle(np.array([64, 32]), [np.int8(2), 1.0], np.int64(2)),
            longest_first=np.True_,
            cycles=np.uint8(3),
        ),
    ],
    total_steps=np.float32(100),
)


def through_torch(schedule, tmp_path):
    torch = pytest.importorskip("torch")
    torch.save(schedule.to_dict(), tmp_path / "a.pt")
    return Schedule.from_dict(torch.load(tmp_path / "a.pt", weights_only=True))


@pytest.mark.parametrize("schedule", [PLAIN, NUMPY], ids=["plain", "numpy"])
@pytest.mark.parametrize(
    "through",
    [
        lambda s, path: Schedule.from_dict(json.loads(json.dumps(s.to_dict()))),
        lambda s, path: Schedule.from_yaml(s.to_yaml()),
        lambda s, path: pickle.loads(pickle.dumps(s)),
        through_torch,
    ],
    ids=["json", "yaml", "pickle", "torch"],
)
def test_schedules_come_back_the_same(schedule, through, tmp_path):
    back = through(schedule, tmp_path)
    assert back == schedule == PLAIN
    assert back.fingerprint == schedule.fingerprint == PLAIN.fingerprint


def test_what_was_plain_keeps_its_fingerprint():
    assert Schedule([Phase(steps=3, weights={"a": 1})]).fingerprint != PLAIN.fingerprint
    assert Schedule([Phase(steps=3, weights={"a": 1})]).to_dict() == {
        "phases": [{"steps": 3, "weights": {"a": 1}}]
    }


def through_json(state):
    return json.loads(json.dumps(state))


def test_states_of_odds_survive_json(lengths):
    options = {"batch_tokens": 256, "curriculum": {16: 4.0, 32: 2, 64: 1}}
    loader = Loader(lengths, **options)
    next(iter(loader))
    for state in (through_json(loader.state_dict()), yaml.safe_load(yaml.safe_dump(loader.state_dict()))):
        for curriculum in (options["curriculum"], {"16": np.float32(4), "32": 2.0, "64": np.int64(1)}):
            other = Loader(lengths, batch_tokens=256, curriculum=curriculum)
            other.load_state_dict(state)
            assert other.step == 1
    with pytest.raises(ValueError, match="curriculum is"):
        Loader(lengths, batch_tokens=256, curriculum={16: 4, 32: 3, 64: 1}).load_state_dict(state)


@pytest.mark.parametrize("three", [3.0, np.int64(3), np.float32(3), np.array(3), np.array(3.0)])
def test_steps_and_epochs_are_plain(source, three):
    loader = Loader(*source, batch_sequences=8)
    loader.seek(three)
    assert json.dumps(loader.state_dict()) == json.dumps(loader.state_dict(three))
    assert type(loader.state_dict()["step"]) is int
    loader.set_epoch(three)
    assert json.loads(json.dumps(loader.state_dict()))["step"] == 3 * len(loader)
    loader.load_state_dict(loader.state_dict() | {"step": three})
    assert type(loader.step) is int
    assert loader.step == 3
    many = Loader({"a": Source(*source)}, schedule=Schedule([Phase(steps=9)]), batch_sequences=three)
    many.set_weights({"a": np.float32(0.5)}, from_step=three)
    assert through_json(many.state_dict())["events"] == [[3, {"a": 0.5}]]


@pytest.mark.parametrize("step", ["1", 5.7, None, [1], float("nan"), float("inf")])
def test_steps_that_are_none_are_refused(source, step):
    loader = Loader(*source, batch_sequences=8)
    with pytest.raises(ValueError, match="step"):
        loader.load_state_dict(loader.state_dict() | {"step": step})
    if step is not None:
        with pytest.raises(ValueError, match="step must be a whole number"):
            loader.state_dict(step)
    with pytest.raises(ValueError, match="step must be a whole number"):
        loader.seek(step)
    with pytest.raises(ValueError, match="epoch must be a whole number"):
        loader.set_epoch(step)
    assert loader.step == 0


def test_steps_that_are_not_there_are_refused(source):
    loader = Loader(*source, batch_sequences=8, epochs=1)
    for step in (-1, len(loader) + 1, 2**70):
        with pytest.raises(IndexError, match="step"):
            loader.state_dict(step)
        with pytest.raises(ValueError, match=r"does not fit.*step|field 'step' must be"):
            loader.load_state_dict(loader.state_dict() | {"step": step})
    for order in (None, 3, [], "x"):
        with pytest.raises(ValueError, match="no state"):
            loader.load_state_dict(loader.state_dict() | {"order": order})
    with pytest.raises(IndexError, match="of an endless loader"):
        Loader(*source, batch_sequences=8).batch_at(2**62)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Phase(tokens=float("inf")), "tokens of a phase must be a finite number"),
        (lambda: Phase(tokens="5"), "tokens of a phase must be a finite number, got '5'"),
        (lambda: Phase(fraction=float("nan")), "fraction of a phase"),
        (lambda: Phase(steps=1, weights={"a": "1"}), "the weight of 'a' must be a finite number"),
        (lambda: Phase(steps=1, weights={"a": np.ones(2)}), "the weight of 'a'"),
        (lambda: Phase(steps=1, weights={1: 1}), "names of sources, got 1"),
        (lambda: Phase(steps=1, weights=[1, 2]), "names of sources"),
        (lambda: Phase(steps=1, weights={"a": 1e308, "b": 1e308}), "add up"),
        (lambda: Phase(steps=1, max_epochs={"a": None}), "max_epochs of 'a'"),
        (lambda: Phase(steps=1, curriculum={"p2": 1}), "a length of curriculum"),
        (lambda: Phase(steps=1, curriculum={16: "x"}), "curriculum of 16"),
        (lambda: Phase(steps=1, length_shares={16: -1}), "length_shares must be from 0 up"),
        (lambda: Phase(steps=2.5), "steps must be a whole number"),
        (lambda: ShapeCycle([64.5]), "long of a ShapeCycle must be a whole number"),
        (lambda: ShapeCycle([64], [0]), "not divisible by 0"),
        (lambda: ShapeCycle([64], long_cycles="2"), "long_cycles must be a whole number"),
        (lambda: Schedule([Phase(fraction=1)], total_tokens=float("inf")), "total_tokens"),
        (
            lambda: Schedule([Phase(fraction=1)], total_tokens=-5),
            "total_tokens of a schedule must be positive",
        ),
    ],
)
def test_what_is_no_number_is_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"schedule": Schedule([Phase(tokens=1e30)]), "batch_sequences": 8}, "phase 0 has .* steps of 512"),
        ({"schedule": Schedule([Phase(steps=2**60)]), "batch_sequences": 8}, "phase 0 has .* can be counted"),
        ({"batch_sequences": 2**40}, r"batch_sequences=1099511627776 makes .* at most 2\*\*31 - 1"),
        ({"batch_tokens": 64 * 10**20}, "batch_tokens=.*sequences"),
        ({"batch_sequences": 2**31 - 1}, "GiB, more than the .*make the global batch smaller"),
        ({"batch_sequences": 8, "pad_id": -100}, "pad_id must be an id from 0 to 59999"),
        ({"batch_sequences": 8, "pad_id": 10**7}, "pad_id must be an id from 0 to 59999"),
        ({"batch_sequences": 8, "pad_id": 2**40 + 7, "dtype": "int32"}, r"pad_id must be less than 2\*\*31"),
        ({"batch_sequences": 8, "pad_id": 60_000}, "pad_id"),
        ({"batch_sequences": 8, "pad_id": "0"}, "pad_id must be a whole number"),
        ({"batch_sequences": 8, "layout": "varlen", "pad_to": 2**40}, "pad_to must be less than"),
        ({"batch_sequences": 8, "locality": 2**70}, "locality"),
    ],
)
def test_sizes_out_of_range_are_refused_by_name(source, options, message):
    with pytest.raises(ValueError, match=message):
        Loader(Source(*source), **options)


def test_a_schedule_of_plain_values_is_refused_by_name(source):
    with pytest.raises(TypeError, match="from_dict takes plain values"):
        Loader(Source(*source), batch_sequences=8, schedule={"phases": [{"steps": 3}]})


def test_padding_ids_may_be_numpys(source):
    loader = Loader(*source, batch_sequences=8, pad_id=np.uint16(9))
    batch = loader.batch_at(len(loader) - 1)
    assert set(batch.input_ids[batch.segment_ids == 0].tolist()) == {9}
    assert pypack.pack(source[0].lengths, np.float32(64)).sequence_length == 64


@pytest.mark.parametrize("option", ["num_threads", "seed", "prefetch", "epochs", "locality"])
def test_options_of_a_loader_are_plain_numbers(source, option):
    """Those that a kernel takes, too: it would speak of constructor arguments."""
    expected = Loader(*source, batch_sequences=4, **{option: 2}).batch_at(1)
    for given in (2.0, np.int64(2), np.float32(2), np.array(2)):
        loader = Loader(*source, batch_sequences=np.int16(4), **{option: given})
        assert loader.batch_at(1) == expected
        assert json.loads(json.dumps(loader.state_dict())) == loader.state_dict()
    for wrong in ("2", 2.5, [2]):
        with pytest.raises(ValueError, match=f"{option} must be a whole number, got"):
            Loader(*source, batch_sequences=4, **{option: wrong})


@pytest.mark.parametrize("option", ["seed", "cycles", "locality"])
def test_options_that_cannot_be_none_say_so(source, option):
    with pytest.raises(ValueError, match=f"{option} must be a whole number, got None"):
        Loader(*source, batch_sequences=4, **{option: None})
