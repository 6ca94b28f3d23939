"""Correlations of a covariance matrix."""

from __future__ import annotations

import numpy as np

from ._types import Floats


def correlation(covariance: Floats) -> Floats:
    """``B_ts / sqrt(B_tt B_ss)`` (T, T); what has no variance correlates with nothing else."""
    std = np.sqrt(np.diag(covariance))
    safe = np.where(std > 0, std, 1.0)
    rho: Floats = covariance / np.outer(safe, safe)
    np.fill_diagonal(rho, 1.0)
    return rho


__all__ = ["correlation"]
