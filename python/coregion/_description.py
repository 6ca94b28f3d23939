"""What kernels and task covariances have in common: descriptions that the core gives life to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ._params import Parameterized, same, show
from .exceptions import InvalidValueError, ShapeError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ._types import Description as Tree


class Described(Parameterized):
    """A node of the tree of names and values that the core works on."""

    _kinds: ClassVar[dict[str, str]] = {}
    """What each value is: numbers, count, switch or word."""

    def _tree(self) -> Tree:
        """The node as the core takes it."""
        values = {}
        for name, kind in self._kinds.items():
            value = getattr(self, name)
            if value is not None and not (isinstance(value, str) and value == "auto"):
                values[name] = _value(f"{type(self).__name__}.{name}", kind, value)
        fixed = getattr(self, "fixed", ())
        fixed = [fixed] if isinstance(fixed, str) else [str(name) for name in fixed]
        return {"name": type(self).__name__, "values": values, "fixed": fixed}


class Task(Described):
    """A task covariance B (T, T): how the tasks are related, in squared units of the outputs."""


class Kernel(Described):
    """A scalar kernel; kernels are added, multiplied, scaled and applied to chosen columns.

    Examples
    --------
    >>> from coregion.kernels import RBF, Linear, Periodic
    >>> RBF() + 0.5 * Periodic(period=12.0).on([0])
    RBF() + 0.5 * Periodic(period=12.0).on([0])
    >>> (RBF() * Linear()).get_params()["k1__lengthscale"] is None
    True
    """

    def on(self, columns: int | Any) -> Kernel:
        """The kernel on some columns of x only, in the order given.

        Columns are numbers, or names where x is a data frame.
        """
        if isinstance(columns, (int, np.integer, str)):
            columns = [columns]
        kernel, scale = _unscaled(self)
        on = Columns(kernel, list(columns))
        return on if scale is None else Scale(on, scale)

    def __call__(self, X: ArrayLike, Z: ArrayLike | None = None) -> NDArray[np.float64]:
        """The Gram matrix k(X, Z), or k(X, X), of a kernel whose values are all given.

        Parameters
        ----------
        X : array_like (n, d)
        Z : array_like (m, d), optional

        Returns
        -------
        numpy.ndarray (n, m), or (n, n)

        Raises
        ------
        MissingValueError
            Where a value is not given.

        Examples
        --------
        >>> from coregion.kernels import RBF
        >>> RBF(lengthscale=1.0)([[0.0], [1.0]], [[0.0]]).round(4).tolist()
        [[1.0], [0.6065]]
        """
        from . import _arrays, _core

        x = _arrays.inputs(X, "X")
        if Z is None:
            return _core.gram_matrix(tree(self), x)
        z = _arrays.inputs(Z, "Z")
        if z.shape[1] != x.shape[1]:
            found, expected = f"{z.shape[1]} columns", f"{x.shape[1]}, as many as X has"
            raise ShapeError(
                f"Z: found {found}, expected {expected}", argument="Z", found=found, expected=expected
            )
        return _core.gram_matrix(tree(self), x, z)

    def __add__(self, other: Kernel) -> Kernel:
        if not isinstance(other, Kernel):
            return NotImplemented
        return Sum([*_terms(self, Sum), *_terms(other, Sum)])

    def __mul__(self, other: Kernel | float) -> Kernel:
        if not isinstance(other, Kernel):
            return self.__rmul__(other)
        (left, one), (right, two) = _unscaled(self), _unscaled(other)
        product = Product([*_terms(left, Product), *_terms(right, Product)])
        return product if one is two is None else Scale(product, (one or 1.0) * (two or 1.0))

    def __rmul__(self, other: float) -> Kernel:
        if not isinstance(other, (int, float, np.integer, np.floating)) or isinstance(other, bool):
            return NotImplemented
        kernel, scale = _unscaled(self)
        return Scale(kernel, float(other) if scale is None else float(other) * scale)


class _Composite(Kernel):
    """Kernels in a list, whose parameters are reached as ``k1__lengthscale``, ``k2__...``."""

    _sign: ClassVar[str]

    def __init__(self, kernels: list[Kernel]) -> None:
        self.kernels = kernels

    def _parts(self) -> dict[str, Parameterized]:
        return {f"k{i + 1}": kernel for i, kernel in enumerate(self.kernels)}

    def _set_part(self, name: str, value: Any) -> None:
        kernels = list(self.kernels)
        kernels[int(name[1:]) - 1] = value
        self.kernels = kernels

    def _tree(self) -> Tree:
        return {"name": type(self).__name__, "children": [tree(k) for k in self.kernels]}

    def __repr__(self) -> str:
        return self._sign.join(_inside(k, self) for k in self.kernels)


class Sum(_Composite):
    """The sum of kernels, ``k1 + k2``."""

    _sign = " + "


class Product(_Composite):
    """The product of kernels, ``k1 * k2``."""

    _sign = " * "


class Scale(Kernel):
    """A kernel times a positive number, ``2.0 * k``: held where it is the first of a term, else learned.

    Parameters
    ----------
    kernel : Kernel
    scale : float
        The variance it starts at.
    """

    def __init__(self, kernel: Kernel, scale: float = 1.0) -> None:
        self.kernel = kernel
        self.scale = scale

    def _tree(self) -> Tree:
        scale = _value("Scale.scale", "numbers", self.scale)
        return {"name": "Scale", "values": {"scale": scale}, "children": [tree(self.kernel)]}

    def __repr__(self) -> str:
        return f"{show(self.scale)} * {_inside(self.kernel, self)}"


class Columns(Kernel):
    """A kernel on some columns of x only, ``k.on([0, 2])``.

    Parameters
    ----------
    kernel : Kernel
    columns : list of int or of str
    """

    def __init__(self, kernel: Kernel, columns: Any = ()) -> None:
        self.kernel = kernel
        self.columns = columns

    def _tree(self) -> Tree:
        columns = [_value("Columns.columns", "column", c) for c in self.columns]
        return {"name": "Columns", "values": {"columns": columns}, "children": [tree(self.kernel)]}

    def __repr__(self) -> str:
        return f"{_inside(self.kernel, self)}.on({show(list(self.columns))})"


def tree(description: Any) -> Tree:
    """The tree of a kernel or a task covariance."""
    if isinstance(description, Described):
        return description._tree()
    found = f"{type(description).__name__} {description!r}"
    expected = "an object of coregion.kernels or coregion.tasks"
    raise InvalidValueError(
        f"description: found {found}, expected {expected}",
        argument="description",
        found=found,
        expected=expected,
    )


def with_columns(node: Tree, names: list[str]) -> Tree:
    """The tree with names of columns replaced by their numbers."""
    values = dict(node.get("values", {}))
    if node["name"] == "Columns":
        values["columns"] = [_place(column, names) for column in values["columns"]]
    children = [with_columns(child, names) for child in node.get("children", [])]
    return {**node, "values": values, "children": children}


def _place(column: int | str, names: list[str]) -> int:
    if isinstance(column, int):
        return column
    if column in names:
        return names.index(column)
    expected = f"one of: {', '.join(names)}"
    raise InvalidValueError(
        f"Columns.columns: found {column!r}, expected {expected}",
        argument="Columns.columns",
        found=repr(column),
        expected=expected,
    )


def _terms(kernel: Kernel, kind: type[_Composite]) -> list[Kernel]:
    return list(kernel.kernels) if type(kernel) is kind else [kernel]


def _unscaled(kernel: Kernel) -> tuple[Kernel, float | None]:
    """A kernel without the number in front, and the number: it stays in front of what is made of it."""
    return (kernel.kernel, kernel.scale) if isinstance(kernel, Scale) else (kernel, None)


def _inside(kernel: Kernel, outside: Kernel) -> str:
    loose = isinstance(kernel, Sum) or (isinstance(outside, Columns) and isinstance(kernel, (Product, Scale)))
    return f"({kernel!r})" if loose and not isinstance(outside, Sum) else repr(kernel)


def _value(argument: str, kind: str, value: Any) -> Any:
    """A value as the core takes it: numbers, lists of them, switches and words."""
    expected = _EXPECTED[kind]
    try:
        if kind == "numbers":
            return np.asarray(value, dtype=float).tolist()
        if kind == "column" and isinstance(value, str):
            return value
        if kind in ("count", "column"):
            number = float(value)
            if number >= 0 and number == int(number) and not isinstance(value, bool):
                return int(number)
        elif kind == "switch" and isinstance(value, (bool, np.bool_)):
            return bool(value)
        elif kind == "word" and isinstance(value, str):
            return value
    except (TypeError, ValueError, OverflowError):
        pass
    found = show(value)
    raise InvalidValueError(
        f"{argument}: found {found}, expected {expected}", argument=argument, found=found, expected=expected
    )


_EXPECTED = {
    "numbers": "numbers",
    "count": "a whole number of at least 0",
    "column": "the number or the name of a column",
    "switch": "True or False",
    "word": "a word",
}

_STRUCTURE: dict[str, type[Kernel]] = {kind.__name__: kind for kind in (Sum, Product, Scale, Columns)}


def described(node: Tree, known: dict[str, type[Any]]) -> Any:
    """The object of a tree, arrays for lists of numbers: the inverse of `tree`."""
    name, values = node["name"], dict(node.get("values", {}))
    children = [described(child, known) for child in node.get("children", [])]
    if name in ("Sum", "Product"):
        return _STRUCTURE[name](children)  # type: ignore[call-arg]
    if name in _STRUCTURE:
        return _STRUCTURE[name](*children, **values)
    arrays = {k: np.asarray(v, dtype=float) if isinstance(v, list) else v for k, v in values.items()}
    if node.get("fixed"):
        arrays["fixed"] = list(node["fixed"])
    return known[name](**arrays)


__all__ = ["Columns", "Described", "Kernel", "Product", "Scale", "Sum", "Task", "described", "same", "tree"]
