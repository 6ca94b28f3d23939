"""Sums of separable terms from Python: what they say, what they refuse, and how they are kept."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import coregion as cg
from coregion import kernels, tasks

Floats = NDArray[np.float64]
SLOW, FAST = "terms[0].kernel.lengthscale", "terms[1].kernel.lengthscale"


def rbf(a: Floats, b: Floats, scale: float) -> Floats:
    k: Floats = np.exp(-0.5 * ((a[:, None, 0] - b[None, :, 0]) / scale) ** 2)
    return k


def table(n: int = 60, gaps: int = 0) -> tuple[Floats, Floats]:
    """A slow function that three tasks share, the third with the other sign, and a fast one of each."""
    rng = np.random.default_rng(4)
    X = np.linspace(0.0, 12.0, n)[:, None]

    def draw(scale: float, count: int) -> Floats:
        root = np.linalg.cholesky(rbf(X, X, scale) + 1e-8 * np.eye(n))
        drawn: Floats = root @ rng.normal(size=(n, count))
        return drawn

    Y = draw(2.5, 1) * [1.0, 0.8, -0.9] + draw(0.3, 3) * [0.5, 0.4, 0.6] + 0.1 * rng.normal(size=(n, 3))
    Y[rng.integers(n, size=gaps), rng.integers(3, size=gaps)] = np.nan
    return X, Y


def terms() -> list[tuple[kernels.Kernel, tasks.Task]]:
    """A shared function and one of each task."""
    return [(kernels.RBF(), tasks.LowRank(rank=1)), (kernels.RBF(), tasks.Diagonal())]


def given() -> list[tuple[kernels.Kernel, tasks.Task]]:
    """Two terms with all their values."""
    factor = tasks.LowRank(rank=1, W=[[1.0], [0.8], [-0.9]], kappa=[0.05, 0.1, 0.2])
    return [(kernels.RBF(2.0), factor), (kernels.RBF(0.4), tasks.FreeForm(0.2 * np.eye(3) + 0.05))]


def evaluated(pairs: list[tuple[Any, Any]], **settings: Any) -> cg.MultiTaskGP:
    """A model of the terms given at the values they have."""
    kept = {"normalize_x": False, "normalize_y": False, "mean": "zero", "optimizer": None}
    return cg.MultiTaskGP(terms=pairs, noise=[0.01, 0.02, 0.03], **(kept | settings))


@pytest.fixture(scope="module")
def fitted() -> cg.MultiTaskGP:
    return cg.MultiTaskGP(terms=terms()).fit(*table())


@pytest.mark.parametrize("gaps", [0, 5])
def test_answers_are_those_of_the_dense_covariance(gaps: int) -> None:
    X, Y = table(gaps=gaps)
    gp = evaluated(given()).fit(X, Y)
    assert gp.report_.solver == "dense"
    assert gp.report_.exact
    w = np.array([1.0, 0.8, -0.9])
    expected = [np.outer(w, w) + np.diag([0.05, 0.1, 0.2]), 0.2 * np.eye(3) + 0.05]
    for found, b in zip(gp.task_covariances_, expected, strict=True):
        np.testing.assert_allclose(found, b, atol=1e-12)
    np.testing.assert_allclose(gp.task_covariance_, sum(expected), atol=1e-12)

    def function(a: Floats, b: Floats) -> Floats:
        parts = [np.kron(rbf(a, b, scale), B) for scale, B in zip((2.0, 0.4), expected)]
        return np.asarray(parts[0] + parts[1])

    seen = ~np.isnan(Y.ravel())
    r = Y.ravel()[seen]
    C = (function(X, X) + np.kron(np.eye(len(X)), np.diag([0.01, 0.02, 0.03])))[np.ix_(seen, seen)]
    value = -0.5 * (r @ np.linalg.solve(C, r) + np.linalg.slogdet(C)[1] + r.size * np.log(2.0 * np.pi))
    assert gp.log_marginal_likelihood_ == pytest.approx(value, rel=1e-9)
    Xs = np.array([[0.3], [5.05], [13.0]])
    cross = function(Xs, X)[:, seen]
    mean, cov = gp.predict(Xs, return_cov=True)
    np.testing.assert_allclose(mean.ravel(), cross @ np.linalg.solve(C, r), atol=1e-9)
    left = function(Xs, Xs) - cross @ np.linalg.solve(C, cross.T)
    np.testing.assert_allclose(cov.reshape(9, 9), left, atol=1e-9)


def test_gradients_are_central_differences() -> None:
    gp = evaluated(given()).fit(*table(30))
    value, gradient = gp.log_marginal_likelihood({}, eval_gradient=True)
    assert value == pytest.approx(gp.log_marginal_likelihood_, rel=1e-12)
    for path, at in ((SLOW, 2.0), (FAST, 0.4)):
        step = 1e-5 * at
        high, low = (gp.log_marginal_likelihood({path: at + sign * step}) for sign in (1.0, -1.0))
        assert np.asarray(gradient[path]).sum() == pytest.approx((high - low) / (2.0 * step), rel=1e-5)
    assert {"terms[0].task.W", "terms[0].task.kappa", "terms[1].task.factor"} <= gradient.keys()


def test_two_scales_are_found_and_sorted_by_their_shares(fitted: cg.MultiTaskGP) -> None:
    p = fitted.parameters_
    assert float(p[SLOW].item()) == pytest.approx(2.5, rel=0.5)
    assert float(p[FAST].item()) == pytest.approx(0.3, rel=0.3)
    shares = fitted.signal_shares_
    assert shares.shape == (2,)
    assert shares.sum() == pytest.approx(1.0, rel=1e-12)
    slow, fast = fitted.task_covariances_
    each = np.array([np.diag(slow), np.diag(fast)]) / np.nanvar(table()[1], axis=0)
    np.testing.assert_allclose(shares, each.sum(axis=1) / each.sum(), rtol=1e-8)
    rho = slow / np.sqrt(np.outer(np.diag(slow), np.diag(slow)))
    assert rho[0, 1] > 0.8
    assert rho[0, 2] < -0.8
    np.testing.assert_array_equal(fast, np.diag(np.diag(fast)))
    one = cg.MultiTaskGP(kernels.RBF(), tasks.FreeForm()).fit(*table())
    assert fitted.log_marginal_likelihood_ > one.log_marginal_likelihood_ + 10.0


@pytest.mark.filterwarnings("ignore::coregion.exceptions.CoregionWarning")
def test_terms_written_alike_come_out_the_largest_share_first() -> None:
    pair = (kernels.Matern32(), tasks.LowRank(rank=1))
    gp = cg.MultiTaskGP(terms=[pair, pair]).fit(*table())
    assert gp.signal_shares_[0] >= gp.signal_shares_[1]


def test_fitted_terms_say_the_same_again(fitted: cg.MultiTaskGP) -> None:
    (slow, shared), (fast, own) = fitted.terms_
    assert (type(slow), type(fast)) == (kernels.RBF, kernels.RBF)
    assert (type(shared), type(own)) == (tasks.LowRank, tasks.Diagonal)
    assert fitted.kernel_ == slow
    assert fitted.task_ == shared
    np.testing.assert_array_equal(np.ravel(slow.lengthscale), np.ravel(fitted.parameters_[SLOW]))
    again = cg.MultiTaskGP(terms=fitted.terms_, noise=fitted.noise_covariance_, optimizer=None)
    again.fit(*table())
    assert again.log_marginal_likelihood_ == pytest.approx(fitted.log_marginal_likelihood_, rel=1e-9)


def test_values_are_held_and_tied_by_their_paths() -> None:
    own = "terms[1].task.variances"
    gp = cg.MultiTaskGP(terms=terms(), fixed=[SLOW], ties=[("terms[0].task.kappa", own)])
    pairs = [(kernels.RBF(1.5), tasks.LowRank(rank=1)), (kernels.RBF(), tasks.Diagonal())]
    found = gp.set_params(terms=pairs).fit(*table(30)).parameters_
    assert float(found[SLOW].item()) == 1.5
    np.testing.assert_allclose(found["terms[0].task.kappa"], found[own], rtol=1e-12)


def test_files_and_pickles_keep_every_term(fitted: cg.MultiTaskGP, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    fitted.save(path)
    Xs = np.array([[0.3], [5.05]])
    for again in (cg.load(path), pickle.loads(pickle.dumps(fitted))):
        assert again.terms_ == fitted.terms_
        np.testing.assert_array_equal(again.signal_shares_, fitted.signal_shares_)
        np.testing.assert_array_equal(again.task_covariances_, fitted.task_covariances_)
        for found, expected in zip(again.predict(Xs, return_std=True), fitted.predict(Xs, return_std=True)):
            np.testing.assert_array_equal(found, expected)
    loaded = cg.load(path)
    assert loaded.kernel is None
    assert loaded.task is None
    assert len(loaded.terms) == 2
    assert loaded.fit(*table()).log_marginal_likelihood_ == pytest.approx(
        fitted.log_marginal_likelihood_, rel=1e-6
    )


def test_parameters_and_clones() -> None:
    pairs = terms()
    gp = cg.MultiTaskGP(terms=pairs)
    assert gp.get_params()["terms"] is pairs
    assert cg.MultiTaskGP().get_params()["terms"] is None
    assert "LowRank" in repr(gp)
    sklearn = pytest.importorskip("sklearn.base")
    again = sklearn.clone(gp)
    assert again is not gp
    assert again.get_params(deep=False).keys() == gp.get_params(deep=False).keys()
    assert again.terms == pairs
    assert "terms=" in repr(again)
    assert gp.set_params(terms=None).terms is None


def test_summaries_have_every_term(fitted: cg.MultiTaskGP) -> None:
    summary = fitted.summary()
    assert set(summary.model) >= {"terms[0]", "terms[1]"}
    assert "RBF" in summary.model["terms[0]"]
    assert "LowRank" in summary.model["terms[0]"]
    assert "Diagonal" in summary.model["terms[1]"]
    text = str(summary)
    assert SLOW in text
    assert FAST in text
    assert "terms[1]" in summary._repr_html_()
    of_tasks = [task.signal_std**2 for task in summary.tasks]
    np.testing.assert_allclose(of_tasks, np.diag(fitted.task_covariance_), rtol=1e-12)
    np.testing.assert_array_equal(summary.task_correlation, fitted.task_correlation_)


def test_other_answers_of_sums() -> None:
    X, Y = table(30, gaps=4)
    gp = evaluated(given()).fit(X, Y)
    filled, std = gp.impute(return_std=True)
    seen = ~np.isnan(Y)
    np.testing.assert_array_equal(filled[seen], Y[seen])
    assert (std[~seen] > 0.0).all()
    mean, _ = gp.leave_one_out(by="entry")
    one = np.argwhere(seen)[7]
    without = Y.copy()
    without[tuple(one)] = np.nan
    refit = evaluated(given()).fit(X, without)
    assert mean[tuple(one)] == pytest.approx(refit.predict(X)[tuple(one)], abs=1e-8)
    grown = evaluated(given()).fit(X[:25], Y[:25]).condition(X[25:], Y[25:])
    np.testing.assert_allclose(grown.predict([[3.3]]), gp.predict([[3.3]]), atol=1e-8)
    given_row = np.array([[0.4, np.nan, np.nan]])
    conditioned = gp.predict([[3.3]], given=given_row)
    added = evaluated(given()).fit(np.vstack([X, [[3.3]]]), np.vstack([Y, given_row]))
    np.testing.assert_allclose(conditioned[0, 1:], added.predict([[3.3]])[0, 1:], atol=1e-8)


PAIR = (kernels.RBF(), tasks.Diagonal())


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], r"terms: found \[\], expected a list of pairs"),
        ((), r"terms: found \(\), expected a list of pairs"),
        ("RBF", "terms: found 'RBF', expected a list of pairs"),
        (kernels.RBF(), "terms: found RBF"),
        ([kernels.RBF(), kernels.RBF()], "terms: .*expected a list of pairs"),
        (PAIR, "terms: .*expected a list of pairs"),
        ([(kernels.RBF(),)], "terms: .*expected a list of pairs"),
        ([PAIR, (*PAIR, tasks.Diagonal())], "terms: .*expected a list of pairs"),
        ([(tasks.Diagonal(), kernels.RBF())], "kernel"),
        ([PAIR, (kernels.RBF(), "diagonal")], "task"),
        ([PAIR, ("RBF", tasks.Diagonal())], "kernel"),
        ([PAIR, (kernels.RBF(), None)], "task"),
        ([PAIR, (None, tasks.Diagonal())], "kernel"),
        ([PAIR, (kernels.RBF([1.0, 2.0]), tasks.Diagonal())], "lengthscale"),
        ([PAIR, (kernels.RBF(), tasks.FreeForm(np.eye(2)))], "FreeForm"),
    ],
)
def test_what_is_no_list_of_terms_is_refused(value: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        cg.MultiTaskGP(terms=value).fit(*table(12))


@pytest.mark.parametrize("other", [{"kernel": kernels.RBF()}, {"task": tasks.LowRank()}])
def test_terms_come_in_place_of_kernel_and_task(other: dict[str, Any]) -> None:
    with pytest.raises(cg.IncompatibleError, match="terms and kernel or task"):
        cg.MultiTaskGP(terms=terms(), **other).fit(*table(12))


@pytest.mark.parametrize("solver", ["kronecker", "choleskys", "schur", "low-rank", "mixed"])
def test_solvers_of_one_term_are_refused(solver: str) -> None:
    with pytest.raises(cg.IncompatibleError):
        cg.MultiTaskGP(terms=terms(), solver=solver).fit(*table(12))


def test_the_alternating_optimizer_is_refused() -> None:
    with pytest.raises(cg.IncompatibleError, match="joint"):
        cg.MultiTaskGP(terms=terms(), optimizer="alternating").fit(*table(12))


def test_terms_that_could_be_one_are_told_of() -> None:
    pair = (kernels.RBF(1.0, fixed=["lengthscale"]), tasks.Diagonal())
    with pytest.warns(cg.CoregionWarning, match="one term"):
        cg.MultiTaskGP(terms=[pair, pair]).fit(*table(20))


def test_terms_without_a_share_and_terms_alike_are_warned_of():
    first = given()[0]
    with pytest.warns(cg.exceptions.BoundaryWarning, match=r"term 1 has .* of the signal"):
        evaluated([first, (kernels.RBF(0.4), tasks.Diagonal([1e-9] * 3))]).fit(*table())
    with pytest.warns(cg.exceptions.BoundaryWarning, match="terms 0 and 1 have become one"):
        evaluated([first, (kernels.RBF(2.0), tasks.Diagonal([0.5] * 3))]).fit(*table())
