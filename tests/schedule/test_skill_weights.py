"""Skill-It's update, against the start weights of its own experiments (arXiv 2307.14430)."""

from __future__ import annotations

import numpy as np
import pytest

from pypack.schedule.schedule import skill_it


def test_start_weights_of_the_papers_experiments():
    lego = np.eye(5)
    lego[1, [0, 2, 3]] = 0.5
    names = list("abcde")
    weights = skill_it(lego, [], names, eta=0.5)
    np.testing.assert_allclose(list(weights.values()), [0.1635, 0.3461, 0.1635, 0.1635, 0.1635], atol=5e-5)
    addition = np.eye(3)
    addition[1, 0] = 0.5
    weights = skill_it(addition, [], names[:3], eta=0.1)
    np.testing.assert_allclose(list(weights.values()), [0.3277, 0.3445, 0.3277], atol=6e-5)


def test_the_last_evaluations_count():
    losses = [{"a": 9.0, "b": 9.0}, {"a": 2.0, "b": 1.0}, {"a": 3.0, "b": 1.0}]
    weights = skill_it(np.eye(2), losses, ["a", "b"], eta=0.2, window=2, prior={"a": 1, "b": 3})
    odds = np.array([1 * np.exp(0.2 * 5), 3 * np.exp(0.2 * 2)])
    np.testing.assert_allclose(list(weights.values()), odds / odds.sum())
    relative = skill_it(np.eye(2), losses, ["a", "b"], eta=1.0, window=1, relative=True)
    np.testing.assert_allclose(relative["a"] / relative["b"], np.exp(3 / 9 - 1 / 9))
    only = skill_it([[1.0], [0.5]], [{"t": 2.0}], ["a", "b"], targets=["t"], eta=1.0)
    np.testing.assert_allclose(only["a"] / only["b"], np.exp(1.0))


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match=r"must be \[2, 2\], is \[3, 3\]"):
        skill_it(np.eye(3), [], ["a", "b"])
    with pytest.raises(ValueError, match="evaluation 0 has no finite loss of 'b'"):
        skill_it(np.eye(2), [{"a": 1.0}], ["a", "b"])
    with pytest.raises(ValueError, match="window"):
        skill_it(np.eye(2), [], ["a", "b"], window=0)
