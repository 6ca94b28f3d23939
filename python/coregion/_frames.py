"""Data frames and series of pandas and polars, seen without importing either."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._errors import invalid
from ._numbers import categories, dates, library, numbers_of, text
from ._types import Floats


def is_pandas(value: Any) -> bool:
    """Whether the value is a data frame, a series or an index of pandas."""
    pd = library("pandas")
    return pd is not None and isinstance(value, (pd.DataFrame, pd.Series, pd.Index))


def is_frame(value: Any) -> bool:
    """Whether the value is a data frame. Frames of polars that are not computed yet are refused."""
    pd, pl = library("pandas"), library("polars")
    if pl is not None and isinstance(value, pl.LazyFrame):
        raise invalid("data frame", "a polars LazyFrame", "a polars DataFrame: call collect() first")
    return (pd is not None and isinstance(value, pd.DataFrame)) or (
        pl is not None and isinstance(value, pl.DataFrame)
    )


def is_series(value: Any) -> bool:
    """Whether the value is a series, an index or a categorical array."""
    pd, pl = library("pandas"), library("polars")
    if pd is not None and isinstance(value, (pd.Series, pd.Index, pd.api.extensions.ExtensionArray)):
        return True
    return pl is not None and isinstance(value, pl.Series)


def column_names(value: Any) -> list[Any] | None:
    """Names of the columns of a data frame; ``None`` for anything else."""
    return list(value.columns) if is_frame(value) else None


def string_names(value: Any) -> NDArray[Any] | None:
    """Names of the columns where all are strings, an array of objects as scikit-learn keeps it."""
    names = column_names(value)
    if not names:
        return None
    types = sorted({type(name).__qualname__ for name in names})
    if len(types) > 1 and "str" in types:
        raise TypeError(
            "Feature names are only supported if all input features have string names, but your input "
            f"has {types} as feature name / column name types. If you want feature names to be stored "
            "and validated, you must convert them all to strings, by using "
            "X.columns = X.columns.astype(str) for example. Otherwise you can remove feature / column "
            "names from your input data, or convert them all to a non-string data type."
        )
    return np.asarray(names, dtype=object) if types == ["str"] else None


def task_names(value: Any) -> list[Any] | None:
    """Labels of tasks from the columns of a frame or the name of a series; ``None`` where there are none."""
    if is_frame(value):
        names = list(value.columns)
        return None if names == list(range(len(names))) else names
    if is_series(value):
        name = getattr(value, "name", None)
        return None if name is None or name == "" else [name]
    return None


def series_name(value: Any) -> str | None:
    """The name of a series."""
    name = getattr(value, "name", None)
    return None if name is None or name == "" else str(name)


def index_of(value: Any) -> Any:
    """The index of a frame or series of pandas; ``None`` for anything else."""
    pd = library("pandas")
    return value.index if pd is not None and isinstance(value, (pd.DataFrame, pd.Series)) else None


def frame_to_floats(frame: Any, argument: str) -> Floats:
    """A data frame as float64, missing values as NaN."""
    names = list(frame.columns)
    out = np.empty((len(frame), len(names)), dtype=np.float64, order="F")
    pl = library("polars")
    for j, name in enumerate(names):
        of_polars = pl is not None and isinstance(frame, pl.DataFrame)
        column = frame.to_series(j) if of_polars else frame.iloc[:, j]
        out[:, j] = column_to_floats(column, argument, str(name))
    return out


def column_to_floats(column: Any, argument: str, name: str | None) -> Floats:
    """A series as float64, missing values as NaN."""
    pl = library("polars")
    if pl is not None and isinstance(column, pl.Series):
        return _polars_column(column, argument, name)
    return _pandas_column(column, argument, name)


def _pandas_column(column: Any, argument: str, name: str | None) -> Floats:
    pd = sys.modules["pandas"]
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        raise categories(argument, name or "")
    kind = getattr(dtype, "kind", "O")
    if kind in "Mm" or isinstance(dtype, pd.PeriodDtype):
        raise dates(argument, name)
    if kind in "biuf" and not isinstance(dtype, np.dtype):
        if isinstance(column, pd.Index) or not hasattr(column, "to_numpy"):
            column = pd.Series(column)
        return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
    if kind in "biufc":
        return numbers_of(np.asarray(column), argument, name)
    return numbers_of(np.asarray(column, dtype=object), argument, name)


def _polars_column(column: Any, argument: str, name: str | None) -> Floats:
    pl = sys.modules["polars"]
    dtype = column.dtype
    if dtype.is_numeric() or dtype == pl.Boolean or dtype == pl.Null:
        return np.asarray(column.cast(pl.Float64).to_numpy())
    if dtype.is_temporal():
        raise dates(argument, name)
    if dtype in (pl.Categorical, pl.Enum):
        raise categories(argument, name or "")
    if dtype == pl.String:
        raise text(argument, name, column.drop_nulls().head(1).to_list())
    return numbers_of(np.asarray(column.to_list(), dtype=object), argument, name)


def series_to_objects(series: Any) -> NDArray[Any]:
    """The values of a series as they are."""
    pl = library("polars")
    if pl is not None and isinstance(series, pl.Series):
        return np.asarray(series.to_list())
    return np.asarray(series)


def declared_categories(series: Any) -> list[Any] | None:
    """The categories that a categorical series declares, in their order; ``None`` where it does not."""
    pd, pl = library("pandas"), library("polars")
    dtype = getattr(series, "dtype", None)
    if pd is not None and isinstance(dtype, pd.CategoricalDtype):
        return list(dtype.categories)
    if pl is not None and isinstance(dtype, pl.Enum):
        return list(dtype.categories)
    return None


def table(kind: str, values: Floats, names: list[str], like: Any, single: bool) -> Any:
    """Predictions as a frame (a series where single) of pandas or polars; pandas keeps the index of
    ``like``."""
    if kind == "pandas":
        import pandas as pd

        index = index_of(like)
        if single:
            return pd.Series(values, index=index, name=names[0] if names else None)
        return pd.DataFrame(values, index=index, columns=names)
    import polars as pl

    if single:
        return pl.Series(names[0] if names else "", values)
    return pl.DataFrame({name: values[:, j] for j, name in enumerate(names)})
