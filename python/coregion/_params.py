"""Objects that are what their constructor's arguments are: parameters in scikit-learn's sense."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import numpy as np

from .exceptions import UnknownNameError

if TYPE_CHECKING:
    from typing_extensions import Self


class Parameterized:
    """Stores constructor arguments under their names; compared, printed and copied by them.

    The parameters of a parameter are reached by two underscores, as in ``kernel__lengthscale``.
    """

    @classmethod
    def _defaults(cls) -> dict[str, Any]:
        """Names and default values of the constructor's arguments."""
        signature = inspect.signature(cls.__init__)
        many = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        arguments = [p for p in signature.parameters.values() if p.name != "self" and p.kind not in many]
        return {p.name: p.default for p in arguments}

    def _parts(self) -> dict[str, Parameterized]:
        """What has parameters of its own, by the name under which they are reached."""
        own = {name: getattr(self, name) for name in self._defaults()}
        return {name: value for name, value in own.items() if has_params(value)}

    def _set_part(self, name: str, value: Any) -> None:
        """Replaces a part."""
        setattr(self, name, value)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters by name, those of parts included where ``deep`` is true."""
        params = {name: getattr(self, name) for name in self._defaults()}
        if deep:
            for name, part in self._parts().items():
                params[name] = part
                params.update({f"{name}__{k}": v for k, v in part.get_params().items()})
        return params

    def set_params(self, **params: Any) -> Self:
        """Sets parameters by name, also those of parts. Returns the object itself."""
        nested: dict[str, dict[str, Any]] = {}
        known = [*self._defaults(), *(name for name in self._parts() if name not in self._defaults())]
        for name, value in params.items():
            head, _, tail = name.partition("__")
            if head not in known:
                message = (
                    f"Invalid parameter {head!r} for estimator {self}. "
                    f"Valid parameters are: {sorted(known)!r}."
                )
                raise UnknownNameError(message, kind="parameter", name=head, known=known)
            if tail:
                nested.setdefault(head, {})[tail] = value
            elif head in self._defaults():
                setattr(self, head, value)
            else:
                self._set_part(head, value)
        for head, values in nested.items():
            part = self._parts().get(head)
            if part is None:
                message = f"{head} is {getattr(self, head)!r}, which has no parameters: set {head} first"
                raise UnknownNameError(message, kind="parameter", name=head, known=known)
            part.set_params(**values)
        return self

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(same(getattr(self, name), getattr(other, name)) for name in self._defaults())

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = []
        for name, default in self._defaults().items():
            value = getattr(self, name)
            if default is inspect.Parameter.empty or not same(value, default):
                shown.append(f"{name}={show(value)}")
        return f"{type(self).__name__}({', '.join(shown)})"


def has_params(value: Any) -> bool:
    """Whether the value has parameters of its own; a class has not, its objects have."""
    return hasattr(value, "get_params") and not isinstance(value, type)


def same(a: Any, b: Any) -> bool:
    """Whether two parameter values are the same; arrays and lists are by their entries."""
    if a is b:
        return True
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        try:
            left, right = np.asarray(a), np.asarray(b)
        except ValueError:
            return False
        return left.shape == right.shape and bool(
            np.all((left == right) | ((left != left) & (right != right)))
        )
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    try:
        return bool(a == b)
    except (TypeError, ValueError):
        return False


def show(value: Any) -> str:
    """A parameter value in print: numbers without their types, long arrays by their shape."""
    if isinstance(value, np.ndarray):
        if value.size > 12:
            return f"<{' x '.join(map(str, value.shape))}>"
        return show(value.tolist())
    if isinstance(value, np.generic):
        return repr(value.item())
    if isinstance(value, (list, tuple)) and value and not isinstance(value[0], str):
        parts = ", ".join(show(v) for v in value)
        return f"[{parts}]" if isinstance(value, list) else f"({parts},)" if len(value) == 1 else f"({parts})"
    return repr(value)
