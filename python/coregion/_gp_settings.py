"""The constructor arguments of `MultiTaskGP` as the core takes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _arrays, _scalars
from ._errors import incompatible, invalid, wrong_shape
from ._estimator import kernel_tree, mixing_tree, task_tree
from ._random import seed_of
from ._types import Floats
from ._warp import core_warps

if TYPE_CHECKING:
    from ._gp import MultiTaskGP


_MEANS = ("zero", "constant", "linear", "training")
_NOISE = ("shared", "per-task", "full", "none")
_WHOLE = ("max_iterations", "rank", "n_probes", "seed")
"""Settings of the iterative solver that are whole numbers."""


def core_settings(gp: MultiTaskGP, feature_names: list[str], task_names: list[str]) -> dict[str, Any]:
    """The settings by the names of the core's ``fit``.

    Raises
    ------
    ValueError
        For a setting that is not accepted, with its name, what it was and what was expected.
    """
    from .kernels import Matern52

    (kernel, task), further = _terms(gp)
    kernels: list[Any] | None = None
    if gp.mixing is not None:
        kernel, kernels = _latent_kernels(gp)
    n_tasks = len(task_names)
    gp._check_device()
    n_restarts = _scalars.count(gp.n_restarts, "n_restarts")
    if gp.optimizer is None and n_restarts:
        raise incompatible("n_restarts and optimizer=None", "nothing is learned from other starts either")
    return {
        "kernel": kernel_tree(Matern52() if kernel is None else kernel, feature_names),
        "task": None if task is None else task_tree(task),
        "further": [(kernel_tree(k, feature_names), task_tree(t)) for k, t in further],
        "mixing": None if gp.mixing is None else mixing_tree(gp.mixing),
        "latent_kernels": kernels and [kernel_tree(k, feature_names) for k in kernels],
        "noise": _noise(gp.noise, n_tasks),
        "mean": _mean(gp.mean, n_tasks),
        "reml": _scalars.switch(gp.reml, "reml"),
        "warp": core_warps(gp.warp, task_names),
        "normalize_x": _scalars.switch(gp.normalize_x, "normalize_x"),
        "normalize_y": _scalars.switch(gp.normalize_y, "normalize_y"),
        "optimizer": "none" if gp.optimizer is None else _word(gp.optimizer, "optimizer"),
        "solver": _word(gp.solver, "solver"),
        "fixed": _paths(gp.fixed, "fixed"),
        "ties": _ties(gp.ties),
        "n_restarts": n_restarts,
        "max_iterations": None if gp.max_iter is None else _scalars.count(gp.max_iter, "max_iter"),
        "tolerance": None if gp.tol is None else _scalars.positive(gp.tol, "tol"),
        "seed": seed_of(gp.random_state, default=0),
        "memory_budget": _scalars.memory(gp.memory_budget, "memory_budget"),
        "solver_memory": _scalars.memory(gp.solver_memory, "solver_memory"),
        "rank_tol": None if gp.rank_tol is None else _scalars.positive(gp.rank_tol, "rank_tol"),
        "cg": _cg(gp.cg),
    }


def _terms(gp: MultiTaskGP) -> tuple[tuple[Any, Any], list[tuple[Any, Any]]]:
    """The first kernel with its task covariance, and those of the further terms."""
    if gp.terms is None:
        return (gp.kernel, gp.task), []
    if gp.kernel is not None or gp.task is not None:
        raise incompatible("terms and kernel or task", "give kernel and task, or a list of such pairs")
    expected = "a list of pairs (kernel, task)"
    if not isinstance(gp.terms, (list, tuple)) or not gp.terms:
        raise invalid("terms", repr(gp.terms), expected)
    pairs = []
    for pair in gp.terms:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise invalid("terms", repr(gp.terms), expected)
        pairs.append((pair[0], pair[1]))
    return pairs[0], pairs[1:]


def _latent_kernels(gp: MultiTaskGP) -> tuple[Any, list[Any] | None]:
    """The kernel of all latent functions, or those of each."""
    if gp.task is not None or gp.terms is not None:
        raise incompatible(
            "mixing and task or terms", "the mixing makes the task covariances: leave them out"
        )
    if not isinstance(gp.kernel, (list, tuple)):
        return gp.kernel, None
    if not gp.kernel:
        raise invalid("kernel", "an empty list", "a kernel, or one for each latent function")
    return gp.kernel[0], list(gp.kernel)


def _word(value: Any, argument: str) -> str:
    if isinstance(value, str):
        return value
    raise invalid(argument, repr(value), "a word")


def _noise(noise: Any, n_tasks: int) -> str | Floats:
    shapes = f"variances {(n_tasks,)} or a covariance {(n_tasks, n_tasks)}"
    expected = f"'shared', 'per-task', 'full', 'none' or an array: {shapes}"
    if noise is None:
        return "none"
    if isinstance(noise, str):
        if noise in _NOISE:
            return noise
        raise invalid("noise", repr(noise), expected)
    array = _arrays.to_floats(noise, "noise")
    if array.shape not in ((n_tasks,), (n_tasks, n_tasks)):
        raise wrong_shape("noise", f"shape {array.shape}", expected)
    _arrays.finite(array, "noise")
    return array


def _mean(mean: Any, n_tasks: int) -> str | Floats | Callable[[Floats], Floats]:
    names = ", ".join(repr(name) for name in _MEANS)
    expected = f"{names}, a function of X or an array of constants {(n_tasks,)}"
    if isinstance(mean, str):
        if mean in _MEANS:
            return mean
        raise invalid("mean", repr(mean), expected)
    if mean is None:
        raise invalid("mean", repr(mean), expected)
    if callable(mean):
        return _basis(mean)
    array = _arrays.to_floats(mean, "mean")
    if array.shape != (n_tasks,):
        raise wrong_shape("mean", f"shape {array.shape}", expected)
    _arrays.finite(array, "mean")
    return array


def _basis(function: Callable[[Floats], Any]) -> Callable[[Floats], Floats]:
    """The function with its columns as the core takes them."""

    def columns(x: Floats) -> Floats:
        array = _arrays.to_floats(function(x), "mean")
        if array.ndim != 2 or len(array) != len(x):
            found = f"an array of shape {array.shape} from its function"
            raise wrong_shape("mean", found, f"({len(x)}, p): a row for each row of X")
        return np.array(array, dtype=np.float64, order="C")

    return columns


def _paths(value: Any, argument: str) -> list[str]:
    """Paths of parameters; one alone may come without a list."""
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, (list, tuple)) or not all(isinstance(path, str) for path in listed):
        raise invalid(argument, repr(value), "a list of paths of parameters, as in parameters_")
    return list(listed)


def _ties(value: Any) -> list[tuple[str, str]]:
    expected = "a list of pairs of paths of parameters, as in parameters_"
    if not isinstance(value, (list, tuple)):
        raise invalid("ties", repr(value), expected)
    pairs = []
    for pair in value:
        is_pair = isinstance(pair, (list, tuple)) and len(pair) == 2
        if not is_pair or not all(isinstance(path, str) for path in pair):
            raise invalid("ties", repr(value), expected)
        pairs.append((pair[0], pair[1]))
    return pairs


def _cg(value: Any) -> dict[str, float] | None:
    """Settings of the iterative solver; the core knows their names and ranges."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise invalid("cg", repr(value), "a dictionary of settings of the iterative solver")
    out: dict[str, float] = {}
    for name, number in value.items():
        if not isinstance(name, str):
            raise invalid("cg", f"a setting {name!r}", "names of settings, as text")
        if _scalars.is_whole(number) or name in _WHOLE:
            out[name] = _scalars.count(number, f"cg[{name!r}]")
        else:
            out[name] = _scalars.positive(number, f"cg[{name!r}]")
    return out
