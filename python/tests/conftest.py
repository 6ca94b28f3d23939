"""Small data sets that the tests share."""

from __future__ import annotations

import numpy as np
import pytest

import coregion as cg


def table(n: int = 30, seed: int = 0, n_columns: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """X (n, 2) and Y (n, 2), two tasks that share a signal, on scales of their own."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0.0, 6.0, (n, n_columns))
    signal, own = np.sin(x[:, 0]), np.cos(x[:, -1])
    y = np.column_stack([signal, 10.0 - 5.0 * signal + 3.0 * own]) + rng.normal(size=(n, 2)) * [0.1, 0.6]
    return x, y


def evaluated(n_tasks: int, lengthscale: float = 1.0) -> cg.MultiTaskGP:
    """A model of which nothing is learned."""
    return cg.MultiTaskGP(
        cg.kernels.RBF(lengthscale=lengthscale),
        cg.tasks.FreeForm(np.eye(n_tasks) + 0.5),
        noise=np.full(n_tasks, 0.1),
        optimizer=None,
    )


@pytest.fixture
def xy() -> tuple[np.ndarray, np.ndarray]:
    return table()


@pytest.fixture(scope="session")
def gp() -> cg.MultiTaskGP:
    """A fitted model of two tasks."""
    x, y = table()
    return cg.MultiTaskGP(cg.kernels.Matern52(), cg.tasks.FreeForm()).fit(x, y)


@pytest.fixture
def given() -> cg.MultiTaskGP:
    """A model that is evaluated at values given."""
    return cg.MultiTaskGP(
        cg.kernels.RBF(lengthscale=[0.7, 1.2]),
        cg.tasks.FreeForm([[1.0, 0.4], [0.4, 2.0]]),
        noise=np.array([0.1, 0.2]),
        optimizer=None,
        normalize_x=False,
        normalize_y=False,
        mean="zero",
    )
