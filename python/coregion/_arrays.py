"""What users pass in as float64 arrays, and the refusals of what is no array of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _frames
from ._errors import invalid, wrong_shape
from ._numbers import is_missing, numbers_of
from ._types import Counts, Floats
from .exceptions import NotFiniteError

_RESHAPE = (
    "Reshape your data either using array.reshape(-1, 1) if your data has a single feature or "
    "array.reshape(1, -1) if it contains a single sample."
)


def to_floats(value: Any, argument: str) -> Floats:
    """An array, a list or a data frame as float64 of any number of dimensions; masked entries and missing
    values are NaN."""
    if _frames.is_frame(value):
        return _frames.frame_to_floats(value, argument)
    if _frames.is_series(value):
        return _frames.column_to_floats(value, argument, _frames.series_name(value))
    _refuse_sparse(value, argument)
    if isinstance(value, np.ma.MaskedArray):
        filled: Floats = np.where(
            np.ma.getmaskarray(value), np.nan, numbers_of(np.asarray(value.data), argument)
        )
        return filled
    try:
        array = np.asarray(value)
    except ValueError as error:
        if "inhomogeneous" not in str(error):
            raise
        raise wrong_shape(argument, "rows of different lengths", "an array of numbers") from None
    return numbers_of(array, argument)


def _refuse_sparse(value: Any, argument: str) -> None:
    module = type(value).__module__.partition(".")[0]
    if (module in ("scipy", "sparse") and hasattr(value, "todense")) or hasattr(value, "tocsr"):
        found = f"Sparse data ({type(value).__name__})"
        raise invalid(argument, found, "a dense array: sparse input is not supported, use toarray()")


def inputs(value: Any, argument: str = "X") -> Floats:
    """Rows of inputs (n, d): two dimensions, at least one row and column, finite."""
    x = to_floats(value, argument)
    if x.ndim != 2:
        if x.ndim == 0:
            message = f"Expected 2D array, got scalar array instead:\narray={x}.\n{_RESHAPE}"
        elif x.ndim == 1:
            message = f"Expected 2D array, got 1D array instead:\narray={x}.\n{_RESHAPE}"
        else:
            message = f"Found array with dim {x.ndim}, while dim <= 2 is required by {argument}."
        error = wrong_shape(argument, f"{x.ndim} dimensions", "2: rows and columns")
        error.args = (f"{argument}: {message}",)
        raise error
    for size, name in zip(x.shape, ("sample", "feature")):
        if size == 0:
            found = f"Found array with 0 {name}(s) (shape={x.shape}) while a minimum of 1 is required."
            error = wrong_shape(argument, found, f"at least one {name}")
            error.args = (f"{argument}: {found}",)
            raise error
    finite(x, argument)
    return x


def finite(array: Floats, argument: str, *, nan: bool = False) -> None:
    """Refuses infinities, and NaN unless ``nan`` is true, naming the first place."""
    wrong = np.isinf(array) if nan else ~np.isfinite(array)
    if not wrong.any():
        return
    table = array.reshape(array.shape[0], -1) if array.ndim else array.reshape(1, 1)
    row, column = (int(i) for i in np.argwhere(wrong.reshape(table.shape))[0])
    value = float(table[row, column])
    shown = "NaN" if np.isnan(value) else ("inf" if value > 0 else "-inf")
    where = f"row {row}, column {column}" if array.ndim == 2 else f"row {row}"
    expected = "finite numbers, or NaN where nothing was observed" if nan else "finite numbers"
    raise NotFiniteError(
        f"{argument}: found {shown} at {where}, expected {expected}",
        argument=argument,
        row=row,
        column=column,
        value=value,
    )


def outputs(value: Any, argument: str, n_rows: int) -> Floats:
    """Observations (n,) or (n, T), NaN where nothing was observed, one row for each row of X."""
    if value is None:
        expected = "an array (this estimator requires y to be passed, but the target y is None)"
        raise invalid(argument, "None", expected)
    y = to_floats(value, argument)
    if y.ndim not in (1, 2):
        raise wrong_shape(argument, f"{y.ndim} dimensions", "1 (one task) or 2 (rows and tasks)")
    if len(y) != n_rows:
        found, expected = _rows(len(y)), f"{_rows(n_rows)}, as many as X has"
        error = wrong_shape(argument, found, expected)
        error.args = (f"{error.args[0]} (inconsistent numbers of samples: {[n_rows, len(y)]})",)
        raise error
    if y.ndim == 2 and y.shape[1] == 0:
        raise wrong_shape(argument, "0 columns", "at least one, one for each task")
    finite(y, argument, nan=True)
    return y


def _rows(count: int) -> str:
    return f"{count} row" if count == 1 else f"{count} rows"


def vector(value: Any, argument: str, length: int | None, each: str) -> Floats:
    """Finite numbers (length,), one for ``each``."""
    out = to_floats(value, argument)
    if out.ndim != 1:
        raise wrong_shape(argument, f"{out.ndim} dimensions", f"1: a number for each {each}")
    if length is not None and len(out) != length:
        raise wrong_shape(argument, f"{len(out)} numbers", f"{length}, one for each {each}")
    finite(out, argument)
    return out


def labels_of_groups(value: Any, argument: str, length: int, each: str) -> Counts:
    """Labels of any kind as numbers in the order of the sorted labels."""
    if _frames.is_series(value):
        value = _frames.series_to_objects(value)
    array = np.asarray(value)
    if array.ndim != 1:
        raise wrong_shape(argument, f"{array.ndim} dimensions", f"1: a label for each {each}")
    if len(array) != length:
        raise wrong_shape(argument, f"{len(array)} labels", f"{length}, one for each {each}")
    if (array.dtype.kind in "fMm" and (array != array).any()) or (
        array.dtype == object and any(is_missing(label) for label in array)
    ):
        raise invalid(argument, "a missing label", f"a label for each {each}")
    if array.dtype == object and any(isinstance(label, str) for label in array):
        array = np.asarray([str(label) for label in array])
    try:
        return np.unique(array, return_inverse=True)[1].reshape(-1).astype(np.int64)
    except TypeError:
        raise invalid(argument, "labels that have no order", "text or numbers") from None
