"""What a fitted estimator learned, on one page: as text, as HTML and as a dictionary."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ._core import describe, gram_diagonal
from ._correlation import correlation
from ._errors import not_fitted
from ._tables import Section, as_html, as_text, number, percent, values
from ._types import Floats

SHOWN_TASKS = 20
"""Tasks up to which each has a row of its own."""

SHOWN_CORRELATIONS = 12
"""Tasks up to which all correlations are shown; beyond, the strongest."""

LONGEST_LIST = 6
LONGEST_MATRIX = 4
"""Numbers up to which a list and a matrix are written out in a description."""

STRONGEST = 10
"""Correlations shown where there are too many for a matrix."""


@dataclass(frozen=True)
class TaskSummary:
    """What was learned of one task, in its own unit.

    Attributes
    ----------
    name : str
    n_observations : int
    mean : float
        The mean of what was observed; NaN without observations.
    signal_std : float
        ``sqrt(B_tt)``, times the root mean square of the kernel's own amplitude at the training rows, which
        is 1 for stationary kernels; of the warped outputs where there is a warp.
    noise_std : float
        Standard deviation of the noise, variances known in advance included (their mean); NaN for a ridge
        regression without one.
    signal_share : float
        Share of the variance of an observation that is signal: ``signal_std^2`` over
        ``signal_std^2 + noise_std^2``.
    """

    name: str
    n_observations: int
    mean: float
    signal_std: float
    noise_std: float
    signal_share: float


@dataclass(frozen=True)
class Summary:
    """What a fitted estimator learned. ``str`` makes a table of it, notebooks show it as HTML.

    Attributes
    ----------
    estimator : str
        Name of the class.
    data : dict
        ``rows``, ``features`` (their names), ``tasks``, ``observations``, ``gaps`` (not for a
        list of observations) and ``layout``.
    model : dict
        ``kernel`` and ``task`` in words, with the values learned, and what else was set.
    parameters : dict from path to array
        Natural values in the user's units.
    tasks : list of TaskSummary
    task_correlation : array (T, T)
    task_correlation_std_error : array (T, T) or None
    fit : dict
        What learning did.
    warnings : list of str
    entry_names : dict from path to list of str
        What the entries of a parameter belong to, where each is of one feature or one task.
    """

    estimator: str
    data: dict[str, Any]
    model: dict[str, str]
    parameters: dict[str, Floats]
    tasks: list[TaskSummary]
    task_correlation: Floats
    task_correlation_std_error: Floats | None
    fit: dict[str, Any]
    warnings: list[str] = field(default_factory=list)
    entry_names: dict[str, list[str]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Everything as dictionaries, lists, arrays and numbers, whatever the number of tasks."""
        return asdict(self)

    def __str__(self) -> str:
        return as_text(self.estimator, self._sections())

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return as_html(self.estimator, self._sections())

    def _sections(self) -> list[Section]:
        found = [
            Section("Data", [[name, _shown(value)] for name, value in self.data.items()]),
            Section("Model", [[name, text] for name, text in self.model.items()]),
            self._parameter_section(),
            self._task_section(),
            self._correlation_section(),
            Section("Fit", [[name.replace("_", " "), _shown(value)] for name, value in self.fit.items()]),
            Section("Warnings", [["-", text] for text in self.warnings]),
        ]
        return [section for section in found if section.rows]

    def _parameter_section(self) -> Section:
        rows = []
        for path, array in self.parameters.items():
            rows.append([path, values(array, self.entry_names.get(path, ()))])
        return Section("Parameters, in the units of the data", rows)

    def _task_section(self) -> Section:
        header = ["task", "observed", "mean of y", "signal std", "noise std", "signal share"]
        tasks = self.tasks
        if len(tasks) <= SHOWN_TASKS:
            return Section("Tasks", [_task_cells(task) for task in tasks], header)
        columns = np.array(
            [[t.n_observations, t.mean, t.signal_std, t.noise_std, t.signal_share] for t in tasks],
            dtype=float,
        )
        rows = []
        for label, q in (
            ("smallest", 0.0),
            ("quartile", 0.25),
            ("median", 0.5),
            ("quartile", 0.75),
            ("largest", 1.0),
        ):
            seen = [c[~np.isnan(c)] for c in columns.T]
            cells = [float(np.quantile(c, q)) if c.size else float("nan") for c in seen]
            rows.append([label, *(number(cell) for cell in cells[:-1]), percent(cells[-1])])
        note = "each column by itself; to_dict() has every task"
        return Section(f"Tasks ({len(tasks)})", rows, header, note)

    def _correlation_section(self) -> Section:
        rho, errors = self.task_correlation, self.task_correlation_std_error
        names = [task.name for task in self.tasks]
        count = len(names)
        if count < 2:
            return Section("Task correlations", [])
        if count > SHOWN_CORRELATIONS:
            return self._strongest(rho, errors, names)
        rows = []
        for i, name in enumerate(names):
            above = ["" if errors is None else f"±{errors[i, j]:.2f}" for j in range(i + 1, count)]
            rows.append([name, *(f"{rho[i, j]:.2f}" for j in range(i + 1)), *above])
        title = "Task correlations" + ("" if errors is None else " (standard errors above the diagonal)")
        return Section(title, rows, ["", *(name if len(name) <= 10 else name[:9] + "." for name in names)])

    def _strongest(self, rho: Floats, errors: Floats | None, names: list[str]) -> Section:
        first, second = np.triu_indices(len(names), 1)
        strength = np.abs(rho[first, second])
        best = np.argsort(-strength, kind="stable")[:STRONGEST]
        rows = []
        for i, j in zip(first[best], second[best]):
            error = [] if errors is None else [f"±{errors[i, j]:.2f}"]
            rows.append([names[i], names[j], f"{rho[i, j]:.2f}", *error])
        note = f"the strongest of {len(strength)}, whose median magnitude is {np.median(strength):.2f}"
        header = ["task", "task", "correlation"] + ([] if errors is None else ["std error"])
        return Section("Task correlations", rows, header, note)


def summarise(estimator: Any) -> Summary:
    """Sum up a fitted estimator.

    Parameters
    ----------
    estimator : fitted MultiTaskGP or MultiTaskKernelRidge

    Returns
    -------
    Summary

    Raises
    ------
    NotFittedError
        Before ``fit``.

    Examples
    --------
    >>> import numpy as np
    >>> import coregion as cg
    >>> x = np.linspace(0.0, 6.0, 25)[:, None]
    >>> y = np.hstack([np.sin(x), np.cos(x)]) + 0.1 * np.cos(40.0 * x)
    >>> gp = cg.MultiTaskGP().fit(x, y, task_names=["sine", "cosine"])
    >>> summary = gp.summary()
    >>> summary.data["observations"], [task.name for task in summary.tasks]
    (50, ['sine', 'cosine'])
    >>> print(str(summary).splitlines()[0])
    MultiTaskGP
    """
    model = getattr(estimator, "model_", None)
    if model is None:
        raise not_fitted(estimator)
    ridge = hasattr(model, "dual_coef")
    names = [str(name) for name in estimator.task_names_]
    b = np.asarray(model.task_covariance, dtype=float)
    words = _described(model)
    if ridge:
        noise = _ridge_noise(model)
        rho, errors = correlation(b), None
        parameters = {"penalties": np.asarray(model.penalties, dtype=float)}
        if model.intercept is not None:
            parameters["intercept"] = np.asarray(model.intercept, dtype=float)
        fit, warnings = _ridge_fit(model), model.warnings
    else:
        noise = np.diag(np.asarray(model.noise_covariance, dtype=float))
        rho = np.asarray(model.task_correlation, dtype=float)
        errors = model.task_correlation_std_error
        parameters = dict(estimator.parameters_)
        fit, warnings = _process_fit(model), model.report["warnings"]
        words |= {name: _setting(model.settings[name]) for name in ("noise", "mean")}
        words |= _warp_words(model.warps, names)
    return Summary(
        estimator=type(estimator).__name__,
        data=_data(model.data),
        model=words,
        parameters=parameters,
        tasks=_tasks(model, names, b, noise),
        task_correlation=rho,
        task_correlation_std_error=errors,
        fit=fit,
        warnings=[text for _, text in warnings],
        entry_names=_entry_names(parameters, model, names),
    )


def _kernels(model: Any) -> list[Mapping[str, Any]]:
    """The kernel of each term."""
    terms = getattr(model, "terms", None)
    return [model.kernel] if terms is None else [kernel for kernel, _ in terms]


def _described(model: Any) -> dict[str, str]:
    """The kernel and the task covariance of each term in words."""
    terms = getattr(model, "terms", None) or [(model.kernel, model.task)]
    if len(terms) == 1:
        kernel, task = terms[0]
        return {"kernel": _shortened(describe(kernel)), "task": _shortened(describe(task))}
    words = {}
    for q, (kernel, task) in enumerate(terms):
        words[f"terms[{q}]"] = f"{_shortened(describe(kernel))} with {_shortened(describe(task))}"
    return words


def _warp_words(warps: list[Any], names: list[str]) -> dict[str, str]:
    """The warps in words, where there are any, and what they are to signal and noise."""
    warped = [f"{name}: {warp}" for name, warp in zip(names, warps) if not warp.is_identity]
    if not warped:
        return {}
    more = f", and {len(warped) - SHOWN_TASKS} more" if len(warped) > SHOWN_TASKS else ""
    return {
        "warp": "; ".join(warped[:SHOWN_TASKS]) + more,
        "scale": "B, signal and noise are of the warped outputs",
    }


def _entry_names(parameters: Mapping[str, Floats], model: Any, tasks: list[str]) -> dict[str, list[str]]:
    """Names of features for lengthscales, of tasks for vectors of the noise and the mean."""
    features = list(model.data.feature_names)
    scales = {}
    for q, kernel in enumerate(_kernels(model)):
        scales.update({f"terms[{q}].kernel.{tail}": names for tail, names in _lengthscales(kernel, features)})
    found = {}
    for path, array in parameters.items():
        within = path.startswith("terms[")
        names = scales.get(path, []) if within else tasks
        if np.shape(array) == (len(names),):
            found[path] = names
    return found


def _lengthscales(kernel: Mapping[str, Any], features: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Paths of lengthscales below the kernel, with the features that their entries belong to."""
    children = kernel.get("children", [])
    if kernel["name"] == "Columns":
        features = [features[int(c)] for c in kernel["values"]["columns"]]
    for i, child in enumerate(children):
        step = f"parts[{i}]." if kernel["name"] in ("Sum", "Product") else ""
        for path, names in _lengthscales(child, features):
            yield step + path, names
    if not children:
        yield "lengthscale", features


def _data(data: Any) -> dict[str, Any]:
    n_rows, n_tasks = data.n_rows, data.n_tasks
    found = {
        "rows": n_rows,
        "features": list(data.feature_names),
        "tasks": n_tasks,
        "observations": data.n_observed,
        "gaps": n_rows * n_tasks - data.n_observed,
        "layout": data.layout,
    }
    if data.layout == "long":  # each task has inputs of its own: there is no table with gaps
        del found["gaps"]
    return found


def _tasks(model: Any, names: list[str], b: Floats, noise: Floats) -> list[TaskSummary]:
    data = model.data
    rows, columns = np.asarray(data.entries).T
    y = np.asarray(data.y, dtype=float)[rows, columns]
    known = data.noise_variances
    counts = np.bincount(columns, minlength=len(names))
    mean = _average(columns, y, counts)
    if known is not None:
        each = np.asarray(known, dtype=float)[rows, columns]
        noise = noise + np.nan_to_num(_average(columns, each, counts))
    if hasattr(model, "signal_variances"):
        signal = np.asarray(model.signal_variances, dtype=float)
    else:
        signal = np.diag(b) * float(np.mean(gram_diagonal(model.kernel, data.x)))
    total = signal + noise
    share = np.divide(signal, total, out=np.full(len(names), np.nan), where=total > 0)
    return [
        TaskSummary(
            name=name,
            n_observations=int(counts[t]),
            mean=float(mean[t]),
            signal_std=float(np.sqrt(signal[t])),
            noise_std=float(np.sqrt(noise[t])),
            signal_share=float(share[t]),
        )
        for t, name in enumerate(names)
    ]


def _average(groups: Any, array: Floats, counts: Any) -> Floats:
    total = np.bincount(groups, weights=array, minlength=len(counts))
    out: Floats = np.divide(total, counts, out=np.full(len(counts), np.nan), where=counts > 0)
    return out


def _ridge_noise(model: Any) -> Floats:
    """The noise variances that make the same predictions: the penalties."""
    return np.asarray(model.penalties, dtype=float)


def _process_fit(model: Any) -> dict[str, Any]:
    report: Mapping[str, Any] = model.report
    return {
        "log_marginal_likelihood": float(model.log_likelihood),
        "solver": f"{report['solver']} ({'exact' if report['exact'] else 'approximate'})",
        "optimizer": report["optimizer"],
        "converged": bool(report["converged"]),
        "gradient_norm": float(report["gradient_norm"]),
        "iterations": int(report["iterations"]),
        "evaluations": int(report["evaluations"]),
        "eigendecompositions": int(report["eigendecompositions"]),
        "seconds": float(report["wall_time"]),
    }


def _ridge_fit(model: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"alpha": float(model.alpha)}
    if model.criterion_value is not None:
        found["chosen_by"] = model.criterion
        found["criterion_value"] = float(model.criterion_value)
        found["penalties_tried"] = len(model.alphas)
    found["squared_norm"] = float(model.rkhs_norm_squared)
    return found


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return f"{len(value)}: {', '.join(value[:8])}{', ...' if len(value) > 8 else ''}"
    if isinstance(value, float):
        return f"{value:.6g}" if abs(value) >= 1.0 else f"{value:.3g}"
    return str(value)


def _shortened(words: str) -> str:
    """A description with its long lists and matrices replaced by their shapes."""

    def shape(found: re.Match[str]) -> str:
        rows = found[0].count("[") - 1
        entries = found[0].count(",") + 1
        if entries <= (LONGEST_MATRIX if rows else LONGEST_LIST):
            return found[0]
        return f"<{rows} x {entries // rows}>" if rows else f"<{entries}>"

    return re.sub(r"\[(\[[^\[\]]*\](, )?)+\]|\[[^\[\]]*\]", shape, words)


def _setting(value: Any) -> str:
    return value if isinstance(value, str) else f"given: {values(value)}"


def _task_cells(task: TaskSummary) -> list[str]:
    return [
        task.name,
        str(task.n_observations),
        number(task.mean),
        number(task.signal_std),
        number(task.noise_std),
        percent(task.signal_share),
    ]


__all__ = ["Summary", "TaskSummary", "summarise"]
