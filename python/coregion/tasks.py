"""Task covariances B (T, T): how the outputs are related, in their squared units.

Written by ``cargo xtask stubs`` from the registries of the core; not to be edited.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from ._description import Task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from ._description import Kernel as ScalarKernel


class FreeForm(Task):
    """Any positive semidefinite B = L L', with L lower triangular: T (T + 1) / 2 parameters (Bonilla, Chai &
    Williams 2007).

    Parameters
    ----------
    B : array_like (T, T), optional
        The covariance, in squared units of the outputs. Where not given the start is taken from the data.
    fixed : sequence of str, default ()
        Names of values that are held at what was given instead of learned.

    Examples
    --------
    >>> from coregion.tasks import FreeForm
    >>> FreeForm().get_params()
    {'B': None, 'fixed': ()}
    """

    _kinds: ClassVar[dict[str, str]] = {"B": "numbers"}

    def __init__(
        self,
        B: ArrayLike | None = None,
        *,
        fixed: Sequence[str] = (),
    ) -> None:
        self.B = B
        self.fixed = fixed


class LowRank(Task):
    """B = W W' + diag(kappa), or W W' + c Sigma where the residual is that of the noise: factor analysis
    between tasks (the intrinsic coregionalization model; Bonilla, Chai & Williams 2007, sec. 2.2).

    With ``residual = noise`` nothing of size T x T is formed: for very many tasks.

    Parameters
    ----------
    rank : int, default 1
        Columns of W, at least 1 and at most T.
    W : array_like (T, rank), optional
        Factor, in units of the outputs. Where not given the start is taken from the data.
    kappa : array_like (T,), optional
        Residual variances, in squared units of the outputs. Where not given the start is taken from the data.
    noise_multiple : float, optional
        The multiple c of the noise covariance. Where not given the start is taken from the data.
    residual : "diagonal" or "noise", default "diagonal"
        What is left beside W W': diag(kappa) or c Sigma.
    fixed : sequence of str, default ()
        Names of values that are held at what was given instead of learned.

    Examples
    --------
    >>> from coregion.tasks import LowRank
    >>> LowRank().get_params()
    {'rank': 1, 'W': None, 'kappa': None, 'noise_multiple': None, 'residual': 'diagonal', 'fixed': ()}
    """

    _kinds: ClassVar[dict[str, str]] = {
        "rank": "count",
        "W": "numbers",
        "kappa": "numbers",
        "residual": "word",
        "noise_multiple": "numbers",
    }

    def __init__(
        self,
        rank: int = 1,
        W: ArrayLike | None = None,
        kappa: ArrayLike | None = None,
        noise_multiple: float | None = None,
        *,
        residual: Literal["diagonal", "noise"] = "diagonal",
        fixed: Sequence[str] = (),
    ) -> None:
        self.rank = rank
        self.W = W
        self.kappa = kappa
        self.noise_multiple = noise_multiple
        self.residual = residual
        self.fixed = fixed


class LowRankPlusNoise(Task):
    """B = W W' + c Sigma with Sigma the noise covariance: for very many tasks.

    Parameters
    ----------
    rank : int, default 1
        Columns of W, at least 1 and at most T.
    W : array_like (T, rank), optional
        Factor, in units of the outputs. Where not given the start is taken from the data.
    noise_multiple : float, optional
        The multiple c of the noise covariance. Where not given the start is taken from the data.
    fixed : sequence of str, default ()
        Names of values that are held at what was given instead of learned.

    Examples
    --------
    >>> from coregion.tasks import LowRankPlusNoise
    >>> LowRankPlusNoise().get_params()
    {'rank': 1, 'W': None, 'noise_multiple': None, 'fixed': ()}
    """

    _kinds: ClassVar[dict[str, str]] = {"rank": "count", "W": "numbers", "noise_multiple": "numbers"}

    def __init__(
        self,
        rank: int = 1,
        W: ArrayLike | None = None,
        noise_multiple: float | None = None,
        *,
        fixed: Sequence[str] = (),
    ) -> None:
        self.rank = rank
        self.W = W
        self.noise_multiple = noise_multiple
        self.fixed = fixed


class NoiseMultiple(Task):
    """B = c Sigma, a multiple of the noise covariance: as the second of two terms, noise that is correlated
    between rows.

    Parameters
    ----------
    noise_multiple : float, optional
        The multiple c of the noise covariance. Where not given the start is taken from the data.
    fixed : sequence of str, default ()
        Names of values that are held at what was given instead of learned.

    Examples
    --------
    >>> from coregion.tasks import NoiseMultiple
    >>> NoiseMultiple().get_params()
    {'noise_multiple': None, 'fixed': ()}
    """

    _kinds: ClassVar[dict[str, str]] = {"noise_multiple": "numbers"}

    def __init__(
        self,
        noise_multiple: float | None = None,
        *,
        fixed: Sequence[str] = (),
    ) -> None:
        self.noise_multiple = noise_multiple
        self.fixed = fixed


class Diagonal(Task):
    """B = diag(variances): tasks that share the kernel and its parameters and nothing else.

    Parameters
    ----------
    variances : array_like (T,), optional
        Variances, in squared units of the outputs. Where not given the start is taken from the data.
    fixed : sequence of str, default ()
        Names of values that are held at what was given instead of learned.

    Examples
    --------
    >>> from coregion.tasks import Diagonal
    >>> Diagonal().get_params()
    {'variances': None, 'fixed': ()}
    """

    _kinds: ClassVar[dict[str, str]] = {"variances": "numbers"}

    def __init__(
        self,
        variances: ArrayLike | None = None,
        *,
        fixed: Sequence[str] = (),
    ) -> None:
        self.variances = variances
        self.fixed = fixed


class Kernel(Task):
    """B = variance k(Z, Z) + diagonal I with a scalar kernel k over descriptors Z (T, q) of the tasks, such
    as the coordinates of stations (Bonilla, Agakov & Williams 2007).

    Learned with the rest: the kernel's values are of the columns of Z. Tasks that were not seen are predicted
    from their descriptors.

    Parameters
    ----------
    kernel : Kernel, of `coregion.kernels`
        The kernel over the descriptors.
    features : array_like (T, q)
        Descriptors of the tasks Z, one row for each.
    variance : float, optional
        The multiple of the kernel, in squared units of the outputs. Where not given the start is taken from
        the data.
    diagonal : bool or float, default False
        A variance that each task has of its own, seen or not, in squared units of the outputs. ``False`` is
        none, ``True`` one that is learned from a start of its own, a number is where it starts.
    fixed : sequence of str, default ()
        Names of values that are held at what was given instead of learned.

    Examples
    --------
    >>> from coregion.kernels import RBF
    >>> from coregion.tasks import Kernel
    >>> Kernel(kernel=RBF(), features=[[1.0, 0.5], [0.5, 2.0]]).get_params(deep=False)
    {'kernel': RBF(), 'features': [[1.0, 0.5], [0.5, 2.0]], 'variance': None, 'diagonal': False, 'fixed': ()}
    """

    _kinds: ClassVar[dict[str, str]] = {
        "kernel": "kernel",
        "features": "numbers",
        "variance": "numbers",
        "diagonal": "added",
    }

    def __init__(
        self,
        kernel: ScalarKernel,
        features: ArrayLike,
        variance: float | None = None,
        diagonal: bool | float = False,
        *,
        fixed: Sequence[str] = (),
    ) -> None:
        self.kernel = kernel
        self.features = features
        self.variance = variance
        self.diagonal = diagonal
        self.fixed = fixed


class Fixed(Task):
    """B as given: nothing is learned.

    Parameters
    ----------
    B : array_like (T, T)
        The covariance, symmetric positive semidefinite, in squared units of the outputs.

    Examples
    --------
    >>> from coregion.tasks import Fixed
    >>> Fixed(B=[[1.0, 0.5], [0.5, 2.0]]).get_params()
    {'B': [[1.0, 0.5], [0.5, 2.0]]}
    """

    _kinds: ClassVar[dict[str, str]] = {"B": "numbers"}

    def __init__(
        self,
        B: ArrayLike,
    ) -> None:
        self.B = B


__all__ = [
    "Diagonal",
    "Fixed",
    "FreeForm",
    "Kernel",
    "LowRank",
    "LowRankPlusNoise",
    "NoiseMultiple",
    "Task",
]
