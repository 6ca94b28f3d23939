"""Mixed latent functions from Python."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

import coregion as cg
from coregion import kernels, mixings, tasks


def table(gaps=0):
    rng = np.random.default_rng(0)
    X = np.sort(rng.uniform(0.0, 6.0, 25))[:, None]
    G = np.column_stack([np.sin(X[:, 0]), np.cos(3.0 * X[:, 0])])
    Y = G @ rng.normal(size=(2, 5)) + 0.1 * rng.normal(size=(25, 5))
    Y.flat[rng.choice(Y.size, gaps, replace=False)] = np.nan
    return X, Y


ALL = [
    mixings.Orthogonal(latents=2),
    mixings.Orthogonal(latents=2, latent_noise=True),
    mixings.Projected(latents=2),
]


@pytest.mark.parametrize("mixing", ALL, ids=repr)
@pytest.mark.parametrize("gaps", [0, 6])
def test_likelihood_and_predictions_are_those_of_the_dense_covariance(mixing, gaps):
    X, Y = table(gaps)
    # Held means: those that are estimated are uncertain, and the formulas below have no part for it.
    gp = cg.MultiTaskGP(kernel=kernels.RBF(), mixing=mixing, mean="training", max_iter=1000).fit(X, Y)
    assert gp.report_.solver == "mixed"
    assert gp.report_.exact
    H, p = gp.mixing_, gp.parameters_
    assert H.shape == (5, 2)
    assert_allclose(gp.task_covariance_, H @ H.T, atol=1e-12)
    assert_allclose(sum(gp.task_covariances_), H @ H.T, atol=1e-12)

    def kernel(q, a, b):
        scale = p[f"terms[{q}].kernel.lengthscale"]
        return np.exp(-0.5 * ((a - b.T) / scale) ** 2)

    def latent(a, b):
        return sum(np.kron(kernel(q, a, b), np.outer(H[:, q], H[:, q])) for q in range(2))

    whole = latent(X, X) + np.kron(np.eye(25), gp.noise_covariance_)
    y = (Y - p["mean.offset"]).ravel()
    seen = ~np.isnan(y)
    A, r = whole[np.ix_(seen, seen)], y[seen]
    value = -0.5 * (r @ np.linalg.solve(A, r) + np.linalg.slogdet(A)[1] + seen.sum() * np.log(2.0 * np.pi))
    assert_allclose(gp.log_marginal_likelihood_, value, rtol=1e-8)
    Xs = np.array([[0.5], [2.2], [7.0]])
    cross = latent(Xs, X)[:, seen]
    mean, cov = gp.predict(Xs, return_cov=True)
    assert_allclose(mean, (cross @ np.linalg.solve(A, r)).reshape(3, 5) + p["mean.offset"], atol=1e-8)
    expected = latent(Xs, Xs) - cross @ np.linalg.solve(A, cross.T)
    assert_allclose(cov.reshape(15, 15), expected, atol=1e-8)


def test_kernels_of_their_own_and_files(tmp_path):
    X, Y = table()
    own = [kernels.RBF(), kernels.Matern32()]
    gp = cg.MultiTaskGP(kernel=own, mixing=mixings.Orthogonal(latents=2, latent_noise=False)).fit(X, Y)
    gp.save(tmp_path / "model.safetensors")
    again = cg.load(tmp_path / "model.safetensors")
    assert_allclose(again.predict(X), gp.predict(X), rtol=1e-12)
    assert_allclose(again.mixing_, gp.mixing_, rtol=1e-12)
    assert [type(k).__name__ for k in again.kernel] == ["RBF", "Matern32"]
    assert type(again.mixing).__name__ == "Orthogonal"


def test_what_does_not_go_together_is_refused():
    X, Y = table()
    mixing = mixings.Projected(latents=2)
    with pytest.raises(cg.IncompatibleError, match="mixing"):
        cg.MultiTaskGP(mixing=mixing, task=tasks.LowRank()).fit(X, Y)
    with pytest.raises(cg.IncompatibleError, match="mixing"):
        cg.MultiTaskGP(mixing=mixing, terms=[(kernels.RBF(), tasks.LowRank())]).fit(X, Y)
    with pytest.raises(ValueError, match="mixing"):
        cg.MultiTaskGP(mixing="orthogonal").fit(X, Y)
    with pytest.raises(ValueError, match="from 1 to 5"):
        cg.MultiTaskGP(mixing=mixings.Orthogonal(latents=6)).fit(X, Y)
    with pytest.raises(ValueError, match="found a list of 1, expected 2"):
        cg.MultiTaskGP(kernel=[kernels.RBF()], mixing=mixings.Orthogonal(latents=2)).fit(X, Y)
    with pytest.warns(cg.exceptions.DataWarning, match=r"held without a value given.*mixing\.strength"):
        cg.MultiTaskGP(mixing=mixings.Orthogonal(latents=2, fixed=["strength"])).fit(X, Y)
    plain = cg.MultiTaskGP(kernels.RBF(1.0), tasks.Diagonal(np.ones(5)), np.ones(5), optimizer=None)
    assert plain.fit(X, Y).mixing_ is None
