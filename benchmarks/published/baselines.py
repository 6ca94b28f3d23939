"""The strong simple baselines, recomputed: regressions that any user would try first."""

from __future__ import annotations

import numpy as np
from problem import Baseline, Floats, Fold

STRENGTHS = np.logspace(-4, 4, 33)
"""Ridge penalties, per row, of inputs with unit variance."""
WIDTHS = np.array([0.1, 0.2, 0.35, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0])
"""Widths of radial kernels in square roots of the number of inputs, with unit variance."""


def standardised(train: Floats, test: Floats) -> tuple[Floats, Floats]:
    """Columns with mean 0 and variance 1 over the training rows; constant ones are 0."""
    centre, scale = train.mean(axis=0), train.std(axis=0)
    scale = np.where(scale > 0.0, scale, np.inf)
    return (train - centre) / scale, (test - centre) / scale


def left_out(basis: Floats, eigenvalues: Floats, y: Floats, strengths: Floats) -> Floats:
    """Mean squared leave-one-out errors (S, T) of ridge regressions with an intercept.

    ``basis`` (n, r) are orthonormal eigenvectors of the centred Gram matrix, with ``eigenvalues`` (r,).
    """
    centred = y - y.mean(axis=0)
    coordinates = basis.T @ centred
    errors = []
    for strength in strengths:
        shrunk = eigenvalues / (eigenvalues + strength * len(y))
        fitted = basis @ (shrunk[:, None] * coordinates)
        leverage = 1.0 / len(y) + (basis**2) @ shrunk
        errors.append(np.mean(((centred - fitted) / (1.0 - leverage)[:, None]) ** 2, axis=0))
    return np.array(errors)


def of_gram(gram: Floats, cross: Floats, y: Floats, strengths: Floats) -> tuple[Floats, Floats]:
    """Predictions (m, T) and leave-one-out errors (T,) of the best strength for each task.

    ``gram`` (n, n) and ``cross`` (m, n) are centred here, which makes the intercept free.
    """
    rows = gram.mean(axis=0)
    centred = gram - rows - rows[:, None] + rows.mean()
    centred_cross = cross - cross.mean(axis=1, keepdims=True) - rows + rows.mean()
    eigenvalues, basis = np.linalg.eigh(centred)
    kept = eigenvalues > 1e-12 * max(eigenvalues[-1], np.finfo(float).tiny)
    eigenvalues, basis = eigenvalues[kept], basis[:, kept]
    errors = left_out(basis, eigenvalues, y, strengths)
    best = errors.argmin(axis=0)
    coordinates = basis.T @ (y - y.mean(axis=0))
    weights = basis @ (coordinates / (eigenvalues[:, None] + strengths[best] * len(y)))
    prediction: Floats = y.mean(axis=0) + centred_cross @ weights
    return prediction, errors.min(axis=0)


def ridge_prediction(train: Floats, y: Floats, test: Floats) -> Floats:
    """Ridge regression of each task on all inputs; the penalty by leave-one-out."""
    a, b = standardised(train, test)
    return of_gram(a @ a.T, b @ a.T, y, STRENGTHS)[0]


def squared_distances(a: Floats, b: Floats) -> Floats:
    """Squared distances (n, m) of rows."""
    d = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2.0 * a @ b.T
    positive: Floats = np.maximum(d, 0.0)
    return positive


def kernel_ridge_prediction(train: Floats, y: Floats, test: Floats) -> Floats:
    """Kernel ridge regression with a radial kernel; width and penalty of each task by leave-one-out."""
    a, b = standardised(train, test)
    d, cross = squared_distances(a, a), squared_distances(b, a)
    best, prediction = np.full(y.shape[1], np.inf), np.zeros((len(test), y.shape[1]))
    for width in WIDTHS * np.sqrt(a.shape[1]):
        mean, errors = of_gram(
            np.exp(-0.5 * d / width**2), np.exp(-0.5 * cross / width**2), y, np.logspace(-7, 1, 25)
        )
        better = errors < best
        prediction[:, better], best[better] = mean[:, better], errors[better]
    return prediction


def ridge(fold: Fold) -> Floats:
    """Ridge regression of each task on the inputs of new rows, from the rows where it is known."""
    if np.isfinite(fold.Y).all():
        return ridge_prediction(fold.X, fold.Y, fold.X_test)
    seen = [np.isfinite(y) for y in fold.Y.T]
    columns = [
        ridge_prediction(fold.X[known], y[known, None], fold.X_test) for known, y in zip(seen, fold.Y.T)
    ]
    return np.concatenate(columns, axis=1)


def kernel_ridge(fold: Fold) -> Floats:
    """Kernel ridge regression on the inputs of new rows."""
    return kernel_ridge_prediction(fold.X, fold.Y, fold.X_test)


def training_mean(fold: Fold) -> Floats:
    """The mean of each task."""
    return np.tile(fold.training_means(), (len(fold.X_test), 1))


def on_other_tasks(tasks: list[int] | None = None) -> Baseline:
    """Ridge regression of each task with gaps on other tasks at the same row.

    By default on those without hidden cells; where they have gaps themselves, interpolated between rows.
    """

    def predict(fold: Fold) -> Floats:
        if fold.at is None:
            raise ValueError("regressions on other tasks are for gaps of the training table")
        mean = training_mean(fold)
        for t in fold.scored:
            if tasks is None:
                others = [s for s in range(fold.Y.shape[1]) if s not in fold.scored]
            else:
                others = [s for s in tasks if s != t]
            inputs = np.column_stack([interpolated(fold.X[:, 0], fold.Y[:, s]) for s in others])
            seen = np.isfinite(fold.Y[:, t])
            mean[:, t] = ridge_prediction(inputs[seen], fold.Y[seen, t, None], inputs[fold.at])[:, 0]
        return mean

    return predict


def interpolated(x: Floats, y: Floats) -> Floats:
    """A series with its gaps filled linearly."""
    seen = np.isfinite(y)
    filled: Floats = np.interp(x, x[seen], y[seen])
    return filled
