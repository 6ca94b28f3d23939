"""Predictions of a fitted model: tables, single tasks, quantiles, covariances."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from . import _arrays, _core, _scalars
from ._errors import incompatible, invalid, wrong_shape
from ._types import Counts, Floats

_BLOCK = 1 << 22
"""Entries of the tables made at a time where one task of each row is wanted."""


def levels(quantiles: Any) -> Floats:
    """Levels of quantiles, between 0 and 1."""
    out = _arrays.to_floats(quantiles, "quantiles")
    if out.ndim != 1 or out.size == 0:
        raise wrong_shape("quantiles", f"shape {out.shape}", "a list of levels, such as [0.05, 0.5, 0.95]")
    wrong = ~((out > 0.0) & (out < 1.0))
    if wrong.any():
        raise invalid("quantiles", repr(float(out[wrong][0])), "levels above 0 and below 1")
    return out


def check_kinds(return_std: Any, return_cov: Any, quantiles: Any, include_noise: Any, given: Any) -> None:
    """Refuses more than one kind of answer at a time, and what no solver serves."""
    for name, value in (
        ("return_std", return_std),
        ("return_cov", return_cov),
        ("include_noise", include_noise),
    ):
        _scalars.switch(value, name)
    if return_std and return_cov:
        raise incompatible(
            "return_std and return_cov", "standard deviations are roots of the diagonal of cov"
        )
    if quantiles is not None and (return_std or return_cov):
        raise incompatible("quantiles and return_std or return_cov", "ask for one kind of answer at a time")
    if given is not None and return_cov:
        raise incompatible("given and return_cov", "ask for return_std")


def check_alone(name: str, absent: dict[str, bool]) -> None:
    """Refuses what cannot be asked for beside an argument."""
    for other, is_absent in absent.items():
        if not is_absent:
            raise incompatible(f"{name} and {other}", "ask for one at a time")


def check_noise_is_uncorrelated(model: Any) -> None:
    """Refuses quantiles of latent functions around the means of observations, where these differ."""
    noise = np.asarray(model.noise_covariance)
    if np.count_nonzero(noise - np.diag(np.diag(noise))):
        raise incompatible(
            "quantiles of latent functions, given, and noise that is correlated between tasks",
            "ask for quantiles of observations: include_noise=True",
        )


def moments(
    model: Any, x: Floats, given: Floats | None, numbers: Counts | None, *, std: bool, include_noise: bool
) -> tuple[Floats, Floats | None]:
    """Means and standard deviations: tables (m, T), or vectors (m,) of one task for each row."""
    if numbers is None:
        return _table(model, x, given, std, include_noise)
    if given is None:
        mean, deviation = model.predict_at(x, numbers, std=std, include_noise=include_noise)
        return mean[:, 0], None if deviation is None else deviation[:, 0]
    means, stds = np.empty(len(x)), np.empty(len(x)) if std else None
    for rows in blocks(len(x), model.data.n_tasks):
        mean, deviation = model.predict_given(x[rows], given[rows], std=std, include_noise=include_noise)
        at = (np.arange(len(mean)), numbers[rows])
        means[rows] = mean[at]
        if stds is not None and deviation is not None:
            stds[rows] = deviation[at]
    return means, stds


def _table(
    model: Any, x: Floats, given: Floats | None, std: bool, include_noise: bool
) -> tuple[Floats, Floats | None]:
    if given is None:
        mean, deviation = model.predict(x, std=std, include_noise=include_noise)
    else:
        mean, deviation = model.predict_given(x, given, std=std, include_noise=include_noise)
    return mean, deviation


def of_unseen_tasks(
    model: Any, x: Floats, features: Floats, at: Floats | None, *, std: bool, include_noise: bool
) -> Any:
    """Means (m, S), with standard deviations where asked for, or quantiles, of tasks of these descriptors."""
    with_std = std or at is not None
    mean, deviation = model.predict_tasks(x, features, std=with_std, include_noise=include_noise)
    if at is not None:
        scores = np.asarray([_core.normal_quantile(float(p)) for p in at])
        return np.asarray(mean[..., None] + deviation[..., None] * scores)
    return (mean, deviation) if std else mean


def blocks(n_rows: int, n_tasks: int) -> Iterator[slice]:
    """Stretches of rows whose tables have a bounded number of entries."""
    step = max(1, _BLOCK // max(1, n_tasks))
    for start in range(0, n_rows, step):
        yield slice(start, min(start + step, n_rows))


def covariance(model: Any, x: Floats, numbers: Counts | None, include_noise: bool) -> Floats:
    """Covariances (m, T, m, T), or (m, m) of one task for each row."""
    full = np.asarray(model.predict_covariance(x, include_noise=include_noise))
    if numbers is None:
        return full
    rows = np.arange(len(x))
    return np.asarray(full[rows[:, None], numbers[:, None], rows[None, :], numbers[None, :]])


def quantile_values(
    model: Any, x: Floats, given: Floats | None, numbers: Counts | None, at: Floats, include_noise: bool
) -> Floats:
    """Quantiles (m, T, q), or (m, q) of one task for each row, in blocks between which Ctrl-C is heard."""
    if given is not None and not include_noise:
        check_noise_is_uncorrelated(model)
    n_tasks, asked = model.data.n_tasks, at.tolist()
    out = np.empty((len(x), len(asked)) if numbers is not None else (len(x), n_tasks, len(asked)))
    for rows in blocks(len(x), n_tasks * len(asked) * 16):
        if numbers is not None and given is None:
            out[rows] = model.predict_quantiles_at(x[rows], numbers[rows], asked, include_noise=include_noise)
            continue
        part = None if given is None else given[rows]
        found = model.predict_quantiles(x[rows], asked, given=part, include_noise=include_noise)
        out[rows] = found if numbers is None else found[np.arange(len(found)), numbers[rows]]
    return out
