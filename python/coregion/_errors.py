"""Errors of this side of the package, made in the words of the core's."""

from __future__ import annotations

import sys
from typing import Any

from .exceptions import IncompatibleError, InvalidValueError, NotFittedError, ShapeError


def invalid(argument: str, found: str, expected: str) -> InvalidValueError:
    """An argument with a value that is not accepted."""
    message = f"{argument}: found {found}, expected {expected}"
    return InvalidValueError(message, argument=argument, found=found, expected=expected)


class _NoNumberError(InvalidValueError, TypeError):
    """Also of the type that Python and scikit-learn have for what is no number."""


def no_number(argument: str, found: str) -> InvalidValueError:
    """An argument that holds what is no number."""
    expected = "an array of numbers"
    message = f"{argument}: found {found}, expected {expected}"
    return _NoNumberError(message, argument=argument, found=found, expected=expected)


def wrong_shape(argument: str, found: str, expected: str) -> ShapeError:
    """An argument of the wrong shape."""
    message = f"{argument}: found {found}, expected {expected}"
    return ShapeError(message, argument=argument, found=found, expected=expected)


def incompatible(options: str, advice: str) -> IncompatibleError:
    """Options that exclude each other."""
    message = f"{options} cannot be combined: {advice}"
    return IncompatibleError(message, options=options, advice=advice)


def not_fitted(estimator: object) -> NotFittedError:
    """The error of an estimator that has not been fitted."""
    message = (
        f"This {type(estimator).__name__} instance is not fitted yet. Call 'fit' with appropriate "
        "arguments before using this estimator."
    )
    return not_fitted_class()(message)


def not_fitted_class() -> type[NotFittedError]:
    """`NotFittedError`; where scikit-learn is loaded a class that is its error of that name as well."""
    theirs = sys.modules.get("sklearn.exceptions")
    if theirs is None:
        return NotFittedError
    known = _BOTH.get("class")
    if known is None:
        bases = (NotFittedError, theirs.NotFittedError)
        doc, module = NotFittedError.__doc__, NotFittedError.__module__
        body = {"__reduce__": _reduce, "__module__": module, "__doc__": doc}
        known = _BOTH["class"] = type("NotFittedError", bases, body)
    return known


_BOTH: dict[str, type[NotFittedError]] = {}


def _reduce(error: NotFittedError) -> tuple[Any, ...]:
    return _again, (error.args,)


def _again(args: tuple[Any, ...]) -> NotFittedError:
    """The error as it comes out of a pickle."""
    return not_fitted_class()(*args)
