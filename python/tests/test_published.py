"""The benchmark of published data sets, on data made here: its baselines, and a run from end to end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge
from sklearn.model_selection import LeaveOneOut, cross_val_predict

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "published"


@pytest.fixture
def baselines(monkeypatch):
    monkeypatch.syspath_prepend(str(PROGRAM))
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
