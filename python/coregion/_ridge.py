"""Vector-valued kernel ridge regression."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _arrays, _core, _data, _scalars
from ._estimator import Estimator
from ._leave_out import leave_one_out
from ._progress import Watch, verbosity
from ._report import FitWarning, issue
from ._ridge_settings import core_settings, weighted
from ._types import Floats

if TYPE_CHECKING:
    from typing_extensions import Self

    from ._description import Kernel, Task
    from ._gp import MultiTaskGP


class MultiTaskKernelRidge(Estimator):
    """Vector-valued kernel ridge regression: several outputs with a given task covariance and one penalty.

    ``f = b + sum_i k(x, x_i) B c_i`` minimises ``sum_it w_i v_t (y_it - f_t(x_i))^2 + alpha |f|_K^2`` with
    K = k B. No factor n, and no intercept b unless asked for. Of several penalties and task covariances the
    best by a leave-out criterion is taken, all on one eigendecomposition of the n x n Gram matrix. Exact. It
    is the posterior mean of the Gaussian process with noise variance alpha: `posterior`.

    Parameters
    ----------
    kernel : Kernel or None
        The scalar kernel with all its values; ``None`` is ``RBF`` with a lengthscale of sqrt(d) standard
        deviations for each of the d columns of X.
    task : Task or None
        The task covariance with all its values; ``None`` is the identity: independent tasks.
    alpha : float
        The penalty.
    alphas : array-like or None
        Penalties to choose from, in place of ``alpha``.
    cv : {"row", "entry", "task", "gcv"}, int, array-like (n,), or splits
        What is chosen by: the squared error of what is left out, generalised cross-validation, k random
        groups of rows, or groups of rows by their labels. ``None`` is "row". "log-density:row" and so on
        choose by log densities. Splitters of scikit-learn, and lists of their splits, are read as groups:
        they must test each row once and train on all others. Of no effect, though checked, where there is
        one penalty and one task covariance.
    fit_intercept : bool
        Whether an intercept for each task is fitted, free of penalty.
    task_weights : array-like (T,) or None
        Weights v of the tasks; 1 / variance puts tasks of unlike units on a par.
    task_penalties : array-like (T,) or None
        The penalty of task t is ``alpha`` times its entry.
    penalty_for_each_task : bool
        Whether each task then gets a penalty of its own, at a minimum of the criterion "row".
    tasks : list of Task or None
        Task covariances to choose from, in place of ``task``.
    refine : bool
        Whether the penalty moves from the best of ``alphas`` to the minimum near it.
    random_state : int, numpy RandomState or Generator, or None
        Seed of the random groups of ``cv=k``; ``None`` is 0.
    device : {"cpu", "gpu", "auto"}
        "auto" is "cpu"; this build has no GPU backend.
    memory_budget : int or None
        Bytes that covariances may take; ``None`` is 1 GiB.
    progress : bool or callable
        A progress bar, or a function that gets a dictionary with ``done`` and ``total`` and ends the fit by
        returning ``False``.
    verbose : int
        1 prints what was fitted at the end.

    Attributes
    ----------
    alpha_ : float
    penalties_ : array (T,)
    dual_coef_ : array (n, T)
    intercept_ : array (T,) or None
    cv_errors_ : array
    task_index_ : int
    kernel_, task_, task_covariance_
    n_tasks_, task_names_
    n_features_in_ : int
    feature_names_in_ : array of str
        Where X was a frame with strings as names of the columns.
    model_ : coregion._core.KernelRidge
        The compiled model.

    Examples
    --------
    >>> import numpy as np
    >>> import coregion as cg
    >>> X = np.linspace(0.0, 6.0, 30)[:, None]
    >>> Y = np.column_stack([np.sin(X), -2.0 * np.sin(X)]) + 0.1 * np.cos(X * [40.0, 52.0])
    >>> kernel, task = cg.kernels.RBF(lengthscale=1.0), cg.tasks.Fixed([[1.0, -0.9], [-0.9, 2.0]])
    >>> kr = cg.MultiTaskKernelRidge(kernel, task, alphas=np.logspace(-4, 1, 30)).fit(X, Y)
    >>> kr.cv_errors_.shape, bool(1e-4 < kr.alpha_ < 10.0)
    ((1, 30), True)
    """

    _core_type: ClassVar[Any] = _core.KernelRidge
    _state: ClassVar[tuple[str, ...]] = (*Estimator._state, "_kept")
    _routed: ClassVar[dict[str, tuple[str, ...]]] = {
        "fit": ("sample_weight", "task_names"),
        "predict": ("tasks",),
        "score": ("sample_weight", "tasks"),
    }

    def __init__(
        self,
        kernel: Kernel | None = None,
        task: Task | None = None,
        alpha: float = 1.0,
        *,
        alphas: ArrayLike | None = None,
        cv: str | int | ArrayLike | None = None,
        fit_intercept: bool = False,
        task_weights: ArrayLike | None = None,
        task_penalties: ArrayLike | None = None,
        penalty_for_each_task: bool = False,
        tasks: list[Task] | None = None,
        refine: bool = False,
        random_state: Any = None,
        device: str = "cpu",
        memory_budget: int | None = None,
        progress: Any = False,
        verbose: int = 0,
    ) -> None:
        self.kernel = kernel
        self.task = task
        self.alpha = alpha
        self.alphas = alphas
        self.cv = cv
        self.fit_intercept = fit_intercept
        self.task_weights = task_weights
        self.task_penalties = task_penalties
        self.penalty_for_each_task = penalty_for_each_task
        self.tasks = tasks
        self.refine = refine
        self.random_state = random_state
        self.device = device
        self.memory_budget = memory_budget
        self.progress = progress
        self.verbose = verbose

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, task_names: Any = None) -> Self:
        """Fits the regression, and chooses among penalties and task covariances.

        Parameters
        ----------
        X : array-like (n, d)
            Inputs: arrays, lists, frames of pandas or polars; numbers without gaps.
        y : array-like (n, T), or (n,)
            Outputs without gaps. A vector is one task, whose predictions are vectors too.
        sample_weight : array-like (n,), optional
            Weights w of the rows, at least 0. Rows of weight 0 take no part: their dual coefficients are 0,
            and NaN stands for them in `leave_one_out`.
        task_names : list, optional
            Names of the columns of y.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For data and settings that do not fit: the message names the argument. Tables with gaps are
            refused: `MultiTaskGP` with a noise array has the same mean.
        NumericalError
            Where penalties are too small beside the kernel.

        Warns
        -----
        CoregionWarning
            Where the penalty chosen is at an end of the grid, or could not be judged everywhere.
        """
        kept = None
        weights = None
        if sample_weight is not None:
            X, y, weights, kept = weighted(X, y, sample_weight)
        training = _data.training(X, y, None, task_names, None)
        settings = core_settings(self, training.data, weights, kept)
        with Watch(self.progress, self.verbose, "penalties") as watch:
            model = _core.KernelRidge.fit(
                training.data, **settings, sample_weight=weights, observer=watch.observer
            )
            watch.finished()
        self._keep(model, training)
        self._kept = kept
        if verbosity(self.verbose) >= 1:
            print(model)
        issue(model.warnings)
        return self

    def predict(self, X: Any, *, tasks: Any = None) -> Any:
        """Predictions at new inputs, in the units of y.

        Parameters
        ----------
        X : array-like (m, d)
        tasks : array-like (m,), optional
            The task wanted at each row; the answer then is a vector.

        Returns
        -------
        array (m, T), or (m,) with ``tasks`` and where y was a vector

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            For inputs that do not fit and unknown tasks.
        """
        x = self._rows(X)
        numbers = self._task_numbers(tasks, len(x))
        mean = self._model_mean(x)
        if numbers is None:
            return self._as_output(self._squeezed(mean), self.task_names_, X)
        return self._as_output(mean[np.arange(len(x)), numbers], [], X)

    def _model_mean(self, x: Floats) -> Floats:
        return np.asarray(self._model().predict(x))

    def leave_one_out(self, by: str = "row", groups: Any = None, *, return_log_density: bool = False) -> Any:
        """What the regression says of each training observation from all others, in closed form.

        Intercepts are learned anew from what is left, everything else is held.

        Parameters
        ----------
        by : {"row", "entry", "task"}
            What is left out at a time: all tasks at one input, one task at one input, or a whole task.
        groups : array-like (n,), optional
            Labels of the rows that are left out together; with ``by="entry"`` one task of them at a time.
        return_log_density : bool
            Whether log predictive densities of what is left out together come as well.

        Returns
        -------
        mean, std : arrays (n, T), or (n,) where y was a vector
            Standard deviations are those of the Gaussian process with the penalties as noise variances.
        log_density : array
            As of `MultiTaskGP.leave_one_out`.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            For another ``by``, for labels that do not fit, and for intercepts of tasks left out at every row.

        Examples
        --------
        >>> import numpy as np
        >>> import coregion as cg
        >>> X = np.linspace(0.0, 6.0, 30)[:, None]
        >>> y = np.sin(X[:, 0])
        >>> kr = cg.MultiTaskKernelRidge(cg.kernels.RBF(lengthscale=1.0), alpha=0.1)
        >>> mean, std = kr.fit(X, y).leave_one_out()
        >>> bool(np.allclose(kr.fit(X[1:], y[1:]).predict(X[:1]), mean[0]))
        True
        """
        kept = self._kept if "_kept" in self.__dict__ else None
        if kept is None:
            return leave_one_out(self, by, groups, return_log_density)
        labels = None
        if groups is not None:
            labels = _arrays.labels_of_groups(groups, "groups", len(kept), "row of X")[kept]
        mean, std, density = leave_one_out(self, by, labels, True)
        mean, std = _spread(mean, kept, np.nan), _spread(std, kept, np.nan)
        if groups is None and by != "task":
            density = _spread(density, kept, np.nan)
        with_density = _scalars.switch(return_log_density, "return_log_density")
        return (mean, std, density) if with_density else (mean, std)

    def posterior(self) -> MultiTaskGP:
        """The Gaussian process whose posterior mean this is, fitted: predictions with their uncertainty.

        The penalties are its noise variances, the intercepts its means. One eigendecomposition.

        Returns
        -------
        MultiTaskGP

        Raises
        ------
        NotFittedError
            Before ``fit``.
        IncompatibleError
            For a fit with sample weights.

        Examples
        --------
        >>> import numpy as np
        >>> import coregion as cg
        >>> X = np.linspace(0.0, 6.0, 30)[:, None]
        >>> kr = cg.MultiTaskKernelRidge(cg.kernels.RBF(lengthscale=1.0), alpha=0.1).fit(X, np.sin(X))
        >>> mean, std = kr.posterior().predict([[2.5]], return_std=True)
        >>> bool(np.allclose(mean, kr.predict([[2.5]])))
        True
        """
        from ._load import gaussian_process

        gp = gaussian_process(self._model().posterior(), optimizer=None)
        for name in ("_labels", "_vector", "_columns", "_named", "_sklearn_output_config"):
            if name in self.__dict__:
                setattr(gp, name, self.__dict__[name])
        return gp

    @property
    def alpha_(self) -> float:
        """The penalty, given or chosen; where each task got one of its own the one they started from."""
        return float(self._model().alpha)

    @property
    def penalties_(self) -> Floats:
        """The penalty (T,) of each task."""
        return np.asarray(self._model().penalties)

    @property
    def dual_coef_(self) -> Floats:
        """Dual coefficients C (n, T), (n,) where y was a vector: ``f(x) = b + k(x, X) C B``."""
        coefficients = np.asarray(self._squeezed(self._model().dual_coef))
        kept = self.__dict__.get("_kept")
        return coefficients if kept is None else _spread(coefficients, kept, 0.0)

    @property
    def intercept_(self) -> Floats | None:
        """Intercepts (T,); ``None`` where none were fitted."""
        return self._model().intercept  # type: ignore[no-any-return]

    @property
    def cv_errors_(self) -> Floats:
        """The criterion for each task covariance (rows) and penalty (columns); empty where there was no
        choice, infinite where it could not be computed."""
        return np.asarray(self._model().cv_errors)

    @property
    def best_criterion_(self) -> float | None:
        """The criterion at what was chosen; ``None`` where there was no choice."""
        return self._model().criterion_value  # type: ignore[no-any-return]

    @property
    def task_index_(self) -> int:
        """The place of the task covariance chosen among ``tasks``."""
        return int(self._model().task_index)

    @property
    def rkhs_norm_squared_(self) -> float:
        """``|f|_K^2``, the squared norm of the solution in the space of the kernel, intercepts apart."""
        return float(self._model().rkhs_norm_squared)

    @property
    def warnings_(self) -> tuple[FitWarning, ...]:
        """What deserves attention, as issued by ``fit``."""
        return tuple(FitWarning(*pair) for pair in self._model().warnings)


def _spread(values: Floats, kept: NDArray[np.bool_], fill: float) -> Floats:
    """Values of the rows that were kept among all rows."""
    out = np.full((len(kept), *values.shape[1:]), fill)
    out[kept] = values
    return out
