"""Values of any kind as float64, and the refusals of what is no number."""

from __future__ import annotations

import datetime
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._errors import invalid, no_number, wrong_shape
from ._types import Floats

_DATES = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)


def library(name: str) -> Any:
    """The library of data frames where it is loaded: only then can a value be of one of its classes."""
    module = sys.modules.get(name)
    return module if module is not None and hasattr(module, "DataFrame") else None


def is_na(value: Any) -> bool:
    """Whether the value is the missing value of pandas."""
    pd = library("pandas")
    return pd is not None and (value is pd.NA or value is pd.NaT)


def is_missing(value: Any) -> bool:
    """Whether the value says that there is none: None, NaN, NaT, or that of pandas."""
    if value is None or is_na(value):
        return True
    return isinstance(value, (float, np.floating, np.datetime64, np.timedelta64)) and bool(value != value)


def numbers_of(array: NDArray[Any], argument: str, column: str | None = None) -> Floats:
    """An array of any kind as float64, or the refusal that says what to do."""
    kind = array.dtype.kind
    if kind in "biuf":
        # Fields of packed records are not aligned, and the core reads in place.
        return np.require(array, np.float64, ["ALIGNED"])
    if kind == "c":
        raise _complex(argument, column)
    if kind in "Mm":
        raise dates(argument, column)
    if kind in "USV":
        raise text(argument, column, array.reshape(-1)[0].item() if array.size else "")
    return _numbers_of_objects(array, argument, column)


def _numbers_of_objects(array: NDArray[Any], argument: str, column: str | None) -> Floats:
    out = np.empty(array.shape, dtype=np.float64)
    flat = out.reshape(-1)
    for i, value in enumerate(array.reshape(-1)):
        if isinstance(value, (str, bytes)):
            raise text(argument, column, value)
        if isinstance(value, _DATES):
            raise dates(argument, column)
        if isinstance(value, (list, tuple, np.ndarray)):
            raise wrong_shape(argument, "rows of different lengths", "an array of numbers")
        if isinstance(value, (complex, np.complexfloating)):
            raise _complex(argument, column)
        try:
            flat[i] = np.nan if value is None or is_na(value) else float(value)
        except OverflowError:
            found = f"a number beyond the range of float64{_at(column)}"
            raise invalid(argument, found, "numbers up to about 1.8e308") from None
        except TypeError as error:
            raise no_number(argument, f"{type(value).__name__}{_at(column)} ({error})") from None
    return out


def _complex(argument: str, column: str | None) -> Exception:
    found = f"complex numbers (Complex data not supported){_at(column)}"
    return invalid(argument, found, "real numbers")


def _at(column: str | None) -> str:
    return "" if column is None else f" in column '{column}'"


def dates(argument: str, column: str | None) -> Exception:
    """The refusal of dates and times."""
    if column is None:
        return invalid(argument, "dates or times", "numbers: days since a reference day, for example")
    found = f"dates or times in column '{column}'"
    advice = f"(df['{column}'] - df['{column}'].min()).dt.total_seconds() / 86400"
    return invalid(argument, found, f"numbers: convert them to days, for example by {advice}")


def text(argument: str, column: str | None, value: Any) -> Exception:
    """The refusal of text."""
    found = f"text ({value!r}){_at(column)}"
    expected = (
        "numbers: convert text that holds numbers (pandas.to_numeric), and give categories as codes "
        "0, 1, ... with kernels.Categorical on that column"
    )
    return invalid(argument, found, expected)


def categories(argument: str, column: str) -> Exception:
    """The refusal of categorical columns."""
    expected = (
        f"numbers: give the codes (df['{column}'].cat.codes, or to_physical() in polars) with "
        f"kernels.Categorical().on(['{column}']), or one column of 0 and 1 for each category"
    )
    return invalid(argument, f"categories in column '{column}'", expected)
