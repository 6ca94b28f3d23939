"""Mixings: independent latent functions, each with its own kernel, mixed into all tasks.

Written by ``cargo xtask stubs`` from the registries of the core; not to be edited.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from ._description import Mixing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike


class Orthogonal(Mixing):
    """H = R^1/2 U S^1/2 with orthonormal U (T, m) and noise Sigma = R, the diagonal noise of the model, or R
    + H diag(D) H' with ``latent_noise``: the orthogonal instantaneous linear mixing model (Bruinsma et al.
    2020).

    One scalar problem for each latent function.

    Parameters
    ----------
    latents : int, default 1
        Latent functions m, at least 1 and at most T.
    basis : array_like (T, latents), optional
        V, of which U = V (V' V)^-1/2 is the orthonormal factor. Where not given the start is taken from the
        data.
    strength : array_like (latents,), optional
        S, signal-to-noise ratios of the latent functions. Where not given the start is taken from the data.
    latent_variances : array_like (latents,), optional
        D, noise variances of the latent functions. Where not given the start is taken from the data.
    latent_noise : bool or "auto", default "auto"
        Whether the latent functions have noise variances D of their own; not unless told.
    fixed : sequence of str, default ()
        Names of values that are held at what was given instead of learned.

    Examples
    --------
    >>> from coregion.mixings import Orthogonal
    >>> Orthogonal().get_params()
    {'latents': 1, 'basis': None, 'strength': None, 'latent_variances': None, 'latent_noise': 'auto', 'fixed': ()}
    """

    _kinds: ClassVar[dict[str, str]] = {
        "latents": "count",
        "latent_noise": "switch",
        "basis": "numbers",
        "strength": "numbers",
        "latent_variances": "numbers",
    }

    def __init__(
        self,
        latents: int = 1,
        basis: ArrayLike | None = None,
        strength: ArrayLike | None = None,
        latent_variances: ArrayLike | None = None,
        *,
        latent_noise: bool | Literal["auto"] = "auto",
        fixed: Sequence[str] = (),
    ) -> None:
        self.latents = latents
        self.basis = basis
        self.strength = strength
        self.latent_variances = latent_variances
        self.latent_noise = latent_noise
        self.fixed = fixed


class Projected(Mixing):
    """Any H (T, m) of full rank and noise Sigma = R^1/2 (I - P) R^1/2 + H diag(D) H', with R the diagonal
    noise of the model and P the projector on the span of R^-1/2 H: the projected linear model of
    coregionalization (Truffinet et al. 2023).

    One scalar problem for each latent function.

    Parameters
    ----------
    latents : int, default 1
        Latent functions m, at least 1 and at most T.
    basis : array_like (T, latents), optional
        H, the mixing matrix, in units of the outputs. Where not given the start is taken from the data.
    latent_variances : array_like (latents,), optional
        D, noise variances of the latent functions. Where not given the start is taken from the data.
    fixed : sequence of str, default ()
        Names of values that are held at what was given instead of learned.

    Examples
    --------
    >>> from coregion.mixings import Projected
    >>> Projected().get_params()
    {'latents': 1, 'basis': None, 'latent_variances': None, 'fixed': ()}
    """

    _kinds: ClassVar[dict[str, str]] = {
        "latents": "count",
        "basis": "numbers",
        "latent_variances": "numbers",
    }

    def __init__(
        self,
        latents: int = 1,
        basis: ArrayLike | None = None,
        latent_variances: ArrayLike | None = None,
        *,
        fixed: Sequence[str] = (),
    ) -> None:
        self.latents = latents
        self.basis = basis
        self.latent_variances = latent_variances
        self.fixed = fixed


__all__ = [
    "Mixing",
    "Orthogonal",
    "Projected",
]
