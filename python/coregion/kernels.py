"""Scalar kernels: how alike the outputs at two inputs are.

Kernels have unit amplitude: the scale is that of the task covariance. They are added, multiplied, scaled
and applied to chosen columns: ``RBF().on([0, 1]) + 0.5 * Periodic(period=12.0).on([2])``.

Written by ``cargo xtask stubs`` from the registries of the core; not to be edited.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from ._description import Columns, Kernel, Product, Scale, Sum

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike


class RBF(Kernel):
    """The squared exponential kernel ``k = exp(-r^2 / 2)``, infinitely differentiable (Rasmussen & Williams
    2006, eq. 4.9), with ``r^2 = sum_c ((x_c - z_c) / lengthscale_c)^2``.

    Parameters
    ----------
    lengthscale : array_like (d,), optional
        A lengthscale for each column, in its unit; one number is shared by all columns. Where not given the
        start is taken from the data.
    ard : bool or "auto", default "auto"
        Whether each column has a lengthscale of its own; by default up to 30 columns have.
    fixed : sequence of str, default ()
        Names of values that are held at what was given instead of learned.

    Examples
    --------
    >>> from coregion.kernels import RBF
    >>> RBF().get_params()
    {'lengthscale': None, 'ard': 'auto', 'fixed': ()}
    """

    _kinds: ClassVar[dict[str, str]] = {"lengthscale": "numbers", "ard": "switch"}

    def __init__(
        self,
        lengthscale: ArrayLike | None = None,
        *,
        ard: bool | Literal["auto"] = "auto",
        fixed: Sequence[str] = (),
    ) -> None:
        self.lengthscale = lengthscale
        self.ard = ard
        self.fixed = fixed


class Matern12(Kernel):
    """The exponential kernel ``k = exp(-r)``, Matern with smoothness 1/2: continuous, nowhere differentiable
    (Rasmussen & Williams 2006, eq. 4.18), with ``r^2 = sum_c ((x_c - z_c) / lengthscale_c)^2``.

    Parameters
    ----------
    lengthscale : array_like (d,), optional
        A lengthscale for each column, in its unit; one number is shared by all columns. Where not given the
        start is taken from the data.
    ard : bool or "auto", default "auto"
        Whether each column has a lengthscale of its own; by default up to 30 columns have.
    fixed : sequence of str, default ()
        Names of values that are held at what was given instead of learned.

    Examples
    --------
    >>> from coregion.kernels import Matern12
    >>> Matern12().get_params()
    {'lengthscale': None, 'ard': 'auto', 'fixed': ()}
    """

    _kinds: ClassVar[dict[str, str]] = {"lengthscale": "numbers", "ard": "switch"}

    def __init__(
        self,
        lengthscale: ArrayLike | None = None,
        *,
        ard: bool | Literal["auto"] = "auto",
        fixed: Sequence[str] = (),
    ) -> None:
        self.lengthscale = lengthscale
        self.ard = ard
        self.fixed = fixed


class Matern32(Kernel):
    """The Matern kernel ``k = (1 + sqrt(3) r) exp(-sqrt(3) r)`` with smoothness 3/2: once differentiable
    (Rasmussen & Williams 2006, eq. 4.17), with ``r^2 = sum_c ((x_c - z_c) / lengthscale_c)^2``.

    Parameters
    ----------
    lengthscale : array_like (d,), optional
        A lengthscale for each column, in its unit; one number is shared by all columns. Where not given the
        start is taken from the data.
    ard : bool or "auto", default "auto"
        Whether each column has a lengthscale of its own; by default up to 30 columns have.
    fixed : sequence of str, default ()
        Names of values that are held at what was given instead of learned.

    Examples
    --------
    >>> from coregion.kernels import Matern32
    >>> Matern32().get_params()
    {'lengthscale': None, 'ard': 'auto', 'fixed': ()}
    """

    _kinds: ClassVar[dict[str, str]] = {"lengthscale": "numbers", "ard": "switch"}

    def __init__(
        self,
        lengthscale: ArrayLike | None = None,
        *,
        ard: bool | Literal["auto"] = "auto",
        fixed: Sequence[str] = (),
    ) -> None:
        self.lengthscale = lengthscale
        self.ard = ard
        self.fixed = fixed


class Matern52(Kernel):
    """The Matern kernel ``k = (1 + sqrt(5) r + 5 r^2 / 3) exp(-sqrt(5) r)`` with smoothness 5/2: twice
    differentiable (Rasmussen & Williams 2006, eq. 4.17), with ``r^2 = sum_c ((x_c - z_c) /
    lengthscale_c)^2``.

    Parameters
    ----------
    lengthscale : array_like (d,), optional
        A lengthscale for each column, in its unit; one number is shared by all columns. Where not given the
        start is taken from the data.
    ard : bool or "auto", default "auto"
        Whether each column has a lengthscale of its own; by default up to 30 columns have.
    fixed : sequence of str, default ()
        Names of values that are held at what was given instead of learned.

    Examples
    --------
    >>> from coregion.kernels import Matern52
    >>> Matern52().get_params()
    {'lengthscale': None, 'ard': 'auto', 'fixed': ()}
    """

    _kinds: ClassVar[dict[str, str]] = {"lengthscale": "numbers", "ard": "switch"}

    def __init__(
        self,
        lengthscale: ArrayLike | None = None,
        *,
        ard: bool | Literal["auto"] = "auto",
        fixed: Sequence[str] = (),
    ) -> None:
        self.lengthscale = lengthscale
        self.ard = ard
        self.fixed = fixed


class RationalQuadratic(Kernel):
    """The rational quadratic kernel ``k = (1 + r^2 / (2 alpha))^-alpha``, a mixture of squared exponentials
    over many lengthscales (Rasmussen & Williams 2006, eq. 4.19), with ``r^2 = sum_c ((x_c - z_c) /
    lengthscale_c)^2``.

    Parameters
    ----------
    lengthscale : array_like (d,), optional
        A lengthscale for each column, in its unit; one number is shared by all columns. Where not given the
        start is taken from the data.
    alpha : float, optional
        Exponent, positive: small for many lengthscales. Where not given the start is taken from the data.
    ard : bool or "auto", default "auto"
        Whether each column has a lengthscale of its own; by default up to 30 columns have.
    fixed : sequence of str, default ()
        Names of values that are held at what was given instead of learned.

    Examples
    --------
    >>> from coregion.kernels import RationalQuadratic
    >>> RationalQuadratic().get_params()
    {'lengthscale': None, 'alpha': None, 'ard': 'auto', 'fixed': ()}
    """

    _kinds: ClassVar[dict[str, str]] = {"lengthscale": "numbers", "alpha": "numbers", "ard": "switch"}

    def __init__(
        self,
        lengthscale: ArrayLike | None = None,
        alpha: float | None = None,
        *,
        ard: bool | Literal["auto"] = "auto",
        fixed: Sequence[str] = (),
    ) -> None:
        self.lengthscale = lengthscale
        self.alpha = alpha
        self.ard = ard
        self.fixed = fixed


class Periodic(Kernel):
    """The periodic kernel ``k = exp(-2 sin^2(pi |x - z| / period) / lengthscale^2)`` (MacKay 1998), with the
    Euclidean distance over its columns; on one column, ``.on([j])``, it is always positive semidefinite.

    Parameters
    ----------
    lengthscale : float, optional
        Roughness within a period, without a unit. Where not given the start is taken from the data.
    period : float, optional
        Period, in the unit of the column. Where not given the start is taken from the data.
    fixed : sequence of str, default ()
        Names of values that are held at what was given instead of learned.

    Examples
    --------
    >>> from coregion.kernels import Periodic
    >>> Periodic().get_params()
    {'lengthscale': None, 'period': None, 'fixed': ()}
    """

    _kinds: ClassVar[dict[str, str]] = {"lengthscale": "numbers", "period": "numbers"}

    def __init__(
        self,
        lengthscale: float | None = None,
        period: float | None = None,
        *,
        fixed: Sequence[str] = (),
    ) -> None:
        self.lengthscale = lengthscale
        self.period = period
        self.fixed = fixed


class Cosine(Kernel):
    """The cosine kernel ``k = cos(2 pi (x - z) / period)`` on one column: a pure oscillation, of rank 2.

    Parameters
    ----------
    period : float, optional
        Period, in the unit of the column. Where not given the start is taken from the data.
    fixed : sequence of str, default ()
        Names of values that are held at what was given instead of learned.

    Examples
    --------
    >>> from coregion.kernels import Cosine
    >>> Cosine().get_params()
    {'period': None, 'fixed': ()}
    """

    _kinds: ClassVar[dict[str, str]] = {"period": "numbers"}

    def __init__(
        self,
        period: float | None = None,
        *,
        fixed: Sequence[str] = (),
    ) -> None:
        self.period = period
        self.fixed = fixed


class Linear(Kernel):
    """The linear kernel ``k = x.z + bias``: Bayesian linear regression (Rasmussen & Williams 2006, eq. 2.12).

    Columns act in the user's units and are not centred.

    Parameters
    ----------
    bias : float, optional
        At least 0, in squared units of the columns. Where not given the start is taken from the data.
    fixed : sequence of str, default ()
        Names of values that are held at what was given instead of learned.

    Examples
    --------
    >>> from coregion.kernels import Linear
    >>> Linear().get_params()
    {'bias': None, 'fixed': ()}
    """

    _kinds: ClassVar[dict[str, str]] = {"bias": "numbers"}

    def __init__(
        self,
        bias: float | None = None,
        *,
        fixed: Sequence[str] = (),
    ) -> None:
        self.bias = bias
        self.fixed = fixed


class Polynomial(Kernel):
    """The polynomial kernel ``k = (x.z + bias)^degree`` (Rasmussen & Williams 2006, sec. 4.2.2).

    Columns act in the user's units and are not centred.

    Parameters
    ----------
    degree : int, default 2
        Degree, at least 1, not learned.
    bias : float, optional
        At least 0, in squared units of the columns. Where not given the start is taken from the data.
    fixed : sequence of str, default ()
        Names of values that are held at what was given instead of learned.

    Examples
    --------
    >>> from coregion.kernels import Polynomial
    >>> Polynomial().get_params()
    {'degree': 2, 'bias': None, 'fixed': ()}
    """

    _kinds: ClassVar[dict[str, str]] = {"degree": "count", "bias": "numbers"}

    def __init__(
        self,
        degree: int = 2,
        bias: float | None = None,
        *,
        fixed: Sequence[str] = (),
    ) -> None:
        self.degree = degree
        self.bias = bias
        self.fixed = fixed


class Constant(Kernel):
    """The constant kernel ``k = 1``: one random offset shared by all rows.

    Scale it inside a sum.

    Examples
    --------
    >>> from coregion.kernels import Constant
    >>> Constant().get_params()
    {}
    """


class SpectralMixture(Kernel):
    """The spectral mixture kernel ``k = sum_q w_q prod_c exp(-2 pi^2 (x_c - z_c)^2 s_qc^2) cos(2 pi (x_c -
    z_c) m_qc)`` with weights w, frequencies m and bandwidths s (Wilson & Adams 2013, eq. 12).

    Its likelihood has many optima: give what is known.

    Parameters
    ----------
    weights : array_like (Q,), optional
        Weights. Where not given the start is taken from the data.
    frequencies : array_like (Q, d), optional
        Frequencies, in the inverse unit of their column. Where not given the start is taken from the data.
    bandwidths : array_like (Q, d), optional
        Bandwidths, in the inverse unit of their column. Where not given the start is taken from the data.
    components : int, optional
        Number Q of components, where no weights are given.
    fixed : sequence of str, default ()
        Names of values that are held at what was given instead of learned.

    Examples
    --------
    >>> from coregion.kernels import SpectralMixture
    >>> SpectralMixture().get_params()
    {'weights': None, 'frequencies': None, 'bandwidths': None, 'components': None, 'fixed': ()}
    """

    _kinds: ClassVar[dict[str, str]] = {
        "weights": "numbers",
        "frequencies": "numbers",
        "bandwidths": "numbers",
        "components": "count",
    }

    def __init__(
        self,
        weights: ArrayLike | None = None,
        frequencies: ArrayLike | None = None,
        bandwidths: ArrayLike | None = None,
        components: int | None = None,
        *,
        fixed: Sequence[str] = (),
    ) -> None:
        self.weights = weights
        self.frequencies = frequencies
        self.bandwidths = bandwidths
        self.components = components
        self.fixed = fixed


class Categorical(Kernel):
    """The categorical kernel on one column: ``k = 1`` between equal levels and a learned correlation ``rho``
    between 0 and 1 otherwise (compound symmetry; Pinheiro & Bates 2000, sec. 5.3).

    Parameters
    ----------
    levels : array_like (L,), optional
        Levels allowed, any where not given.
    rho : float, optional
        Correlation between different levels. Where not given the start is taken from the data.
    fixed : sequence of str, default ()
        Names of values that are held at what was given instead of learned.

    Examples
    --------
    >>> from coregion.kernels import Categorical
    >>> Categorical().get_params()
    {'levels': None, 'rho': None, 'fixed': ()}
    """

    _kinds: ClassVar[dict[str, str]] = {"levels": "numbers", "rho": "numbers"}

    def __init__(
        self,
        levels: ArrayLike | None = None,
        rho: float | None = None,
        *,
        fixed: Sequence[str] = (),
    ) -> None:
        self.levels = levels
        self.rho = rho
        self.fixed = fixed


__all__ = [
    "RBF",
    "Categorical",
    "Columns",
    "Constant",
    "Cosine",
    "Kernel",
    "Linear",
    "Matern12",
    "Matern32",
    "Matern52",
    "Periodic",
    "Polynomial",
    "Product",
    "RationalQuadratic",
    "Scale",
    "SpectralMixture",
    "Sum",
]
