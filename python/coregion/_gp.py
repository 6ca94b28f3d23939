"""The multi-task Gaussian process."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from . import _core, _data
from ._errors import incompatible
from ._estimator import _object
from ._gp_settings import core_settings
from ._posterior import Posterior
from ._progress import Watch, verbosity
from ._report import FitReport, issue
from ._types import Floats

if TYPE_CHECKING:
    from typing_extensions import Self

    from ._core import Warp
    from ._description import Kernel, Mixing, Task


class MultiTaskGP(Posterior):
    """Exact multi-task Gaussian process: several related outputs predicted together from the same inputs.

    ``y_it = m_t + f_t(x_i) + e_it`` with ``Cov(f_t(x), f_s(z)) = k(x, z) B[t, s]`` and
    ``Cov(e_it, e_is) = Sigma[t, s]``. Kernel, task covariance B and noise Sigma are learned by maximising
    the marginal likelihood under mild priors on the lengthscales. No inducing points and no jitter. A
    complete table of n rows costs one eigendecomposition of an n x n matrix for each step over the kernel
    parameters and about 5 n^2 numbers of memory; `FitReport` says which solver served, and why.

    Values given to kernels, task covariances and noise are natural, in the units of X and y. They are where
    learning starts; ``fixed`` holds them, and a noise array is held. With ``optimizer=None``,
    ``normalize_x=False``, ``normalize_y=False`` and ``mean="zero"`` the model is evaluated at them.

    Parameters
    ----------
    kernel : Kernel, list of Kernel or None
        The scalar kernel, of `coregion.kernels`; ``None`` is ``Matern52()``. With a mixing one kernel is
        copied for each latent function, and a list must have one for each.
    task : Task or None
        The task covariance, of `coregion.tasks`; ``None`` is ``LowRank(rank=2)``, for one task ``Diagonal()``
        and above 256 tasks ``LowRank(rank=2, residual="noise")``.
    noise : {"shared", "per-task", "full", "none"}, array or None
        One noise variance for all tasks, one for each, or a full covariance, learned; an array of variances
        (T,) or a covariance (T, T) is held. "none" and ``None`` leave the variances given to ``fit``.
    terms : list of (kernel, task) or None
        In place of ``kernel`` and ``task``: the terms of a sum, each with its own kernel and task covariance,
        the linear model of coregionalization. Every evaluation then factors the covariance of all
        observations. Terms written alike come out sorted by their share of the signal.
    mixing : Mixing or None
        In place of ``task``: what mixes independent latent functions into the tasks, of `coregion.mixings`.
        One scalar problem for each latent function, however many tasks there are; exact for tables with up to
        about twice as many gaps as rows.
    normalize_x, normalize_y : bool
        Whether starts, priors and steps are measured in standard deviations of the columns of X and of the
        tasks. Answers are in the units given, either way.
    mean : {"constant", "linear", "zero", "training"}, callable or array (T,)
        The mean of each task. "constant", and "linear" (a level and a slope for each column of X), have
        coefficients that are estimated by generalised least squares at every value of the other parameters,
        and predictions carry what is not known of them. So has a function that is given an array (m, d) and
        returns the columns (m, p) of a basis; what it returns for a row must not depend on other rows, and a
        model with it cannot be saved. "zero", "training" (the mean of what was observed of the task) and
        constants given are held. A task without observations has the mean of the coefficients of the others.
    reml : bool
        Whether the other parameters are learned from the restricted likelihood, which does not take the
        coefficients of an estimated mean as known; log marginal likelihoods are then those of the contrasts
        of the data that the mean does not reach (Harville 1974).
    warp : None, {"identity", "log", "box-cox", "yeo-johnson", "sinh-arcsinh"}, or one for each task
        Strictly increasing maps of the outputs, whose parameters are learned in the likelihood: a list with
        one (or ``None``) for each task, or a dictionary by their names. "log" and "box-cox" need positive
        outputs. A pair such as ``("box-cox", {"lambda": 0.5})`` gives values to start at: "log" has none,
        "box-cox" and "yeo-johnson" have lambda, "sinh-arcsinh" epsilon and delta. ``fixed`` holds them, as
        ``"warp[0].lambda"``. B, the noise and the mean are then of the warped outputs; predictions and the
        likelihood, its Jacobian included, are in the units of y. ``noise_variance``, ``task_features`` and
        ``return_cov`` are refused. See ``warps_``.
    optimizer : {"auto", "alternating", "joint"} or None
        How parameters are learned; ``None`` evaluates at the values given and refuses missing ones.
    solver : {"auto", "kronecker", "low-rank", "choleskys", "schur", "congruent", "mixed", "dense", "cg"}
        How the covariance is factored. All are exact but "cg", which "auto" takes where no other fits, and
        "low-rank", exact to a bound that the report has, for complete tables and smooth kernels, which
        "auto" never takes.
    n_restarts : int
        Further starts, their kernel parameters drawn around the first; the best fit is kept. Refused with
        ``optimizer=None``.
    max_iter : int or None
        Most iterations of a start; ``None`` is 200.
    tol : float or None
        Largest entry of the gradient at which a fit counts as converged, in nats per observation; ``None`` is
        1e-5.
    random_state : int, numpy RandomState or Generator, or None
        Seed of the restarts and of `k_fold`. The same state gives the same answers; ``None`` is 0.
    fixed : list of str
        Paths of parameters that are held, as in ``parameters_``.
    ties : list of (str, str)
        Pairs of paths; the second parameter always equals the first.
    device : {"cpu", "gpu", "auto"}
        "auto" is "cpu"; this build has no GPU backend.
    memory_budget : int or None
        Bytes that predictions, covariances and samples may take; ``None`` is 1 GiB.
    solver_memory : int or None
        Bytes that the solver may take; ``None`` is 8 GiB.
    rank_tol : float or None
        Share of the Gram matrix's trace that the solver "low-rank" may leave out, from 1e-14 to 0.1; ``None``
        is 1e-12.
    cg : dict or None
        Settings of the solver "cg": ``tolerance``, ``probe_tolerance``, ``max_iterations``, ``rank``,
        ``n_probes``, ``seed``.
    progress : bool or callable
        A progress bar (of tqdm, where it is installed), or a function that is told of every evaluation in a
        dictionary and ends the fit by returning ``False``.
    verbose : int
        1 prints the report at the end, 2 every evaluation as well.

    Attributes
    ----------
    warps_ : list
        The warp of each task: ``forward``, ``inverse`` and ``log_slope`` of arrays.
    kernel_, task_
        Kernel and task covariance with the values learned; of a sum those of its first term, see ``terms_``.
    task_covariance_, task_correlation_, task_correlation_std_error_, noise_covariance_
        Arrays (T, T).
    task_covariances_ : list of array (T, T)
    mixing_ : array (T, latents) or None
        The mixing matrix, with columns sorted by their share of the signal where kernels were written alike.
    log_marginal_likelihood_ : float
    parameters_ : dict of array
    report_ : FitReport
    n_iter_ : int
    n_tasks_, task_names_
    n_features_in_ : int
    feature_names_in_ : array of str
        Where X was a frame with strings as names of the columns.
    model_ : coregion._core.GaussianProcess
        The compiled model; ``model_.data`` is what it was fitted to.

    Examples
    --------
    >>> import numpy as np
    >>> import coregion as cg
    >>> X = np.linspace(0.0, 6.0, 30)[:, None]
    >>> Y = np.column_stack([np.sin(X), -2.0 * np.sin(X) + 0.5 * np.cos(2.0 * X)])
    >>> Y = Y + 0.1 * np.cos(X * [40.0, 52.0])  # stands for noise
    >>> gp = cg.MultiTaskGP(task=cg.tasks.LowRank(rank=1)).fit(X, Y)
    >>> mean, std = gp.predict([[2.5]], return_std=True)
    >>> bool(abs(mean[0, 0] - np.sin(2.5)) < 0.1)
    True
    >>> bool(gp.task_correlation_[0, 1] < -0.5)
    True
    """

    _core_type: ClassVar[Any] = _core.GaussianProcess
    _routed: ClassVar[dict[str, tuple[str, ...]]] = {
        "fit": ("noise_variance", "task_names", "tasks"),
        "predict": (
            "given",
            "include_noise",
            "quantiles",
            "return_cov",
            "return_std",
            "task_features",
            "tasks",
        ),
        "score": ("sample_weight", "tasks"),
    }

    def __init__(
        self,
        kernel: Kernel | list[Kernel] | None = None,
        task: Task | None = None,
        noise: str | ArrayLike | None = "per-task",
        *,
        terms: list[tuple[Kernel, Task]] | None = None,
        mixing: Mixing | None = None,
        normalize_x: bool = True,
        normalize_y: bool = True,
        mean: str | ArrayLike | Callable[[Floats], ArrayLike] = "constant",
        reml: bool = False,
        warp: Any = None,
        optimizer: str | None = "auto",
        solver: str = "auto",
        n_restarts: int = 0,
        max_iter: int | None = None,
        tol: float | None = None,
        random_state: Any = None,
        fixed: Any = (),
        ties: Any = (),
        device: str = "cpu",
        memory_budget: int | None = None,
        solver_memory: int | None = None,
        rank_tol: float | None = None,
        cg: dict[str, float] | None = None,
        progress: Any = False,
        verbose: int = 0,
    ) -> None:
        self.kernel = kernel
        self.task = task
        self.noise = noise
        self.terms = terms
        self.mixing = mixing
        self.normalize_x = normalize_x
        self.normalize_y = normalize_y
        self.mean = mean
        self.reml = reml
        self.warp = warp
        self.optimizer = optimizer
        self.solver = solver
        self.n_restarts = n_restarts
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.fixed = fixed
        self.ties = ties
        self.device = device
        self.memory_budget = memory_budget
        self.solver_memory = solver_memory
        self.rank_tol = rank_tol
        self.cg = cg
        self.progress = progress
        self.verbose = verbose

    def fit(
        self, X: Any, y: Any, *, tasks: Any = None, task_names: Any = None, noise_variance: Any = None
    ) -> Self:
        """Learns the parameters.

        Parameters
        ----------
        X : array-like (n, d)
            Inputs: arrays, lists, frames of pandas or polars; numbers without gaps.
        y : array-like (n, T), or (n,)
            Outputs, NaN where nothing was observed. A vector is one task, whose answers are vectors too.
        tasks : array-like (n,), optional
            Makes y, then a vector, a list of observations, each of the task with that label: numbers from 0,
            or names. The categories of a categorical series fix the order of the tasks.
        task_names : list, optional
            Names of the columns of y; with ``tasks`` the labels in their order, also of tasks without rows.
        noise_variance : array-like of the shape of y, optional
            Known variances of the noise of each observation, added to the learned noise.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For data and settings that do not fit: the message names the argument.
        NumericalError
            Where a computation breaks down.
        MemoryBudgetError
            Where no solver fits in ``solver_memory``.
        DeviceError
            For ``device="gpu"``.

        Warns
        -----
        CoregionWarning
            For everything in ``report_.warnings``.

        Examples
        --------
        >>> import numpy as np
        >>> import coregion as cg
        >>> x = np.linspace(0.0, 6.0, 30)
        >>> y = np.where(np.arange(30) % 2, np.sin(x), np.cos(x)) + 0.1 * np.cos(40.0 * x)
        >>> stations = np.where(np.arange(30) % 2, "low", "high")
        >>> gp = cg.MultiTaskGP().fit(x[:, None], y, tasks=stations, task_names=["low", "high"])
        >>> gp.task_names_, gp.predict([[1.5]]).shape
        (['low', 'high'], (1, 2))
        """
        training = _data.training(X, y, tasks, task_names, noise_variance)
        data = training.data
        settings = core_settings(self, data.feature_names, data.task_names)
        without = isinstance(settings["noise"], str) and settings["noise"] == "none"
        if without and noise_variance is None:
            advice = "give noise_variance, or let noise be learned"
            raise incompatible("no noise and no noise_variance", advice)
        with Watch(self.progress, self.verbose, "fit") as watch:
            model = _core.GaussianProcess.fit(data, **settings, observer=watch.observer)
            watch.finished()
        self._keep(model, training)
        if verbosity(self.verbose) >= 1:
            print(self.report_)
        issue(self.report_.warnings)
        return self

    @property
    def report_(self) -> FitReport:
        """What the fit did."""
        return FitReport.of_core(self._model().report)

    @property
    def n_iter_(self) -> int:
        """Iterations of the optimiser in the best start; at least 1 where something was learned."""
        report = self.report_
        return max(report.iterations, min(report.evaluations, 1))

    @property
    def parameters_(self) -> dict[str, Floats]:
        """Every parameter by its path, in natural units."""
        return dict(self._model().parameters)

    @property
    def log_marginal_likelihood_(self) -> float:
        """Log marginal likelihood at the parameters, in nats: total, in the units of y."""
        return float(self._model().log_likelihood)

    @property
    def task_covariances_(self) -> list[Floats]:
        """The task covariance (T, T) of each term; `task_covariance_` is their sum."""
        return [np.asarray(b) for b in self._model().task_covariances]

    @property
    def terms_(self) -> list[tuple[Kernel, Task]]:
        """The kernel and the task covariance of each term, with the values learned."""
        from . import kernels, tasks

        return [(_object(k, kernels), _object(t, tasks)) for k, t in self._model().terms]

    @property
    def signal_shares_(self) -> Floats:
        """The share of each term in the variance of the signal, each task measured in its own scale."""
        return np.asarray(self._model().signal_shares)

    @property
    def mixing_(self) -> Floats | None:
        """The mixing matrix H (T, latents) with ``B_q = h_q h_q'``; ``None`` without a mixing."""
        return self._model().mixing_matrix  # type: ignore[no-any-return]

    @property
    def warps_(self) -> list[Warp]:
        """The warp of each task with the values learned, the identity where there is none.

        Examples
        --------
        >>> import numpy as np
        >>> import coregion as cg
        >>> X = np.linspace(0.0, 6.0, 30)[:, None]
        >>> y = np.exp(np.sin(X[:, 0]) + 0.1 * np.cos(40.0 * X[:, 0]))
        >>> warp = cg.MultiTaskGP(warp="log").fit(X, y).warps_[0]
        >>> warp, bool(np.allclose(warp.forward(y), np.log(y)))
        (log, True)
        """
        return list(self._model().warps)

    @property
    def task_correlation_(self) -> Floats:
        """Correlations (T, T) between the functions of the tasks."""
        return np.asarray(self._model().task_correlation)

    @property
    def task_correlation_std_error_(self) -> Floats | None:
        """Standard errors (T, T) of the correlations; ``None`` where they could not be computed."""
        return self._model().task_correlation_std_error  # type: ignore[no-any-return]

    @property
    def noise_covariance_(self) -> Floats:
        """Covariance (T, T) of the noise."""
        return np.asarray(self._model().noise_covariance)
