"""Arrays whose entries do not stand side by side in memory are read right, wherever they go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import coregion as cg
from coregion import _core, kernels, tasks


def packed(a: np.ndarray) -> np.ndarray:
    """In records of twelve bytes, so that no entry but the first is aligned."""
    records = np.zeros(a.shape, dtype=[("flag", "f4"), ("value", "f8")])
    records["value"] = a
    return records["value"]


def shifted(a: np.ndarray) -> np.ndarray:
    """One byte off."""
    return np.frombuffer(b"\0" + a.tobytes(), dtype=np.float64, offset=1).reshape(a.shape)


def reversed_twice(a: np.ndarray) -> np.ndarray:
    """With negative strides."""
    return a[tuple(slice(None, None, -1) for _ in a.shape)].copy()[
        tuple(slice(None, None, -1) for _ in a.shape)
    ]


FORMS: dict[str, Callable[[np.ndarray], Any]] = {
    "packed": packed,
    "shifted": shifted,
    "negative strides": reversed_twice,
    "big endian": lambda a: a.astype(">f8"),
    "Fortran": np.asfortranarray,
    "every other": lambda a: np.repeat(a, 2, axis=0)[::2],
    "broadcast": lambda a: np.broadcast_to(a, a.shape),
}


@pytest.mark.filterwarnings("ignore::coregion.exceptions.CoregionWarning")
@pytest.mark.parametrize("form", FORMS)
def test_answers_do_not_depend_on_the_memory(form: str) -> None:
    other = FORMS[form]
    rng = np.random.default_rng(4)
    X, Y, V = rng.normal(size=(12, 2)), rng.normal(size=(12, 2)), rng.uniform(0.1, 0.2, size=(12, 2))
    B, noise = np.array([[1.0, 0.3], [0.3, 2.0]]), np.array([0.2, 0.3])
    Xs, given = X[:5] + 0.1, np.where(np.arange(10).reshape(5, 2) % 3, np.nan, 0.4)
    assert np.array_equal(other(X), X)

    def answers(form: Callable[[np.ndarray], Any]) -> list[np.ndarray]:
        gp = cg.MultiTaskGP(
            kernels.RBF(lengthscale=form(np.array([0.8, 1.1]))),
            tasks.Fixed(form(B)),
            form(noise),
            mean=form(np.array([0.1, 0.2])),
            optimizer=None,
        ).fit(form(X), form(Y), noise_variance=form(V))
        kr = cg.MultiTaskKernelRidge(kernels.RBF(lengthscale=1.0), alphas=form(np.array([0.1, 1.0])))
        kr.fit(form(X), form(Y), sample_weight=form(np.linspace(1.0, 2.0, 12)))
        path = "terms[0].kernel.lengthscale"
        return [
            *gp.predict(form(Xs), return_std=True),
            gp.predict(form(Xs), given=form(given)),
            gp.predict(form(Xs), quantiles=form(np.array([0.1, 0.9]))),
            gp.condition(form(Xs), form(Xs), noise_variance=form(V[:5])).predict(form(X)),
            np.array(gp.log_marginal_likelihood({path: form(np.array([0.5, 0.6]))})),
            gp.k_fold(np.arange(12) % 3)[0],
            kr.predict(form(Xs)),
            np.array(gp.score(form(X), form(Y))),
            np.array(cg.metrics.rmse(form(Y), form(X))),
            kernels.RBF(lengthscale=1.0)(form(X), form(Xs)),
        ]

    for found, expected in zip(answers(other), answers(np.ascontiguousarray)):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


def test_the_core_refuses_what_it_cannot_read_in_place() -> None:
    with pytest.raises(TypeError, match="not aligned"):
        _core.Dataset.table(packed(np.ones((3, 1))), np.ones((3, 1)))
