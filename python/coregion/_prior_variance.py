"""The variance k(x, x) that a kernel gives each row before any data: 1 for stationary kernels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ._types import Floats

UNIT = {
    "Categorical",
    "Constant",
    "Cosine",
    "Matern12",
    "Matern32",
    "Matern52",
    "Periodic",
    "RBF",
    "RationalQuadratic",
}
"""Kernels with k(x, x) = 1."""


def prior_variance(kernel: Mapping[str, Any], x: Floats) -> Floats | None:
    """The diagonal k(x, x) (n,) of a fitted kernel at rows x (n, d); ``None`` for a kernel not known here.

    Parameters
    ----------
    kernel : mapping
        The description of the fitted kernel: names, values, children.
    x : array (n, d)
    """
    name, values = kernel["name"], kernel.get("values", {})
    if name in UNIT:
        return np.ones(len(x))
    if name == "SpectralMixture":
        return np.full(len(x), float(np.sum(values["weights"])))
    if name in ("Linear", "Polynomial"):
        dot = np.sum(x * x, axis=1) + float(values["bias"])
        return np.asarray(dot if name == "Linear" else dot ** int(values["degree"]))
    if name == "Columns":
        return prior_variance(kernel["children"][0], x[:, [int(c) for c in values["columns"]]])
    parts = [prior_variance(child, x) for child in kernel.get("children", [])]
    found = [part for part in parts if part is not None]
    if not found or len(found) < len(parts):
        return None
    if name == "Scale":
        return float(values["scale"]) * found[0]
    if name == "Sum":
        return np.asarray(np.sum(found, axis=0))
    if name == "Product":
        return np.asarray(np.prod(found, axis=0))
    return None


__all__ = ["prior_variance"]
