"""Task covariances from descriptors, and tasks that were not seen."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import coregion as cg
from coregion.kernels import RBF, Linear, Matern32
from coregion.tasks import Diagonal, Kernel


def places(t: int = 5) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(t, 2)) * [1.0, 30.0] + [0.0, 100.0]


def table(n: int = 14, t: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    X = np.sort(rng.normal(size=(n, 1)), axis=0)
    load = np.linspace(0.5, 1.5, t)
    return X, np.sin(2.0 * X) * load + 0.2 * rng.normal(size=(n, t)) + 3.0 * load


def matern32(a: np.ndarray, b: np.ndarray, lengthscale: np.ndarray) -> np.ndarray:
    r = np.sqrt(3.0 * ((((a[:, None] - b[None]) / lengthscale) ** 2).sum(-1)))
    return (1.0 + r) * np.exp(-r)


def test_likelihood_and_unseen_tasks_equal_the_dense_formulas() -> None:
    (X, Y), Z = table(), places()
    gp = cg.MultiTaskGP(RBF(), Kernel(Matern32(), Z, diagonal=True), "shared", mean="training").fit(X, Y)
    assert gp.report_.solver == "kronecker"
    p = gp.parameters_
    variance, diagonal = float(p["terms[0].task.variance"]), float(p["terms[0].task.diagonal"])
    scale = p["terms[0].task.kernel.lengthscale"]
    noise = float(p["noise.variance"])

    def k(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.exp(-0.5 * ((a - b.T) / p["terms[0].kernel.lengthscale"]) ** 2)

    B = variance * matern32(Z, Z, scale) + diagonal * np.eye(len(Z))
    np.testing.assert_allclose(gp.task_covariance_, B, rtol=1e-12)
    C = np.kron(k(X, X), B) + noise * np.eye(Y.size)
    r = (Y - Y.mean(axis=0)).ravel()
    value = -0.5 * (r @ np.linalg.solve(C, r) + np.linalg.slogdet(C)[1] + r.size * np.log(2.0 * np.pi))
    assert gp.log_marginal_likelihood_ == pytest.approx(value, rel=1e-8)

    Xs, Zs = np.array([[0.1], [0.7], [-2.5]]), np.array([[0.3, 90.0], [-1.0, 130.0]])
    cross = np.kron(k(Xs, X), variance * matern32(Zs, Z, scale))
    function = (cross @ np.linalg.solve(C, r)).reshape(3, 2)
    explained = (cross * np.linalg.solve(C, cross.T).T).sum(axis=1).reshape(3, 2)
    # The mean of a new task: ordinary kriging under B, a millionth of its diagonal added.
    R = B / np.trace(B) * len(B) + 1e-6 * np.eye(len(B))
    cross_r = variance * matern32(Z, Zs, scale) / np.trace(B) * len(B)
    own = (variance + diagonal) / np.trace(B) * len(B) + 1e-6
    border = np.block([[R, np.ones((5, 1))], [np.ones((1, 5)), np.zeros((1, 1))]])
    solved = np.linalg.solve(border, np.vstack([cross_r, np.ones((1, 2))]))
    weights, lagrange = solved[:5], solved[5]
    m = Y.mean(axis=0)
    mu = np.linalg.solve(R, m).sum() / np.linalg.solve(R, np.ones(5)).sum()
    spread = (m - mu) @ np.linalg.solve(R, m - mu) / 4.0
    error = spread * (own - (weights * cross_r).sum(axis=0) - lagrange)
    mean, std = gp.predict(Xs, task_features=Zs, return_std=True)
    np.testing.assert_allclose(mean, function + m @ weights, rtol=1e-8)
    np.testing.assert_allclose(std**2, variance + diagonal - explained + error, rtol=1e-8)
    _, observed = gp.predict(Xs, task_features=Zs, return_std=True, include_noise=True)
    np.testing.assert_allclose(observed**2, std**2 + noise, rtol=1e-10)
    low, high = np.moveaxis(gp.predict(Xs, task_features=Zs, quantiles=[0.1, 0.9]), -1, 0)
    np.testing.assert_allclose(high - low, 2.0 * 1.2815515655446004 * std, rtol=1e-10)


def test_a_task_asked_for_again_is_predicted_as_it_is() -> None:
    (X, Y), Z = table(), places()
    gp = cg.MultiTaskGP(RBF(), Kernel(Matern32(), Z)).fit(X, Y)
    again, seen = gp.predict(X, task_features=Z, return_std=True), gp.predict(X, return_std=True)
    for a, b in zip(again, seen):
        np.testing.assert_allclose(a, b, rtol=1e-8)


def test_descriptions_hold_what_was_learned(tmp_path: object) -> None:
    (X, Y), Z = table(), places()
    frame = pd.DataFrame(Z, columns=["east", "north"])
    task = Kernel(Matern32().on(["north"]) + 0.5 * Linear().on(["east"]), frame, diagonal=True)
    assert task.get_params()["kernel__k1__kernel"] == Matern32()
    gp = cg.MultiTaskGP(RBF(), task, "shared").fit(X, Y)
    learned = gp.task_
    assert isinstance(learned, Kernel)
    assert learned.variance == float(gp.parameters_["terms[0].task.variance"])
    np.testing.assert_array_equal(learned.features, Z)
    path = tmp_path / "model.cgn"  # type: ignore[operator]
    gp.save(path)
    assert cg.load(path).task_ == learned
    held = cg.MultiTaskGP(gp.kernel_, learned, gp.noise_covariance_, optimizer=None).fit(X, Y)
    assert held.log_marginal_likelihood_ == pytest.approx(gp.log_marginal_likelihood_, rel=1e-10)


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (Kernel(RBF(), places(4)), r"Kernel.features: found shape \(4, 2\), expected 5 rows"),
        (Kernel(RBF(), np.zeros((5, 0))), r"Kernel.features: found shape \(5, 0\)"),
        (Kernel(RBF(), np.full((5, 1), np.nan)), "Kernel.features: found NaN"),
        (Kernel(RBF(), np.zeros(5)), "Kernel.features"),
        (Kernel(RBF(), places(), diagonal=-1.0), "Kernel.diagonal: found -1"),
        (Kernel(RBF(), places(), diagonal="on"), "Kernel.diagonal"),  # type: ignore[arg-type]
        (Kernel("RBF", places()), "Kernel.kernel: found 'RBF'"),  # type: ignore[arg-type]
        (Kernel(RBF().on(["lat"]), places()), "'lat'"),
        (Kernel(RBF(), places(), fixed=["kernel.period"]), "kernel.period"),
    ],
)
def test_what_does_not_fit_is_refused(task: Kernel, words: str) -> None:
    X, Y = table()
    with pytest.raises(ValueError, match=words):
        cg.MultiTaskGP(RBF(), task).fit(X, Y)


def test_kinds_of_answers_that_exclude_each_other() -> None:
    (X, Y), Z = table(), places()
    gp = cg.MultiTaskGP(RBF(), Kernel(Matern32(), Z)).fit(X, Y)
    for other in ({"tasks": [0] * len(X)}, {"given": np.full(Y.shape, np.nan)}, {"return_cov": True}):
        with pytest.raises(ValueError, match="task_features and"):
            gp.predict(X, task_features=Z, **other)
    with pytest.raises(ValueError, match="do not share"):
        gp.predict(X, task_features=Z, return_std=True, include_noise=True)
    with pytest.raises(ValueError, match="task_features: found 1 columns, expected 2"):
        gp.predict(X, task_features=Z[:, :1])
    with pytest.raises(ValueError, match="does not follow from descriptors"):
        cg.MultiTaskGP(RBF(), Diagonal()).fit(X, Y).predict(X, task_features=Z)
