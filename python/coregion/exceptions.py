"""Every exception and warning of the package: one class for each kind of failure.

Where an argument is at fault the exception is a ``ValueError`` as well. The message names the argument,
what it was and what was expected; the same stands in attributes.
"""

from __future__ import annotations

from typing import Any


class CoregionError(Exception):
    """What every exception of the package is.

    Attributes other than the message depend on the class: those of a `ShapeError` are ``argument``,
    ``found`` and ``expected``.
    """

    def __init__(self, message: str = "", **fields: Any) -> None:
        super().__init__(message)
        self.__dict__.update(fields)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self.args, self.__dict__


class ShapeError(CoregionError, ValueError):
    """An array has the wrong shape: ``argument``, ``found``, ``expected``."""


class NotFiniteError(CoregionError, ValueError):
    """An array holds NaN or infinity where it may not: ``argument``, ``row``, ``column``, ``value``."""


class InvalidValueError(CoregionError, ValueError):
    """A value or an option is outside what is accepted: ``argument``, ``found``, ``expected``."""


class UnknownNameError(CoregionError, ValueError):
    """A name is not known: ``kind``, ``name``, ``known``."""


class LayoutError(CoregionError, ValueError):
    """The layout of the data is not served by the method: ``layout``, ``detail``, ``advice``."""


class IncompatibleError(CoregionError, ValueError):
    """Two options exclude each other: ``options``, ``advice``."""


class MissingValueError(CoregionError, ValueError):
    """A parameter has no value although nothing is learned: ``path``."""


class NumericalError(CoregionError, ArithmeticError):
    """A computation broke down: ``operation``, ``detail``."""


class NotPositiveError(NumericalError, ValueError):
    """A matrix that must be positive (semi)definite is not: ``matrix``, ``what``, ``detail``."""


class MemoryBudgetError(CoregionError, MemoryError):
    """A result would not fit in the memory allowed: ``what``, ``needed``, ``budget``, ``advice``."""


class ModelFileError(CoregionError, ValueError):
    """A model file cannot be written, read or used: ``file``, ``problem``, ``advice``."""


class CancelledError(CoregionError):
    """The observer asked to stop: ``evaluations``."""


class DeviceError(CoregionError, RuntimeError):
    """The device asked for cannot be used."""


class NotFittedError(CoregionError, ValueError, AttributeError):
    """A fitted estimator was asked for; where scikit-learn is loaded, also its class of that name."""


class CoregionWarning(UserWarning):
    """What every warning of the package is."""


class ConvergenceWarning(CoregionWarning):
    """Learning ended before an optimum, or a search at the end of its range."""


class DataWarning(CoregionWarning):
    """Something about the data: constant columns or tasks, tasks without or with few observations."""


class BoundaryWarning(CoregionWarning):
    """The optimum lies on a boundary: B of lower rank, noise at its floor."""


class NumericalWarning(CoregionWarning):
    """A result is less exact than it should be."""
