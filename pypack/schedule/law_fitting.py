"""The constants of the D-CPT law, from losses that were measured in small runs."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import ArrayLike, NDArray

# What fits begin with; of each the best is kept.
_STARTS = tuple(itertools.product((0.2, 0.5), (0.2, 0.5), (0.2, 1.0), (0.3, 1.0)))
_NAMES = ("e", "a", "b", "c", "alpha", "beta", "gamma", "eta", "epsilon")
_MOST_STEPS = 200

Vector = NDArray[np.float64]


def fit_d_cpt(
    parameters: ArrayLike, tokens: ArrayLike, ratios: ArrayLike, losses: ArrayLike
) -> dict[str, float]:
    """The constants with which `d_cpt_loss` comes nearest to measured losses: the least squares of the
    logarithms of both, from several starts by the method of Levenberg and Marquardt.

        constants = fit_d_cpt(parameters, tokens, ratios, losses)
        loss = d_cpt_loss(7e9, 1e11, 0.3, **constants)

    Ratios, tokens and parameters that hardly vary leave constants undetermined, while the losses between them
    are met: foretell none far from what was measured.

    Args:
        parameters, tokens, ratios: float [n], N, D and r of each run, above 0.
        losses: float [n], above 0.

    Returns:
        The constants by the names of `d_cpt_loss`, all above 0.

    Raises:
        ValueError: there are fewer than 9 runs, as many as constants, or a number is not above 0.
    """
    n, d, r, measured = (
        np.asarray(values, np.float64).ravel() for values in (parameters, tokens, ratios, losses)
    )
    if not len(n) == len(d) == len(r) == len(measured) >= len(_NAMES):
        raise ValueError(
            f"there must be as many parameters, tokens, ratios and losses, {len(_NAMES)} at least; there are "
            f"{len(n)}, {len(d)}, {len(r)} and {len(measured)}"
        )
    for name, values in (("parameters", n), ("tokens", d), ("ratios", r), ("losses", measured)):
        if not (np.isfinite(values).all() and (values > 0).all()):
            raise ValueError(f"{name} must be finite and above 0")
    # Around their means, so that A and B do not depend on the exponents.
    scale_n, scale_d = float(np.exp(np.log(n).mean())), float(np.exp(np.log(d).mean()))
    best: tuple[float, Vector] | None = None
    for alpha, beta, gamma, eta in _STARTS:
        level = measured.min()
        start = np.log([0.6 * level, 0.1 * level, 0.1 * level, 0.1 * level, alpha, beta, gamma, eta, 0.1])
        found = _fitted(start, np.log(n / scale_n), np.log(d / scale_d), r, np.log(measured))
        if best is None or found[0] < best[0]:
            best = found
    assert best is not None
    constants = dict(zip(_NAMES, np.exp(best[1]).tolist(), strict=True))
    constants["a"] *= scale_n ** constants["alpha"]
    constants["b"] *= scale_d ** constants["beta"]
    return constants


def _fitted(theta: Vector, n: Vector, d: Vector, r: Vector, losses: Vector) -> tuple[float, Vector]:
    """(sum of squares, logarithms of the constants)."""
    damping = 1e-2
    errors, slopes = _errors(theta, n, d, r, losses)
    total = float(errors @ errors)
    for _ in range(_MOST_STEPS):
        normal = slopes.T @ slopes
        step = np.linalg.solve(
            normal + damping * (np.diag(np.diag(normal)) + 1e-12 * np.eye(len(theta))), slopes.T @ errors
        )
        tried = np.clip(theta - step, -30, 30)
        new_errors, new_slopes = _errors(tried, n, d, r, losses)
        new_total = float(new_errors @ new_errors)
        if new_total < total:
            is_done = total - new_total < 1e-12 * total
            theta, errors, slopes, total = tried, new_errors, new_slopes, new_total
            damping = max(damping / 4, 1e-12)
            if is_done:
                break
        else:
            damping *= 4
            if damping > 1e12:
                break
    return total, theta


def _errors(theta: Vector, n: Vector, d: Vector, r: Vector, losses: Vector) -> tuple[Vector, Vector]:
    """Of the logarithms of the losses, and their slopes by the logarithms of the constants; n and d are
    logarithms, too."""
    e, a, b, c, alpha, beta, gamma, eta, epsilon = np.exp(theta)
    of_n, of_d = a * np.exp(-alpha * n), b * r**eta * np.exp(-beta * d)
    of_r = c / (r + epsilon) ** gamma
    loss = e + of_n + of_d + of_r
    slopes = np.stack(
        [
            np.full_like(loss, e),
            of_n,
            of_d,
            of_r,
            -alpha * n * of_n,
            -beta * d * of_d,
            -gamma * np.log(r + epsilon) * of_r,
            eta * np.log(r) * of_d,
            -gamma * epsilon / (r + epsilon) * of_r,
        ],
        axis=1,
    )
    return np.log(loss) - losses, slopes / loss[:, None]
