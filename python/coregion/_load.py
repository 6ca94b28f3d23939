"""Fitted estimators of models that no estimator of this process fitted."""

from __future__ import annotations

import os
from typing import Any

from . import _core
from ._estimator import _object
from ._gp import MultiTaskGP
from ._ridge import MultiTaskKernelRidge
from ._scalars import memory, path_of


def load(
    path: str | os.PathLike[str], *, memory_budget: int | None = None
) -> MultiTaskGP | MultiTaskKernelRidge:
    """A fitted model from a file written by ``save``, here or from Rust.

    Its covariance is factored again. The parameters of the estimator are those of the model: kernel, task
    covariance, noise and mean with their values. Answers have the shape that they had: vectors where y was
    one. A file does not tell columns that a frame named x0, x1, ... from columns without names: such a model
    has no ``feature_names_in_``.

    Parameters
    ----------
    path : str or path
    memory_budget : int, optional
        Bytes that the file, and making the model in it, may take; 8 GiB unless told.

    Returns
    -------
    MultiTaskGP or MultiTaskKernelRidge
        Whichever the file holds.

    Raises
    ------
    ValueError
        For a path that is no text.
    ModelFileError
        For a file that is missing, damaged, foreign or of a later version.
    MemoryBudgetError
        For a model that needs more than the budget.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> import coregion as cg
    >>> X = np.linspace(0.0, 6.0, 30)[:, None]
    >>> Y = np.column_stack([np.sin(X), np.cos(X)]) + 0.1 * np.cos(X * [40.0, 52.0])
    >>> gp = cg.MultiTaskGP().fit(X, Y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.safetensors")
    ...     gp.save(path)
    ...     again = cg.load(path)
    >>> bool(np.allclose(again.predict(X), gp.predict(X)))
    True
    """
    model = _core.load(path_of(path), memory(memory_budget, "memory_budget"))
    if isinstance(model, _core.GaussianProcess):
        return gaussian_process(model)
    from . import kernels, tasks

    return MultiTaskKernelRidge._of_model(
        model, kernel=_object(model.kernel, kernels), task=_object(model.task, tasks), alpha=model.alpha
    )


def gaussian_process(model: _core.GaussianProcess, **params: Any) -> MultiTaskGP:
    """The estimator of a fitted Gaussian process."""
    from . import kernels, mixings, tasks

    if model.mixing is not None:
        own = [_object(kernel, kernels) for kernel in model.kernels]
        described: dict[str, Any] = {"kernel": own, "mixing": _object(model.mixing, mixings)}
    else:
        terms = [(_object(kernel, kernels), _object(task, tasks)) for kernel, task in model.terms]
        one = {"kernel": terms[0][0], "task": terms[0][1]}
        described = one if len(terms) == 1 else {"terms": terms}
    return MultiTaskGP._of_model(model, **described, **model.settings, **params)
