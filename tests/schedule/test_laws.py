"""Laws in closed form: the figures that the papers and their code give."""

import itertools
import json
import math

import numpy as np
import pytest
from fixtures.places import ROOT

from pypack.schedule import (
    critical_mixture_ratio,
    d_cpt_loss,
    effective_tokens,
    fit_d_cpt,
    largest_ratio_within,
    rehydration_repeats,
    replay_cost,
    stepped_repeats,
)
from pypack.schedule.laws import run_lengths


@pytest.mark.parametrize(("most", "documents"), [(10, 965_462_863), (5, 555_583_875), (3, 392_256_722)])
def test_rehydration_of_italian_gives_the_totals_of_fineweb2(most, documents):
    known = json.loads((ROOT / "tests/golden/rehydration/ita_Latn.json").read_text())
    counts = np.array(known["documents"])
    assert (len(counts), counts.sum()) == (173, 238_984_437)
    repeats = rehydration_repeats(known["removal_rates"], known["overall_rate"], most)
    assert (counts * repeats).sum() == documents
    if most == 10:
        runs = run_lengths(repeats)
        assert runs[:3] == [(0, 1), (1, 3), (2, 4)]
        assert max(times for _, times in runs) == 10
        # By cluster size, which counts from 1: the borders 76 and 122.
        assert {76, 122} <= {first + 1 for first, _ in runs}


def test_repeats_by_steps():
    steps = {1: 1, 2: 2, 3: 3, 5: 5, 100: 8, 1000: 1}
    assert stepped_repeats([1, 2, 4, 5, 99, 100, 999, 5000], steps).tolist() == [1, 2, 3, 5, 5, 8, 8, 1]
    with pytest.raises(ValueError, match="begin at the smallest cluster"):
        stepped_repeats([1], {2: 2})


@pytest.mark.parametrize(
    ("model", "percent"), [("460M", 29.8), ("940M", 34.9), ("1.6B", 41.4), ("3.1B", 47.8)]
)
def test_critical_mixture_ratios(model, percent):
    assert 100 * critical_mixture_ratio(100 * 0.2e9, model) == pytest.approx(percent, abs=0.05)


def test_wrong_arguments_of_laws_are_refused():
    for call, message in (
        (lambda: critical_mixture_ratio(1e9, "7B"), "one of 460M"),
        (lambda: critical_mixture_ratio(0, "460M"), "above 0"),
        (lambda: rehydration_repeats([], 0.5), "finite numbers"),
        (lambda: rehydration_repeats([0.5], 0.5, smooth=4), "odd number"),
        (lambda: effective_tokens(1, 2, half_life=0), "above 0"),
        (lambda: replay_cost(1), "below 1"),
        (lambda: largest_ratio_within(lambda _: 2.0, 1.0), "above 1.0"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_a_ratio_within_the_limit_of_the_general_loss():
    # The chemistry case: the general loss may rise by 3 % from 2.8602, to 2.9460.
    limit = 1.03 * 2.8602
    assert limit == pytest.approx(2.9460, abs=5e-5)
    shares, losses = [0.9, 0.924, 0.93], [2.9440, 2.9445, 2.9461]  # the last of the table is above it
    found = largest_ratio_within(lambda r: float(np.interp(r, shares, losses)), limit)
    assert 0.924 < found < 0.93
    assert largest_ratio_within(lambda r: r, math.inf) == 1.0
    # Of a table its own shares: 0.924, whose loss the paper gives as 2.9445.
    assert largest_ratio_within(dict(zip(shares, losses, strict=True)), limit) == 0.924
    with pytest.raises(ValueError, match="at all 3 shares"):
        largest_ratio_within(dict(zip(shares, losses, strict=True)), 2.9)


def d_cpt_runs(constants):
    """Small runs: sizes of models, tokens, shares, and the losses that the law gives them."""
    runs = np.array(
        list(itertools.product([1e8, 5e8, 1e9, 4e9], [1e9, 5e9, 2e10], [0.05, 0.1, 0.3, 0.5, 0.8, 1.0]))
    )
    return runs, np.array([d_cpt_loss(*run, **constants) for run in runs.tolist()])


@pytest.mark.parametrize(
    "constants",
    [
        {
            "e": 1.5,
            "a": 400,
            "b": 420,
            "c": 0.3,
            "alpha": 0.34,
            "beta": 0.28,
            "gamma": 0.3,
            "eta": 0.4,
            "epsilon": 0.1,
        },
        {
            "e": 2.0,
            "a": 30,
            "b": 900,
            "c": 0.2,
            "alpha": 0.2,
            "beta": 0.35,
            "gamma": 0.8,
            "eta": 0.2,
            "epsilon": 0.3,
        },
    ],
)
def test_the_d_cpt_law_is_fitted(constants):
    runs, losses = d_cpt_runs(constants)
    found = fit_d_cpt(*runs.T, losses)
    assert set(found) == set(constants)
    met = [d_cpt_loss(*run, **found) for run in runs.tolist()]
    np.testing.assert_allclose(met, losses, rtol=2e-4)
    ahead = (8e9, 5e10, 0.6)  # beyond all runs
    assert d_cpt_loss(*ahead, **found) == pytest.approx(d_cpt_loss(*ahead, **constants), rel=3e-3)
    noisy = losses * (1 + 1e-3 * np.random.default_rng(0).standard_normal(len(losses)))
    by_noisy = fit_d_cpt(*runs.T, noisy)
    np.testing.assert_allclose([d_cpt_loss(*run, **by_noisy) for run in runs.tolist()], losses, rtol=3e-3)


def test_what_cannot_be_fitted_is_refused():
    runs, losses = d_cpt_runs(
        {
            "e": 1.5,
            "a": 400,
            "b": 420,
            "c": 0.3,
            "alpha": 0.34,
            "beta": 0.28,
            "gamma": 0.3,
            "eta": 0.4,
            "epsilon": 0.1,
        }
    )
    with pytest.raises(ValueError, match="9 at least; there are 8, 8, 8 and 8"):
        fit_d_cpt(*runs[:8].T, losses[:8])
    with pytest.raises(ValueError, match="ratios must be finite and above 0"):
        fit_d_cpt(runs[:, 0], runs[:, 1], runs[:, 2] * 0, losses)


def test_the_loss_by_the_d_cpt_law():
    constants = {"e": 1.5, "a": 400.0, "b": 420.0, "c": 0.05, "alpha": 0.34, "beta": 0.28}
    found = d_cpt_loss(1e9, 2e10, 0.3, **constants, gamma=0.3, eta=0.4, epsilon=0.1)
    assert found == pytest.approx(1.5 + 400 / 1e9**0.34 + 420 * 0.3**0.4 / 2e10**0.28 + 0.05 / 0.4**0.3)


def test_repeated_data_saturates():
    assert effective_tokens(100, 1) == 100
    assert effective_tokens(100, 0.5) == 50
    assert effective_tokens(100, 4) == pytest.approx(100 + 100 * 15 * (1 - math.exp(-3 / 15)))
    assert effective_tokens(100, 4) > 0.9 * 400 * 0.9  # four epochs are nearly as good as fresh tokens
    assert effective_tokens(1, 1e9) == pytest.approx(16)


def test_replay_costs():
    assert replay_cost(0.25) == pytest.approx(4 / 3)
    assert replay_cost(0.5) == 2
