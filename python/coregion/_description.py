"""What kernels and task covariances have in common: descriptions that the core gives life to."""

from __future__ import annotations

import copy
import numbers
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ._errors import invalid, wrong_shape
from ._params import Parameterized, same, show
from ._scalars import LARGEST, is_whole

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from ._types import Description as Tree
    from ._types import Floats


class Described(Parameterized):
    """A node of the tree of names and values that the core works on."""

    _kinds: ClassVar[dict[str, str]] = {}
    """What each value is: numbers, count, switch, word or added; a kernel is a part."""

    def _tree(self) -> Tree:
        """The node as the core takes it."""
        values, children = {}, []
        for name, kind in self._kinds.items():
            value = getattr(self, name)
            if kind == "kernel":
                children.append(_part(f"{type(self).__name__}.{name}", value, self))
            elif value is not None and not (isinstance(value, str) and value == "auto"):
                values[name] = _value(f"{type(self).__name__}.{name}", kind, value)
        node: Tree = {"name": type(self).__name__, "values": values, "fixed": self._held()}
        return {**node, "children": children} if children else node

    def _held(self) -> list[str]:
        """Names of the values that are held."""
        fixed = getattr(self, "fixed", None)
        listed = [] if fixed is None else [fixed] if isinstance(fixed, str) else fixed
        if not isinstance(listed, (list, tuple)) or not all(isinstance(name, str) for name in listed):
            raise invalid(f"{type(self).__name__}.fixed", repr(fixed), "names of values, in a list")
        return list(listed)


class Task(Described):
    """A task covariance B (T, T): how the tasks are related, in squared units of the outputs."""


class Mixing(Described):
    """What mixes independent latent functions into the tasks: f = H g, in units of the outputs."""


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
        listed: list[Any] = (
            [columns] if isinstance(columns, (int, str)) or is_whole(columns) else list(columns)
        )
        kernel, scale = _unscaled(self)
        on = Columns(kernel, listed)
        return on if scale is None else Scale(on, scale.scale, fixed=scale.fixed)

    def __call__(self, X: ArrayLike, Z: ArrayLike | None = None) -> Floats:
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
            raise wrong_shape("Z", f"{z.shape[1]} columns", f"{x.shape[1]}, as many as X has")
        return _core.gram_matrix(tree(self), x, z)

    def __add__(self, other: Kernel) -> Kernel:
        if not isinstance(other, Kernel):
            return NotImplemented
        return Sum(_apart([*_terms(self, Sum), *_terms(other, Sum)]))

    def __mul__(self, other: Kernel | float) -> Kernel:
        if not isinstance(other, Kernel):
            return self.__rmul__(other)
        (left, one), (right, two) = _unscaled(self), _unscaled(other)
        product = Product(_apart([*_terms(left, Product), *_terms(right, Product)]))
        if one is None or two is None:
            scale = one or two
            return product if scale is None else Scale(product, scale.scale, fixed=scale.fixed)
        held = list(one.fixed or ()) if one._held() and two._held() else ()
        return Scale(product, one.scale * two.scale, fixed=held)

    def __rmul__(self, other: float) -> Kernel:
        if not isinstance(other, numbers.Real) or isinstance(other, (bool, np.bool_)):
            return NotImplemented
        kernel, scale = _unscaled(self)
        if scale is None:
            return Scale(kernel, float(other))
        return Scale(kernel, float(other) * scale.scale, fixed=scale.fixed)


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
    fixed : sequence of str, default ()
        ``["scale"]`` holds it. A product of two scales is held where both are.

    Examples
    --------
    >>> from coregion.kernels import RBF, Linear, Scale
    >>> RBF() + Scale(Linear(), 2.0, fixed=["scale"])
    RBF() + Scale(kernel=Linear(), scale=2.0, fixed=['scale'])
    """

    def __init__(self, kernel: Kernel, scale: float = 1.0, *, fixed: Sequence[str] = ()) -> None:
        self.kernel = kernel
        self.scale = scale
        self.fixed = fixed

    def _tree(self) -> Tree:
        values = {"scale": _value("Scale.scale", "numbers", self.scale)}
        return {"name": "Scale", "values": values, "fixed": self._held(), "children": [tree(self.kernel)]}

    def __repr__(self) -> str:
        if self.fixed:
            return super().__repr__()
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
    raise invalid("description", found, "an object of coregion.kernels or coregion.tasks")


def _part(argument: str, kernel: Any, owner: Any) -> Tree:
    """The tree of the kernel of a task covariance, columns of its features by their numbers."""
    if not isinstance(kernel, Kernel):
        raise invalid(argument, show(kernel), "an object of coregion.kernels, such as kernels.Matern32()")
    columns = getattr(owner.features, "columns", [])
    return with_columns(tree(kernel), [str(name) for name in columns])


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
    raise invalid("Columns.columns", repr(column), f"one of: {', '.join(names)}")


def _terms(kernel: Kernel, kind: type[_Composite]) -> list[Kernel]:
    return list(kernel.kernels) if type(kernel) is kind else [kernel]


def _apart(kernels: list[Kernel]) -> list[Kernel]:
    """The kernels, copies for those that share an object with one before: a parameter is set in one place."""
    seen: set[int] = set()
    out: list[Kernel] = []
    for kernel in kernels:
        own = kernel if seen.isdisjoint(_objects(kernel)) else copy.deepcopy(kernel)
        seen |= _objects(own)
        out.append(own)
    return out


def _objects(part: Parameterized) -> set[int]:
    """The objects of which a kernel is made, itself included."""
    return {id(part)}.union(*(_objects(inner) for inner in part._parts().values()))


def _unscaled(kernel: Kernel) -> tuple[Kernel, Scale | None]:
    """A kernel without the number in front, and what has it: it stays in front of what is made of it."""
    return (kernel.kernel, kernel) if isinstance(kernel, Scale) else (kernel, None)


def _inside(kernel: Kernel, outside: Kernel) -> str:
    loose = isinstance(kernel, Sum) or (isinstance(outside, Columns) and isinstance(kernel, (Product, Scale)))
    return f"({kernel!r})" if loose and not isinstance(outside, Sum) else repr(kernel)


def _value(argument: str, kind: str, value: Any) -> Any:
    """A value as the core takes it: a number or a list of them, a switch, a word."""
    if kind == "added" and isinstance(value, (bool, np.bool_)):
        return bool(value)
    if kind in ("numbers", "added"):
        return _entries(argument, value)
    try:
        if kind == "column" and isinstance(value, str):
            return value
        if kind in ("count", "column"):
            number = value if is_whole(value) else float(value)
            if 0 <= number <= LARGEST and number == int(number) and not isinstance(value, (bool, np.bool_)):
                return int(number)
        elif kind == "switch" and isinstance(value, (bool, np.bool_)):
            return bool(value)
        elif kind == "word" and isinstance(value, str):
            return value
    except (TypeError, ValueError, OverflowError):
        pass
    raise invalid(argument, show(value), _EXPECTED[kind])


def _entries(argument: str, value: Any) -> Any:
    """A number, or a list of numbers or of rows of them."""
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError, OverflowError):
        raise invalid(argument, show(value), "numbers") from None
    if array.ndim > 2:
        raise wrong_shape(argument, f"{array.ndim} dimensions", "at most 2")
    return array.tolist()


_EXPECTED = {
    "count": "a whole number of at least 0",
    "column": "the number or the name of a column",
    "switch": "True or False",
    "word": "a word",
}

_STRUCTURE: dict[str, type[Kernel]] = {kind.__name__: kind for kind in (Sum, Product, Scale, Columns)}


def described(node: Tree, known: dict[str, type[Any]]) -> Any:
    """The object of a tree, arrays for lists of numbers: the inverse of `tree`."""
    name, values = node["name"], dict(node.get("values", {}))
    part_of_task = name in known and issubclass(known[name], Task)
    children = [described(child, _kernels() if part_of_task else known) for child in node.get("children", [])]
    if name in ("Sum", "Product"):
        return _STRUCTURE[name](children)  # type: ignore[call-arg]
    if name in _STRUCTURE:
        held = {"fixed": list(node["fixed"])} if node.get("fixed") else {}
        return _STRUCTURE[name](*children, **values, **held)
    arrays = {k: np.asarray(v, dtype=float) if isinstance(v, list) else v for k, v in values.items()}
    if node.get("fixed"):
        arrays["fixed"] = list(node["fixed"])
    return known[name](*children, **arrays)


def _kernels() -> dict[str, type[Any]]:
    from . import kernels

    return {name: getattr(kernels, name) for name in kernels.__all__}


__all__ = [
    "Columns",
    "Described",
    "Kernel",
    "Mixing",
    "Product",
    "Scale",
    "Sum",
    "Task",
    "described",
    "same",
    "tree",
]
