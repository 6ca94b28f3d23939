"""The benchmark of published data sets, on data made here: its baselines, and a run from end to end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge
from sklearn.model_selection import LeaveOneOut, cross_val_predict

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "published"


@pytest.fixture(autouse=True)
def program(monkeypatch):
    monkeypatch.syspath_prepend(str(PROGRAM))


@pytest.fixture
def baselines():
    import baselines

    return baselines


@pytest.fixture
def table():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(30, 4))
    Y = X @ rng.normal(size=(4, 2)) + np.sin(3.0 * X[:, :1]) + 0.3 * rng.normal(size=(30, 2))
    return X[:22], Y[:22], X[22:]


def test_ridge_is_that_of_scikit_learn(baselines, table):
    X, Y, X_test = table
    a, b = baselines.standardised(X, X_test)
    found = baselines.ridge_prediction(X, Y, X_test)
    for t, y in enumerate(Y.T):
        strengths = len(y) * baselines.STRENGTHS
        errors = [
            np.mean((cross_val_predict(Ridge(alpha=s), a, y, cv=LeaveOneOut()) - y) ** 2) for s in strengths
        ]
        best = Ridge(alpha=strengths[int(np.argmin(errors))]).fit(a, y)
        np.testing.assert_allclose(found[:, t], best.predict(b), rtol=1e-8)


def test_kernel_ridge_is_that_of_scikit_learn(baselines, table):
    X, Y, X_test = table
    a, b = baselines.standardised(X, X_test)
    gram, cross = (np.exp(-0.5 * baselines.squared_distances(z, a) / 4.0) for z in (a, b))
    found, errors = baselines.of_gram(gram, cross, Y, np.array([0.01]))
    # An intercept is a kernel ridge regression of centred outputs on a centred kernel.
    centre = np.eye(22) - 1.0 / 22
    for t, y in enumerate(Y.T):
        ridge = KernelRidge(alpha=0.22, kernel="precomputed").fit(centre @ gram @ centre, y - y.mean())
        centred = (cross - gram.mean(axis=0)) @ centre
        np.testing.assert_allclose(found[:, t], ridge.predict(centred) + y.mean(), rtol=1e-8)
        left = []
        for i in range(22):
            others = np.arange(22) != i
            one, _ = baselines.of_gram(
                gram[np.ix_(others, others)], gram[[i]][:, others], Y[others], np.array([0.22 / 21])
            )
            left.append((one[0, t] - y[i]) ** 2)
        np.testing.assert_allclose(errors[t], np.mean(left), rtol=1e-6)


def test_errors_have_the_density_of_the_width_that_suits_them_best():
    from choice import of_errors

    errors = np.abs(np.random.default_rng(7).normal(size=(40, 2))) * [1.0, 30.0]
    normal, laplace = of_errors(errors, absolute=False), of_errors(errors, absolute=True)
    for t, e in enumerate(errors.T):
        std, width = np.sqrt(np.mean(e**2)), np.mean(e)
        np.testing.assert_allclose(normal[:, t], stats.norm.logpdf(e, scale=std))
        np.testing.assert_allclose(laplace[:, t], stats.laplace.logpdf(e, scale=width))
        assert stats.norm.logpdf(e, scale=1.1 * std).sum() < normal[:, t].sum()
        assert stats.laplace.logpdf(e, scale=0.9 * width).sum() < laplace[:, t].sum()


def test_a_gain_within_a_standard_error_is_none():
    from search import is_better

    rng = np.random.default_rng(8)
    others = rng.normal(size=(50, 2))
    noise = rng.normal(size=(50, 2))
    noise -= noise.mean()
    error = np.sqrt(50) * noise.sum(axis=1).std(ddof=1)
    assert is_better(others + noise + 1.01 * error / 100, others)
    assert not is_better(others + noise + 0.99 * error / 100, others)
    assert not is_better(others, others)
    gaps = np.where(rng.random((50, 2)) < 0.3, np.nan, others)
    assert is_better(gaps + 0.1, others)


def test_the_best_of_each_part_is_kept():
    from candidates import Shape
    from search import Found, search

    shape = Shape(n_columns=2, n_tasks=3, n_observations=300, n_rows=100, families=("box-cox",))
    worth = {"Matern12": 5.0, "box-cox": 3.0, "free form": 2.0, "full": 1.0, "each its B": -9.0}
    choice = search(shape, lambda c: Found(sum(v for part, v in worth.items() if part in str(c))))
    assert str(choice.best) == "Matern12, free form, full noise, box-cox"
    assert choice.criteria[str(choice.best)] == max(choice.criteria.values()) == 11.0

    def failing(candidate):
        if candidate.warp:
            raise ValueError("no such warp")
        return Found(0.0)

    found = search(shape, failing)
    assert found.best.warp is None
    assert -np.inf in found.criteria.values()


def test_a_run_goes_on_where_it_ended_and_writes_its_table(tmp_path):
    rng = np.random.default_rng(5)
    x = rng.normal(size=(12, 3))
    y = x[:, :2] @ [[1.0, 0.5, -1.0], [0.0, 1.0, 0.5]] + 0.3 * rng.normal(size=(12, 3))
    men = pd.DataFrame({"fold": np.arange(12)})
    men[["x_chins", "x_situps", "x_jumps"]] = x
    men[["y_weight_lb", "y_waist_in", "y_pulse_bpm"]] = y + 10.0
    (tmp_path / "linnerud").mkdir()
    men.to_csv(tmp_path / "linnerud" / "data.csv", index=False)
    table, results = tmp_path / "table.md", tmp_path / "results"
    command = [
        sys.executable,
        PROGRAM,
        tmp_path,
        "--sets",
        "linnerud",
        "--results",
        results,
        "--table",
        table,
    ]
    subprocess.run(command, check=True, capture_output=True)
    [line] = [line for line in table.read_text().splitlines() if line.startswith("| linnerud | pooled RRMSE")]
    ours, single, mean, baseline = (float(cell) for cell in line.split("|")[3:7])
    assert mean == baseline == 1.0
    assert ours < 0.8
    assert single < 1.0
    assert (tmp_path / "table.svg").exists()
    # Only what is missing is computed again.
    files = sorted((results / "linnerud").iterdir())
    times = [file.stat().st_mtime_ns for file in files]
    files[0].unlink()
    subprocess.run(command, check=True, capture_output=True)
    again = [file.stat().st_mtime_ns for file in files]
    assert again[1:] == times[1:]
    assert again[0] > times[0]
