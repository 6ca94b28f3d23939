"""What a fit did, and the warnings it gave."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from .exceptions import BoundaryWarning, ConvergenceWarning, CoregionWarning, DataWarning, NumericalWarning

CATEGORIES: dict[str, type[CoregionWarning]] = {
    "constant-feature": DataWarning,
    "constant-task": DataWarning,
    "few-data": DataWarning,
    "held-at-start": DataWarning,
    "few-observations": DataWarning,
    "task-without-data": DataWarning,
    "one-row": DataWarning,
    "not-identified": DataWarning,
    "noise-at-floor": BoundaryWarning,
    "rank-deficient": BoundaryWarning,
    "negligible-term": BoundaryWarning,
    "alike-terms": BoundaryWarning,
    "residual-above-tolerance": NumericalWarning,
    "rough-rank": NumericalWarning,
    "penalties-not-judged": NumericalWarning,
    "not-converged": ConvergenceWarning,
    "penalty-at-end": ConvergenceWarning,
    "penalty-search-ended": ConvergenceWarning,
}
"""The class of each kind of warning of the core."""
_ISSUED = 3
"""Most warnings of one kind that a fit issues."""


class FitWarning(NamedTuple):
    """A warning of a fit: its kind, such as ``constant-task``, and the message."""

    kind: str
    message: str

    def __str__(self) -> str:
        return self.message

    @property
    def category(self) -> type[CoregionWarning]:
        """The class with which it is issued."""
        return CATEGORIES.get(self.kind, CoregionWarning)


@dataclass(frozen=True)
class FitReport:
    """What a fit did: the solver and how exact it was, how learning ended, and what deserves attention.

    Attributes
    ----------
    solver : str
        The solver taken, such as ``kronecker``.
    why : str
        Why it was taken.
    exact : bool
        True where results are exact up to rounding.
    optimizer : str
        How parameters were learned: ``alternating``, ``joint`` or ``none``.
    strategy : str
        Why they were learned that way.
    converged : bool
        True where the largest entry of the gradient is below the tolerance.
    gradient_norm : float
        Largest entry of the gradient, in nats per observation.
    stop : str
        Why the optimiser stopped.
    iterations, evaluations : int
        Iterations and evaluations of the outer optimiser in the best start.
    eigendecompositions : int
        Eigendecompositions of n x n matrices in all starts; with the solver ``low-rank`` pivoted Cholesky
        factors in their place.
    wall_time : float
        Seconds.
    warnings : tuple of FitWarning
        Pairs of kind and message; each was issued as a warning by ``fit``.
    restarts : tuple of float
        Log posterior density that each start led to.
    trace : tuple of (int, float)
        Number of the evaluation, and the log posterior density there, of the best start.
    identifiability : float or None
        Share of the information about B left when the noise is unknown too.
    precision : str
        Arithmetic and backend.
    jitter : float
        What was added to a diagonal.
    clipped_eigenvalues, clipped_magnitude : int, float
        Negative eigenvalues set to zero, and the largest of them relative to the largest eigenvalue.
    gram_rank, log_likelihood_bound : int or None, float or None
        Of the solver ``low-rank``: columns of the Gram matrix taken, and how far the log-likelihood is from
        the exact one at most, in nats.
    solver_iterations, preconditioner_rank, tolerance, relative_residual, log_det_std_error
        What an iterative solver did: iterations, rank of its preconditioner, relative residual asked for
        and reached, standard error of the log-determinant in nats.

    Examples
    --------
    >>> import numpy as np
    >>> import coregion as cg
    >>> x = np.linspace(0.0, 6.0, 30)
    >>> y = np.sin(x) + 0.1 * np.cos(40.0 * x)
    >>> report = cg.MultiTaskGP().fit(x[:, None], y).report_
    >>> report.solver, report.exact, report.converged
    ('kronecker', True, True)
    """

    solver: str
    why: str
    exact: bool
    optimizer: str
    strategy: str
    converged: bool
    gradient_norm: float
    stop: str
    iterations: int
    evaluations: int
    eigendecompositions: int
    wall_time: float
    warnings: tuple[FitWarning, ...] = ()
    restarts: tuple[float, ...] = ()
    trace: tuple[tuple[int, float], ...] = ()
    identifiability: float | None = None
    precision: str = ""
    jitter: float = 0.0
    clipped_eigenvalues: int = 0
    clipped_magnitude: float = 0.0
    gram_rank: int | None = None
    log_likelihood_bound: float | None = None
    solver_iterations: int = 0
    preconditioner_rank: int | None = None
    tolerance: float | None = None
    relative_residual: float | None = None
    log_det_std_error: float = 0.0

    @classmethod
    def of_core(cls, report: Mapping[str, Any]) -> FitReport:
        """The report of the core's dictionary."""
        values = {**report, "warnings": tuple(FitWarning(*pair) for pair in report["warnings"])}
        for name in ("restarts", "trace"):
            values[name] = tuple(report[name])
        return cls(**values)

    def _lines(self) -> list[tuple[str, str]]:
        """Names and values as printed."""
        lines = [
            ("solver", f"{self.solver} ({'exact' if self.exact else 'approximate'}; {self.precision})"),
            ("why", self.why),
        ]
        if self.tolerance is not None and self.relative_residual is not None:
            reached = f"{self.relative_residual:.3g} of {self.tolerance:.3g} asked for"
            lines += [
                ("residual", f"{reached}, {self.solver_iterations} iterations"),
                ("log-determinant", f"estimated, standard error {self.log_det_std_error:.3g} nats"),
            ]
        if self.log_likelihood_bound is not None:
            bound = f"within {self.log_likelihood_bound:.3g} nats of the exact one"
            lines.append(("log-likelihood", f"{bound}, Gram matrix of rank {self.gram_rank}"))
        counts = f"{self.iterations} iterations, {self.evaluations} evaluations"
        gradient = f"largest gradient entry {self.gradient_norm:.3g} nats per observation"
        lines += [
            ("optimizer", f"{self.optimizer}, {counts}, {max(len(self.restarts), 1)} start(s)"),
            ("strategy", self.strategy),
            ("converged", f"{'yes' if self.converged else 'no'} ({gradient})"),
            ("eigendecompositions", str(self.eigendecompositions)),
        ]
        if self.clipped_eigenvalues:
            clipped = f"{self.clipped_eigenvalues} (at most {self.clipped_magnitude:.3g} of the largest)"
            lines.append(("clipped eigenvalues", clipped))
        lines.append(("wall time", f"{self.wall_time:.2f} s"))
        return lines + [("warning", warning.message) for warning in self.warnings]

    def __repr__(self) -> str:
        lines = self._lines()
        width = max(len(name) for name, _ in lines)
        return "FitReport\n" + "\n".join(f"  {name:<{width}}  {value}" for name, value in lines)

    def _repr_html_(self) -> str:
        import html

        rows = (
            f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
            f"<td style='text-align:left'>{html.escape(value)}</td></tr>"
            for name, value in self._lines()
        )
        return f"<table>{''.join(rows)}</table>"


def issue(pairs: Iterable[tuple[str, str]]) -> None:
    """Issues warnings of the core as if the line outside this package that led here had.

    Of many of one kind the first few are issued, and their number.
    """
    by_kind: dict[str, list[str]] = {}
    for kind, message in pairs:
        by_kind.setdefault(kind, []).append(message)
    for kind, messages in by_kind.items():
        category = CATEGORIES.get(kind, CoregionWarning)
        for message in messages[:_ISSUED]:
            warn(message, category)
        if len(messages) > _ISSUED:
            warn(f"and {len(messages) - _ISSUED} more warnings like the last one, see report_", category)


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """A warning that points at the first caller outside this package."""
    level, frame = 1, sys._getframe(0)
    package = __name__.partition(".")[0]
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == package:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
