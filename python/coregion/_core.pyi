"""The compiled core. Private: what users type is in the modules beside it.

Arrays are float64 in any memory order and are read in place; everything is checked again by the core,
whose errors arrive as the classes of ``coregion.exceptions``. Fits, predictions, leave-out, files and Gram
matrices free the interpreter while they compute: no other thread may write to an array before the call that
has it returns. Properties and metrics hold the interpreter. Descriptions of kernels and task covariances are nested dictionaries, see ``Description``.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

from numpy.typing import ArrayLike

from ._types import Counts, Description, Floats, Observer

__all__ = [
    "Dataset",
    "GaussianProcess",
    "KernelRidge",
    "Warp",
    "__version__",
    "backend",
    "coverage",
    "crps",
    "describe",
    "gram_diagonal",
    "gram_matrix",
    "load",
    "mae",
    "msll",
    "nlpd",
    "normal_quantile",
    "rmse",
    "smse",
]

__version__: str
backend: str
"""The linear algebra backend, such as ``faer``."""

@final
class Dataset:
    """Data in either layout. Immutable."""

    @staticmethod
    def table(
        x: Floats,
        y: Floats,
        *,
        noise_variances: Floats | None = None,
        task_names: Sequence[str] | None = None,
        feature_names: Sequence[str] | None = None,
        vector: bool = False,
    ) -> Dataset:
        """x (n, d), y (n, T) with NaN where nothing was observed, noise_variances (n, T); vector where the
        one column of y was a vector."""

    @staticmethod
    def long(
        x: Floats,
        y: Floats,
        labels: Sequence[str],
        *,
        noise_variances: Floats | None = None,
        task_names: Sequence[str] | None = None,
        feature_names: Sequence[str] | None = None,
    ) -> Dataset:
        """x (N, d), y (N,), labels (N,), noise_variances (N,); tasks in order of appearance or as named."""

    @property
    def x(self) -> Floats: ...
    @property
    def y(self) -> Floats: ...
    @property
    def noise_variances(self) -> Floats | None: ...
    @property
    def layout(self) -> str:
        """``complete``, ``masked`` or ``long``."""
    @property
    def is_vector(self) -> bool:
        """Whether the outputs of the one task were a vector."""
    @property
    def n_rows(self) -> int: ...
    @property
    def n_tasks(self) -> int: ...
    @property
    def n_observed(self) -> int: ...
    @property
    def task_names(self) -> list[str]: ...
    @property
    def feature_names(self) -> list[str]: ...
    @property
    def entries(self) -> Counts:
        """Row and task of each observation (N, 2), in the order given."""

@final
class Warp:
    """The warp of one task with the values learned."""

    @property
    def name(self) -> str: ...
    @property
    def is_identity(self) -> bool: ...
    def forward(self, y: ArrayLike) -> Floats:
        """Warped outputs, in the shape of y."""
    def log_slope(self, y: ArrayLike) -> Floats:
        """Logarithms of the slopes at outputs, in the shape of y."""
    def inverse(self, z: ArrayLike) -> Floats:
        """Outputs of warped ones, in the shape of z."""

@final
class GaussianProcess:
    """A fitted multi-task Gaussian process."""

    @staticmethod
    def fit(
        data: Dataset,
        *,
        kernel: Description,
        task: Description | None,
        noise: str | Floats,
        mean: str | Floats | Callable[[Floats], Floats],
        reml: bool,
        warp: Sequence[str | Description] | None,
        normalize_x: bool,
        normalize_y: bool,
        optimizer: str,
        solver: str,
        fixed: Sequence[str],
        ties: Sequence[tuple[str, str]],
        n_restarts: int,
        max_iterations: int | None,
        tolerance: float | None,
        seed: int,
        memory_budget: int | None,
        solver_memory: int | None,
        rank_tol: float | None,
        cg: Mapping[str, float] | None,
        observer: Observer | None,
    ) -> GaussianProcess:
        """noise: shared, per-task, full, none, variances (T,) or a covariance (T, T). mean: zero,
        constant, linear, training, constants (T,), or a function of rows (m, d) that gives columns (m, p). The observer gets restart, evaluations, eigendecompositions and
        log_posterior."""

    def predict(self, x: Floats, *, std: bool, include_noise: bool) -> tuple[Floats, Floats | None]:
        """Mean (m, T) and standard deviation (m, T)."""
    def predict_tasks(
        self, x: Floats, task_features: Floats, *, std: bool, include_noise: bool
    ) -> tuple[Floats, Floats | None]:
        """The same (m, S) for tasks that were not seen, of descriptors (S, q)."""
    def predict_given(
        self, x: Floats, given: Floats, *, std: bool, include_noise: bool
    ) -> tuple[Floats, Floats | None]:
        """The same where some tasks were measured: given (m, T), NaN where wanted."""
    def predict_at(
        self, x: Floats, tasks: Counts, *, std: bool, include_noise: bool
    ) -> tuple[Floats, Floats | None]:
        """Mean and standard deviation (m, 1) of one task for each row."""
    def predict_quantiles_at(
        self, x: Floats, tasks: Counts, levels: list[float], *, include_noise: bool
    ) -> Floats:
        """(m, q) of one task for each row."""
    def predict_quantiles(
        self, x: Floats, levels: list[float], *, given: Floats | None, include_noise: bool
    ) -> Floats:
        """(m, T, q)."""
    def impute_quantiles(self, levels: list[float], *, include_noise: bool) -> Floats:
        """(n, T, q)."""
    @property
    def warps(self) -> list[Warp]: ...
    def predict_covariance(self, x: Floats, *, include_noise: bool) -> Floats:
        """(m, T, m, T)."""
    def predict_task_covariances(self, x: Floats) -> Floats:
        """(m, T, T), latent."""
    def sample(self, x: Floats, n_samples: int, *, include_noise: bool, seed: int) -> Floats:
        """(m, T, n_samples)."""
    def impute(self, *, std: bool, include_noise: bool) -> tuple[Floats, Floats | None]:
        """The training table (n, T), gaps filled."""
    def condition(
        self, x: Floats, y: Floats, *, noise_variances: Floats | None = None
    ) -> GaussianProcess: ...
    def leave_one_out(self, by: str, groups: Counts | None = None) -> tuple[Floats, Floats, Floats]:
        """Mean, standard deviation (n, T) and log densities. by: row, entry or task; with groups (n,):
        row (whole rows) or entry (one task at a time)."""
    def leave_one_out_quantiles(self, by: str, levels: list[float], groups: Counts | None = None) -> Floats:
        """Quantiles (n, T, q) of what is left out."""
    def leave_one_out_warped(self, by: str, groups: Counts | None = None) -> tuple[Floats, Floats, Floats]:
        """The same of the warped outputs."""
    def k_fold(self, groups: Counts) -> tuple[Floats, Floats]:
        """Mean and standard deviation (n, T), each group predicted from the rest, factored anew."""
    def log_marginal_likelihood(self, parameters: Mapping[str, Floats]) -> tuple[float, dict[str, Floats]]:
        """Value and gradient by path, with some parameters set to other values."""
    @property
    def log_likelihood(self) -> float: ...
    @property
    def parameters(self) -> dict[str, Floats]: ...
    @property
    def kernel(self) -> Description: ...
    @property
    def task(self) -> Description: ...
    @property
    def terms(self) -> list[tuple[Description, Description]]:
        """The kernel and the task covariance of each term."""
    @property
    def signal_shares(self) -> list[float]:
        """The share of each term in the variance of the signal at the training rows."""
    @property
    def signal_variances(self) -> Floats:
        """(T,), the prior variance of each task's function, the mean over the training rows."""
    @property
    def task_covariances(self) -> list[Floats]:
        """(T, T) of each term."""
    @property
    def task_covariance(self) -> Floats: ...
    @property
    def kernels(self) -> list[Description]: ...
    @property
    def mixing(self) -> Description | None: ...
    @property
    def mixing_matrix(self) -> Floats | None: ...
    @property
    def task_correlation(self) -> Floats: ...
    @property
    def task_correlation_std_error(self) -> Floats | None: ...
    @property
    def noise_covariance(self) -> Floats: ...
    @property
    def report(self) -> dict[str, Any]:
        """See ``coregion.FitReport``; warnings are (kind, message) pairs."""
    @property
    def settings(self) -> dict[str, Any]:
        """noise, mean, reml, warp, normalize_x, normalize_y, solver: how the model was set up."""
    @property
    def data(self) -> Dataset: ...
    def save(self, path: str) -> None: ...
    def to_bytes(self) -> bytes: ...
    @staticmethod
    def from_bytes(data: bytes) -> GaussianProcess: ...
    def __str__(self) -> str: ...

@final
class KernelRidge:
    """A fitted multi-task kernel ridge regression."""

    @staticmethod
    def fit(
        data: Dataset,
        *,
        kernel: Description,
        tasks: Sequence[Description] | None,
        alphas: Sequence[float],
        task_penalties: Sequence[float] | None,
        task_weights: Sequence[float] | None,
        sample_weight: Floats | None,
        fit_intercept: bool,
        criterion: str,
        groups: Counts | None,
        refine: bool,
        penalty_for_each_task: bool,
        memory_budget: int | None,
        observer: Observer | None,
    ) -> KernelRidge:
        """criterion: row, entry, task, gcv, or row, entry with groups (n,); log-density:row and so on
        for densities. One alpha and one task covariance are taken as they are. The observer gets
        done and total."""

    def predict(self, x: Floats) -> Floats: ...
    def leave_one_out(self, by: str, groups: Counts | None = None) -> tuple[Floats, Floats, Floats]: ...
    def posterior(self) -> GaussianProcess: ...
    @property
    def alpha(self) -> float: ...
    @property
    def penalties(self) -> Floats: ...
    @property
    def alphas(self) -> Floats: ...
    @property
    def dual_coef(self) -> Floats: ...
    @property
    def intercept(self) -> Floats | None: ...
    @property
    def cv_errors(self) -> Floats: ...
    @property
    def criterion_value(self) -> float | None: ...
    @property
    def criterion(self) -> str: ...
    @property
    def task_index(self) -> int: ...
    @property
    def kernel(self) -> Description: ...
    @property
    def task(self) -> Description: ...
    @property
    def task_covariance(self) -> Floats: ...
    @property
    def rkhs_norm_squared(self) -> float: ...
    @property
    def warnings(self) -> list[tuple[str, str]]: ...
    @property
    def data(self) -> Dataset: ...
    def save(self, path: str) -> None: ...
    def to_bytes(self) -> bytes: ...
    @staticmethod
    def from_bytes(data: bytes) -> KernelRidge: ...
    def __str__(self) -> str: ...

def load(path: str, memory_budget: int | None = None) -> GaussianProcess | KernelRidge: ...
def describe(description: Description) -> str:
    """A description in words, numbers shortened."""

def gram_diagonal(kernel: Description, x: Floats) -> Floats:
    """k(x_i, x_i) (n,) of a kernel whose values are all given: its variance at each row before any data."""

def gram_matrix(kernel: Description, x: Floats, z: Floats | None = None) -> Floats:
    """k(x, z), or k(x, x), of a kernel whose values are all given."""

def rmse(truth: Floats, mean: Floats) -> tuple[Floats, float]:
    """Metrics of each task (T,) and their mean; truth (n, T) with NaN where nothing was observed."""

def mae(truth: Floats, mean: Floats) -> tuple[Floats, float]: ...
def smse(truth: Floats, mean: Floats, train_mean: Floats | None) -> tuple[Floats, float]:
    """Normalised by the error of the training means (T,); by the mean of truth where ``None``."""

def nlpd(truth: Floats, mean: Floats, std: Floats) -> tuple[Floats, float]: ...
def msll(
    truth: Floats, mean: Floats, std: Floats, train_mean: Floats, train_std: Floats
) -> tuple[Floats, float]: ...
def coverage(truth: Floats, mean: Floats, std: Floats, level: float) -> tuple[Floats, float]: ...
def crps(truth: Floats, mean: Floats, std: Floats) -> tuple[Floats, float]: ...
def normal_quantile(p: float) -> float:
    """The quantile of the standard normal distribution."""
