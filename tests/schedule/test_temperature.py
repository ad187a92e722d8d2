"""Weights by temperature."""

from __future__ import annotations

import pytest
from fixtures.loader_data import make_source

from pypack import Loader, Phase, Schedule, Source
from pypack.schedule.schedule import temperature_weights


@pytest.fixture(scope="module")
def languages(tmp_path_factory):
    path = tmp_path_factory.mktemp("languages")
    return {
        name: Source(*make_source(path / f"{name}.store", documents=n, sequence_length=32))
        for name, n in (("en", 400), ("de", 100), ("is", 10))
    }


def test_weights_go_from_natural_to_equal(languages):
    tokens = {name: source.plan.num_tokens for name, source in languages.items()}
    total = sum(tokens.values())
    assert temperature_weights(languages, 1) == pytest.approx({n: t / total for n, t in tokens.items()})
    flat = temperature_weights(languages, 1e9)
    assert flat == pytest.approx(dict.fromkeys(languages, 1 / 3))
    weights = temperature_weights(languages, 5)
    assert sum(weights.values()) == pytest.approx(1)
    assert weights["en"] / weights["is"] == pytest.approx((tokens["en"] / tokens["is"]) ** 0.2)
    loader = Loader(languages, schedule=Schedule([Phase(steps=50, weights=weights)]), batch_sequences=8)
    drawn = {name: count for (name, _), count in loader.order.drawn(50).items()}
    assert drawn == pytest.approx({name: 400 * w for name, w in weights.items()}, abs=1)


def test_errors(languages):
    for temperature in (0, -1, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="temperature must be above 0"):
            temperature_weights(languages, temperature)
    with pytest.raises(ValueError, match="at least one source"):
        temperature_weights({}, 2)
